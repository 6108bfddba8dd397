// Recordings from above to below, answers side by side: every task that is chosen, asked about every recording.

import { answer, requestOf, type Wish } from "../compare/answer";
import { fault, largest, megabytes, read, type Sent } from "../compare/recording";
import type { Server } from "../server";
import { NO_OFFER, type Offer } from "../tasks";
import { say, taskName, translate, type Word } from "../words";
import { Cell } from "./cell";
import { find, make } from "./element";

interface Shown {
  file: File;
  sent: Promise<Sent> | null; // read when the first question about it is asked
  cells: Map<string, Cell>;
  element: HTMLLIElement;
  row: HTMLElement;
}

export interface Means {
  model: string;
  voice: string;
}

export class Compare {
  private offer: Offer = NO_OFFER;
  private readonly shown: Shown[] = [];
  private readonly form = find<HTMLFormElement>("asking");
  private stopping: AbortController | null = null;

  constructor(
    private readonly server: Server,
    private readonly means: () => Means,
  ) {
    find("recordings").addEventListener("change", (event) => {
      const field = event.target as HTMLInputElement;
      this.add([...(field.files ?? [])]);
      field.value = "";
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.ask();
    });
    find("ask-stop").addEventListener("click", () => this.stopping?.abort());
  }

  /** What the server has to offer. */
  offered(offer: Offer): void {
    this.offer = offer;
    const usual = offer.tasks.find((task) => task.takes === "audio" && task.isLearnt)?.id;
    const boxes = offer.tasks.filter((task) => task.takes === "audio").map((task) => {
      const box = make("input", { type: "checkbox", name: "task", value: task.id, disabled: !task.isLearnt });
      box.checked = task.id === usual;
      const why = task.isLearnt ? null : make("small", { "data-say": "not_learnt" });
      const label = make("label", { class: "check", title: task.instructions }, box, " ");
      label.append(make("span", { "data-task": task.id }, taskName(task.id)), ...(why ? [" ", why] : []));
      return label;
    });
    find("tasks").replaceChildren(make("legend", { "data-say": "tasks" }), ...boxes);
    translate(find("tasks"));
  }

  /** The names of the tasks in the language that is chosen now. */
  rename(): void {
    for (const name of this.form.querySelectorAll<HTMLElement>("[data-task]")) {
      name.textContent = taskName(name.dataset.task ?? "");
    }
  }

  add(files: File[]): void {
    const { bodyBytes } = this.offer;
    this.warn(null);
    for (const file of files) {
      const why = fault(file, bodyBytes);
      const sizes = why === "too_large" ? ` (${megabytes(file.size)} > ${megabytes(largest(bodyBytes))})` : "";
      if (why) this.warn(why, file.name + sizes);
      else this.show(file);
    }
  }

  private show(file: File): void {
    const address = URL.createObjectURL(file);
    const player = make("audio", { controls: true, src: address, preload: "metadata", "aria-label": file.name });
    const drop = make("button", { type: "button", "data-say": "remove" });
    const head = make("div", { class: "row recording" }, make("h2", {}, file.name), player, drop);
    const row = make("div", { class: "cells" });
    const element = make("li", {}, head, row);
    const shown: Shown = { file, sent: null, cells: new Map(), element, row };
    drop.addEventListener("click", () => {
      this.shown.splice(this.shown.indexOf(shown), 1);
      for (const cell of shown.cells.values()) cell.forget();
      URL.revokeObjectURL(address);
      element.remove();
      find("no-recordings").hidden = this.shown.length > 0;
    });
    translate(element);
    this.shown.push(shown);
    find("heard").append(element);
    find("no-recordings").hidden = true;
  }

  /** The questions of the form. */
  private wishes(): Wish[] {
    const given = new FormData(this.form);
    const word = (name: string) => String(given.get(name) ?? "").trim();
    const common = { question: word("question"), seed: Math.max(Math.trunc(Number(word("seed"))) || 0, 0) };
    const chosen = new Set(given.getAll("task"));
    const wishes: Wish[] = this.offer.tasks.filter((task) => chosen.has(task.id)).map((task) => ({ ...task, ...common }));
    const own = word("own");
    if (own) wishes.push({ id: "own", instructions: own, gives: given.has("aloud") ? "audio" : "text", sampling: {}, ...common });
    return wishes;
  }

  private async ask(): Promise<void> {
    const wishes = this.wishes();
    if (!this.shown.length || !wishes.length) return this.warn(this.shown.length ? "no_task" : "no_recordings");
    if (this.stopping) return;
    this.warn(null);
    const stopping = (this.stopping = new AbortController());
    this.busy(true);
    const due = this.shown.flatMap((shown) => wishes.flatMap((wish) => this.cell(shown, wish)));
    for (const [at, [shown, wish, cell]] of due.entries()) {
      find("asked").textContent = `${at} / ${due.length}`;
      if (stopping.signal.aborted || !this.shown.includes(shown)) cell.stopped();
      else await this.fill(shown, wish, cell, stopping.signal);
    }
    find("asked").textContent = `${due.length} / ${due.length}`;
    this.stopping = null;
    this.busy(false);
  }

  /** A place for an answer that is not there yet; one that is there stays beside what is asked otherwise now. */
  private cell(shown: Shown, wish: Wish): [Shown, Wish, Cell][] {
    const key = JSON.stringify(wish);
    const before = shown.cells.get(key);
    if (before?.element.dataset.state === "done") return [];
    const cell = new Cell(wish);
    if (before) before.element.replaceWith(cell.element);
    else shown.row.append(cell.element);
    shown.cells.set(key, cell);
    return [[shown, wish, cell]];
  }

  private async fill(shown: Shown, wish: Wish, cell: Cell, signal: AbortSignal): Promise<void> {
    cell.begin();
    try {
      shown.sent ??= read(shown.file, this.offer.bodyBytes);
      const sound = await shown.sent.catch((error: unknown) => {
        shown.sent = null;
        throw new Error(say(error instanceof Error && error.message === "too_large" ? "too_large" : "unreadable"));
      });
      const { model, voice } = this.means();
      for await (const { words, sound: said } of answer(this.server, requestOf(wish, sound, model, voice), signal)) {
        cell.take(words, said);
      }
      cell.done();
    } catch (error) {
      if (signal.aborted) cell.stopped();
      else cell.failed(error instanceof TypeError ? say("no_answer") : error instanceof Error ? error.message : String(error));
    }
  }

  private busy(is: boolean): void {
    find<HTMLButtonElement>("ask").disabled = is;
    find<HTMLButtonElement>("ask-stop").disabled = !is;
  }

  private warn(word: Word | null, detail = ""): void {
    const notice = find("compare-notice");
    notice.hidden = word === null;
    notice.dataset.why = word ?? "";
    notice.textContent = word === null ? "" : `${say(word)} ${detail}`.trim();
  }
}
