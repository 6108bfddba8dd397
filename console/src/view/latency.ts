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
  private key = "";
  private newest = ""; // the turn that was opened without being asked

  show(session: Session): void {
    const key = JSON.stringify([session.turns, say("turn")]);
    if (key === this.key) return;
    this.key = key;
    find("no-turns").hidden = session.turns.length > 0;
    this.strip.replaceChildren(...FIGURES.map((name) => row(name, session.turns)));
    const open = new Set([...this.turns.querySelectorAll("details[open]")].map((one) => one.id));
    const latest = session.turns.slice(-LONGEST_SHOWN).reverse();
    const newest = latest[0] ? `turn-${latest[0].number}` : "";
    if (newest !== this.newest) {
      open.delete(this.newest);
      open.add(newest);
      this.newest = newest;
    }
    this.turns.replaceChildren(...latest.map((turn) => drawn(turn, open.has(`turn-${turn.number}`))));
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
