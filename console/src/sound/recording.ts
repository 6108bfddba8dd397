// Both sides on one time axis: for the picture, and for the file. The oldest goes.

import type { Frame } from "./messages";
import { peak, RATE, wavOf } from "./pcm";

const FRAME_MS = 20;
const KEPT_FRAMES = (10 * 60 * 1000) / FRAME_MS;

export class Recording {
  private frames: [Int16Array, Int16Array][] = [];
  private first = 0; // number of the first frame that is kept
  readonly peaks: [number, number][] = [];
  private begunAt: number | null = null;

  add(frame: Frame, at: number): void {
    this.begunAt ??= at - FRAME_MS;
    this.frames.push([frame.mic, frame.out]);
    this.peaks.push([peak(frame.mic), peak(frame.out)]);
    if (this.frames.length < KEPT_FRAMES * 1.1) return;
    const spare = this.frames.length - KEPT_FRAMES;
    this.frames.splice(0, spare);
    this.peaks.splice(0, spare);
    this.first += spare;
  }

  /** The page's clock at the beginning of what is kept. */
  get startsAt(): number {
    return (this.begunAt ?? 0) + this.first * FRAME_MS;
  }

  get seconds(): number {
    return (this.frames.length * FRAME_MS) / 1000;
  }

  get rate(): number {
    return RATE;
  }

  /** Left: the microphone. Right: what was played. */
  file(): Blob {
    return wavOf(this.frames);
  }
}
