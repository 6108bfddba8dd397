// Everything that happened, to be filtered and opened. A line holds the number of its happening and nothing more.

import type { Chronicle } from "../chronicle";
import type { Happening } from "../happening";
import { find, make } from "./element";

const SHOWN = 300;
const QUIET = new Set(["page.played"]);

export class Log {
  private readonly lines = find<HTMLOListElement>("log");
  private readonly filter = find<HTMLInputElement>("filter");
  private readonly quiet = find<HTMLInputElement>("show-played");
  private chronicle: Chronicle | undefined;
  private seen = 0; // happenings
  private wanted = "";
  private filling = 0; // counts the lists that were begun

  constructor() {
    const opened = (event: Event) => void this.opened(event.target as HTMLDetailsElement);
    this.lines.addEventListener("toggle", opened, { capture: true }); // for it does not bubble
  }

  show(chronicle: Chronicle): void {
    const wanted = `${this.filter.value.toLowerCase()} ${this.quiet.checked}`;
    const isNew = chronicle !== this.chronicle || wanted !== this.wanted || this.seen < chronicle.first;
    if (!isNew && this.seen === chronicle.count) return;
    const from = isNew ? chronicle.first : this.seen;
    this.chronicle = chronicle;
    this.wanted = wanted;
    this.seen = chronicle.count;
    if (isNew) this.lines.replaceChildren();
    this.lines.prepend(...this.drawn(chronicle.latest.slice(from - chronicle.first), from));
    this.trim();
    if (isNew) void this.fill(chronicle, ++this.filling);
  }

  /** What is older, until there are enough lines. */
  private async fill(chronicle: Chronicle, filling: number): Promise<void> {
    if (this.lines.childElementCount >= SHOWN) return;
    for await (const [first, happenings] of chronicle.before(chronicle.first)) {
      if (filling !== this.filling) return;
      this.lines.append(...this.drawn(happenings, first));
      this.trim();
      if (this.lines.childElementCount === SHOWN) return;
    }
  }

  private trim(): void {
    while (this.lines.childElementCount > SHOWN) this.lines.lastElementChild?.remove();
    find("no-events").hidden = this.lines.childElementCount > 0;
  }

  /** The lines of those that are wanted, the latest first. */
  private drawn(happenings: Happening[], first: number): HTMLElement[] {
    const lines = happenings.map((one, i) => (this.wants(one) ? line(one, first + i) : null));
    return lines.filter((one) => one !== null).slice(-SHOWN).reverse();
  }

  private wants(one: Happening): boolean {
    if (QUIET.has(one.event.type) && !this.quiet.checked) return false;
    const words = this.filter.value.toLowerCase().trim();
    return !words || JSON.stringify(one.event).toLowerCase().includes(words);
  }

  private async opened(details: HTMLDetailsElement): Promise<void> {
    if (!details.open || details.childElementCount > 1) return;
    const found = await this.chronicle?.at(Number(details.dataset.number));
    if (details.childElementCount > 1) return;
    details.append(make("pre", { tabindex: "0" }, JSON.stringify(found?.event ?? null, null, 1)));
  }
}

function line({ at, from, event }: Happening, number: number): HTMLElement {
  const summary = make(
    "summary",
    {},
    make("time", {}, (at / 1000).toFixed(3)),
    make("span", { class: "from", "data-from": from }, from),
    make("code", {}, event.type),
  );
  return make("li", {}, make("details", { "data-number": String(number) }, summary));
}
