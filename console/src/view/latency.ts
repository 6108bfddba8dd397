// Where the milliseconds of each turn went, and what is usual.

import type { Session } from "../session";
import { figure, quantile, spans, STAGES, type Figure, type Turn } from "../turn";
import { say } from "../words";
import { find, make, ms } from "./element";

const FIGURES: Figure[] = ["total", "firstSound", "firstText", "bargeIn"];
const LONGEST_SHOWN = 50;

export class Latency {
  private readonly strip = find<HTMLTableSectionElement>("strip");
  private readonly turns = find<HTMLOListElement>("turns");
  private readonly shown = new Map<number, { key: string; element: HTMLElement }>();
  private count = 0; // turns there were
  private newest = 0; // the turn that was opened without being asked

  show(session: Session): void {
    const latest = session.turns.slice(-LONGEST_SHOWN).reverse();
    const keys = latest.map((turn) => JSON.stringify([turn, say("turn")]));
    const isKnown = latest.every((turn, i) => this.shown.get(turn.number)?.key === keys[i]);
    if (isKnown && session.turns.length === this.count) return;
    this.count = session.turns.length;
    find("no-turns").hidden = session.turns.length > 0;
    this.strip.replaceChildren(...FIGURES.map((name) => row(name, session.turns)));
    const newest = latest[0]?.number ?? 0;
    for (const [i, turn] of latest.entries()) this.update(turn, keys[i] ?? "", newest);
    this.newest = newest;
    const there = new Set(latest.map((turn) => turn.number));
    for (const number of this.shown.keys()) if (!there.has(number)) this.shown.delete(number);
    const elements = latest.map((turn) => this.shown.get(turn.number)?.element).filter((one) => one !== undefined);
    if (elements.some((one, i) => this.turns.children[i] !== one)) this.turns.replaceChildren(...elements);
    while (this.turns.childElementCount > elements.length) this.turns.lastElementChild?.remove();
  }

  /** A turn is drawn again when something of it changed; the newest lies open until there is a newer one. */
  private update(turn: Turn, key: string, newest: number): void {
    const before = this.shown.get(turn.number);
    const isNews = newest !== this.newest && (turn.number === newest || turn.number === this.newest);
    if (before?.key === key && !isNews) return;
    const wasOpen = before?.element.querySelector("details")?.open ?? false;
    const element = drawn(turn, isNews ? turn.number === newest : wasOpen);
    before?.element.replaceWith(element);
    this.shown.set(turn.number, { key, element });
  }
}

function row(name: Figure, turns: Turn[]): HTMLElement {
  const values = turns.map((turn) => figure(turn, name)).filter((value) => value !== undefined);
  const cell = (share: number) => {
    const value = quantile(values, share);
    return make("td", {}, value === undefined ? "–" : ms(value));
  };
  const title = make("th", { scope: "row" }, say(`figure_${name}`));
  return make("tr", { "data-figure": name }, title, cell(0.5), cell(0.95), make("td", {}, String(values.length)));
}

function drawn(turn: Turn, isOpen: boolean): HTMLElement {
  const parts = spans(turn);
  const whole = parts.reduce((sum, [, value]) => sum + value, 0);
  const isAhead = (turn.stages.begun ?? 0) < 0;
  const bar = make("div", { class: "bar", "aria-hidden": "true", "data-ahead": isAhead });
  for (const [name, value] of parts) {
    const part = make("span", { "data-span": name, title: `${say(name)}: ${ms(value)}` });
    part.style.flexGrow = String(Math.max(value, 1));
    bar.append(part);
  }
  const total = figure(turn, "total") ?? (whole || undefined);
  const label = `${say("turn")} ${turn.number}${turn.isTyped ? ` (${say("typed")})` : ""}`;
  const summary = make("summary", {}, make("b", {}, label), make("span", {}, total === undefined ? "…" : ms(total)), bar);
  const inner = make("details", { id: `turn-${turn.number}`, open: isOpen }, summary, numbers(turn));
  return make("li", { "data-turn": String(turn.number) }, inner);
}

function numbers(turn: Turn): HTMLElement {
  const rows: [string, string, string][] = spans(turn).map(([name, value]) => [name, say(name), ms(value)]);
  const { server, stages } = turn;
  const add = (key: string, label: string, value: number | undefined, unit = ms) => {
    if (value !== undefined) rows.push([key, label, unit(value)]);
  };
  add("decision", say("figure_firstSound"), figure(turn, "firstSound"));
  add("text", say("figure_firstText"), figure(turn, "firstText"));
  add("bargeIn", say("figure_bargeIn"), figure(turn, "bargeIn"));
  for (const [name] of STAGES) add(`server-${name}`, say(`server_${name}`), stages[name]);
  add("tokens", say("tokens_per_s"), turn.tokensPerS || undefined, (value) => value.toFixed(0));
  add("underrun", say("underrun"), turn.underrunMs);
  add("compression", say("compression"), server.compression, (value) => value.toFixed(2));
  add("committed", say("committed"), server.committed || undefined, String);
  add("discarded", say("discarded"), server.discarded || undefined, String);
  const table = make("dl", { class: "numbers" });
  for (const [key, label, value] of rows) {
    table.append(make("div", { "data-key": key }, make("dt", {}, label), make("dd", {}, value)));
  }
  return make("div", {}, table, make("small", {}, say("figures_of_all")));
}
