// Both sides of the conversation on one clock: what the microphone gives and what is played, sample by sample.
//
//   main  ── play | end | flush ──>  ring of pieces ──> output ─┐
//   call  ── its track ───────────────────────────────────> + ──┤
//   main  <── frame (20 ms of both) <── microphone ─────────────┘
//
// A flush drops what has not been handed to the output, and says to the sample how much of the item had been.

import type { FromWorklet, ToWorklet } from "./messages";

declare const currentFrame: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

const FRAME = 480; // samples of 20 ms

interface Piece {
  item: string;
  samples: Int16Array;
}

class Sound extends AudioWorkletProcessor {
  private pieces: Piece[] = [];
  private at = 0; // samples played of the first piece
  private item = ""; // the one that sounds
  private played = 0; // samples of it
  private ended = new Set<string>();
  private underrun = 0;
  private mic = new Int16Array(FRAME);
  private out = new Int16Array(FRAME);
  private filled = 0;

  constructor() {
    super();
    this.port.onmessage = (message: MessageEvent<ToWorklet>) => this.told(message.data);
  }

  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const heard = inputs[0]?.[0];
    const channels = outputs[0] ?? [];
    const said = channels[0];
    if (!said) return true;
    this.fill(said);
    const called = inputs[1]?.[0];
    if (called) for (let i = 0; i < said.length; i++) said[i] = (said[i] ?? 0) + (called[i] ?? 0);
    for (const other of channels.slice(1)) other.set(said);
    for (let i = 0; i < said.length; i++) {
      this.mic[this.filled] = pcm(heard?.[i] ?? 0);
      this.out[this.filled] = pcm(said[i] ?? 0);
      if (++this.filled === FRAME) this.frame(i);
    }
    return true;
  }

  private told(message: ToWorklet): void {
    if (message.do === "play") this.pieces.push({ item: message.item, samples: message.samples });
    else if (message.do === "end") this.end(message.item);
    else this.flush();
  }

  private end(item: string): void {
    if (this.pieces.some((piece) => piece.item === item)) this.ended.add(item);
    else if (this.item === item) this.finish();
  }

  private flush(): void {
    const { item, played } = this;
    const dropped = this.pieces.reduce((sum, piece) => sum + piece.samples.length, -this.at);
    this.pieces = [];
    this.at = 0;
    this.item = "";
    this.ended.clear();
    this.tell({ tell: "flushed", item, played, dropped: Math.max(dropped, 0), frame: currentFrame });
  }

  private fill(out: Float32Array): void {
    let filled = 0;
    while (filled < out.length) {
      const piece = this.pieces[0];
      if (!piece) break;
      if (piece.item !== this.item) this.begin(piece.item, filled);
      const count = Math.min(out.length - filled, piece.samples.length - this.at);
      for (let i = 0; i < count; i++) out[filled + i] = (piece.samples[this.at + i] ?? 0) / 32768;
      filled += count;
      this.at += count;
      this.played += count;
      if (this.at === piece.samples.length) this.next(piece.item);
    }
    if (this.item && filled < out.length) this.underrun += out.length - filled;
  }

  private begin(item: string, offset: number): void {
    this.item = item;
    this.played = 0;
    this.tell({ tell: "started", item, frame: currentFrame + offset });
  }

  private next(item: string): void {
    this.pieces.shift();
    this.at = 0;
    if (this.ended.has(item) && this.pieces[0]?.item !== item) this.finish();
  }

  private finish(): void {
    this.ended.delete(this.item);
    this.tell({ tell: "finished", item: this.item, played: this.played, frame: currentFrame });
    this.item = "";
  }

  private frame(offset: number): void {
    const { item, played, underrun, mic, out } = this;
    this.tell({ tell: "frame", mic, out, item, played, underrun, frame: currentFrame + offset + 1 });
    this.mic = new Int16Array(FRAME);
    this.out = new Int16Array(FRAME);
    this.filled = 0;
    this.underrun = 0;
  }

  private tell(message: FromWorklet): void {
    const moved = message.tell === "frame" ? [message.mic.buffer, message.out.buffer] : [];
    this.port.postMessage(message, moved as Transferable[]);
  }
}

function pcm(value: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
}

registerProcessor("antiphon", Sound);
