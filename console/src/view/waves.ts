// Both sides on one time axis, the present at the right edge.

import type { Recording } from "../sound/recording";
import { find } from "./element";

const SHOWN = 600; // frames of 20 ms

export class Waves {
  private readonly canvas = find<HTMLCanvasElement>("waves");
  private drawn = -1;

  show(recording: Recording): void {
    if (document.hidden || recording.count === this.drawn) return;
    this.drawn = recording.count;
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return; // another page is shown
    if (canvas.width !== Math.round(width * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    if (!pen) return;
    const style = getComputedStyle(canvas);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const step = width / SHOWN;
    const shown = recording.loudest(SHOWN);
    for (const [side, colour] of [style.color, style.outlineColor].entries()) {
      const middle = height * (side ? 0.75 : 0.25);
      pen.fillStyle = colour;
      for (const [i, both] of shown.entries()) {
        const reach = Math.max(Math.sqrt(both[side] ?? 0) * height * 0.23, 0.75);
        pen.fillRect(width - (shown.length - i) * step, middle - reach, Math.max(step - 0.4, 0.6), 2 * reach);
      }
    }
  }

  forget(): void {
    this.drawn = -1;
  }
}
