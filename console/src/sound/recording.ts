// Both sides on one time axis: for the picture, and for the file. The oldest goes.

import type { Frame } from "./messages";
import { peak, RATE, wavOf } from "./pcm";

const FRAME_MS = 20;
const BLOCK_MS = 10_000; // in one piece, for many small ones would be more to hold than their sound
const BLOCK = (RATE * BLOCK_MS) / 1000;
const KEPT_BLOCKS = 60;
const KEPT_PEAKS = 1200; // frames

export class Recording {
  private blocks: [Int16Array, Int16Array][] = [];
  private filled = 0; // samples of the last block
  private gone = 0; // blocks
  private begunAt: number | null = null;
  private readonly peaks = new Float32Array(2 * KEPT_PEAKS); // of the latest frames, round and round
  count = 0; // frames, those that are gone among them

  add(frame: Frame, at: number): void {
    this.begunAt ??= at - FRAME_MS;
    const [left, right] = this.block();
    left.set(frame.mic, this.filled);
    right.set(frame.out, this.filled);
    this.filled += frame.mic.length;
    this.peaks.set([peak(frame.mic), peak(frame.out)], 2 * (this.count % KEPT_PEAKS));
    this.count += 1;
  }

  /** How loud both sides were in the latest frames, at most so many, the oldest first. */
  loudest(most: number): [number, number][] {
    const shown = Math.min(most, this.count, KEPT_PEAKS);
    return Array.from({ length: shown }, (_, i) => {
      const at = 2 * ((this.count - shown + i) % KEPT_PEAKS);
      return [this.peaks[at] ?? 0, this.peaks[at + 1] ?? 0];
    });
  }

  /** The page's clock at the beginning of what is kept. */
  get startsAt(): number {
    return (this.begunAt ?? 0) + this.gone * BLOCK_MS;
  }

  /** Left: the microphone. Right: what was played. */
  file(): Blob {
    const last = this.blocks.length - 1;
    return wavOf(this.blocks.map((block, i) => (i < last ? block : block.map((side) => side.subarray(0, this.filled)))));
  }

  /** The block that has room; whole frames fill one exactly. */
  private block(): [Int16Array, Int16Array] {
    const last = this.blocks[this.blocks.length - 1];
    if (last && this.filled < BLOCK) return last;
    const fresh: [Int16Array, Int16Array] = [new Int16Array(BLOCK), new Int16Array(BLOCK)];
    this.blocks.push(fresh);
    this.filled = 0;
    if (this.blocks.length > KEPT_BLOCKS) {
      this.blocks.shift();
      this.gone += 1;
    }
    return fresh;
  }
}
