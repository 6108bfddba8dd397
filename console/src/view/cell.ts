// One answer beside others: its words, its sound, what it noticed, and how long it took.

import type { Wish } from "../compare/answer";
import { noticed } from "../noticed";
import { RATE, wavOf } from "../sound/pcm";
import { say, taskName } from "../words";
import { chips } from "./chips";
import { make, ms } from "./element";

export class Cell {
  readonly element: HTMLElement;
  private readonly words = make("p", { class: "answer" });
  private readonly figures = make("p", { class: "figures" });
  private readonly below = make("div");
  private readonly sound: Int16Array[] = [];
  private address = "";
  private begun = 0;
  private firstMs = 0;

  constructor(wish: Wish) {
    const title = [taskName(wish.id), wish.question && `“${wish.question}”`, wish.seed && `${say("seed")} ${wish.seed}`];
    const heading = make("h3", {}, title.filter(Boolean).join(" · "));
    this.element = make("article", { "data-task": wish.id, "data-state": "waiting" }, heading, this.figures);
    this.element.append(this.words, this.below);
    this.figures.textContent = say("waiting");
  }

  begin(): void {
    this.begun = performance.now();
    this.element.dataset.state = "running";
    this.element.setAttribute("aria-busy", "true");
    this.figures.textContent = say("running");
  }

  take(words: string, sound: Int16Array | null): void {
    this.firstMs ||= performance.now() - this.begun;
    this.words.append(words);
    if (sound) this.sound.push(sound);
  }

  done(): void {
    const figures = `${say("first_piece")} ${ms(this.firstMs)} · ${say("whole")} ${ms(performance.now() - this.begun)}`;
    this.end("done", figures);
    const samples = this.sound.reduce((sum, piece) => sum + piece.length, 0);
    if (samples) {
      this.figures.append(` · ${(samples / RATE).toFixed(1)} s`);
      this.address = URL.createObjectURL(wavOf(this.sound.map((piece) => [piece])));
      const player = make("audio", { controls: true, src: this.address, preload: "metadata" });
      player.setAttribute("aria-label", this.element.querySelector("h3")?.textContent ?? "");
      this.below.append(player);
    }
    const found = noticed(this.words.textContent ?? "");
    if (found.length) this.below.prepend(chips(found));
    if (!this.words.textContent && !samples) this.words.textContent = "…";
  }

  failed(what: string): void {
    this.end("failed", what);
  }

  stopped(): void {
    this.end("stopped", say("stopped"));
  }

  forget(): void {
    if (this.address) URL.revokeObjectURL(this.address);
  }

  private end(state: string, words: string): void {
    this.element.dataset.state = state;
    this.element.removeAttribute("aria-busy");
    this.figures.textContent = words.replaceAll(" ms", "\u00a0ms"); // a number and its unit stay together
  }
}
