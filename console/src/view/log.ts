// Everything that happened, to be filtered and opened.

import type { Happening } from "../happening";
import { find, make } from "./element";

const SHOWN = 300;
const QUIET = new Set(["page.played"]);

export class Log {
  private readonly lines = find<HTMLOListElement>("log");
  private readonly filter = find<HTMLInputElement>("filter");
  private readonly quiet = find<HTMLInputElement>("show-played");
  private last: Happening | undefined;
  private wanted = "";

  show(happenings: Happening[]): void {
    const last = happenings[happenings.length - 1];
    const wanted = `${this.filter.value.toLowerCase()} ${this.quiet.checked}`;
    if (last === this.last && wanted === this.wanted) return;
    const isNew = wanted !== this.wanted;
    const from = isNew || !this.last ? 0 : happenings.lastIndexOf(this.last) + 1;
    this.wanted = wanted;
    this.last = last;
    const found = happenings.slice(from).filter((one) => this.wants(one)).slice(-SHOWN);
    if (isNew || from === 0) this.lines.replaceChildren();
    this.lines.prepend(...found.reverse().map(line));
    while (this.lines.childElementCount > SHOWN) this.lines.lastElementChild?.remove();
    find("no-events").hidden = this.lines.childElementCount > 0;
  }

  private wants(one: Happening): boolean {
    if (QUIET.has(one.event.type) && !this.quiet.checked) return false;
    const words = this.filter.value.toLowerCase().trim();
    return !words || JSON.stringify(one.event).toLowerCase().includes(words);
  }
}

function line({ at, from, event }: Happening): HTMLElement {
  const details = make("details", {}, make(
    "summary",
    {},
    make("time", {}, (at / 1000).toFixed(3)),
    make("span", { class: "from", "data-from": from }, from),
    make("code", {}, event.type),
  ));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) {
      details.append(make("pre", { tabindex: "0" }, JSON.stringify(event, null, 1)));
    }
  });
  return make("li", {}, details);
}
