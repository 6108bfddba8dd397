// What the server plays through a track: which item it is by its events, and since when by the sound itself.

import { object, text, type Told } from "../happening";
import { peak } from "./pcm";

const LOUD = 0.003; // of full scale: above what a silent track holds
const TOLD_MS = 100;

export class Remote {
  private readonly items = new Map<string, string>(); // that speak, by their responses
  private due = ""; // the item whose sound is on its way
  private item = ""; // the one that sounds
  private begunAt = 0;
  private toldAt = 0;
  private cutAt: number | null = null;

  constructor(private readonly happened: (event: Told) => void) {}

  /** Somebody cuts in. */
  cutting(at: number): void {
    if (this.item) this.cutAt ??= at;
  }

  /** One event of the server; the item that was cut, if one was. */
  told(event: Told): string | null {
    const item = object(event.item);
    const response = text(event.response_id);
    if (event.type === "response.output_item.added" && item.type === "message") this.items.set(response, text(item.id));
    else if (event.type === "output_audio_buffer.started") this.due = this.items.get(response) ?? "";
    else if (event.type === "input_audio_buffer.speech_started") this.cutting(performance.now());
    else if (event.type === "output_audio_buffer.stopped") this.stop();
    else if (event.type === "output_audio_buffer.cleared") return this.cut();
    return null;
  }

  /** 20 ms of what was played, which end at a moment of the page's clock. */
  frame(out: Int16Array, at: number): void {
    if (this.due && peak(out) > LOUD) {
      [this.item, this.due, this.begunAt, this.cutAt] = [this.due, "", at, null];
      this.happened({ type: "page.started", item_id: this.item, at });
    }
    if (!this.item || at - this.toldAt < TOLD_MS) return;
    this.toldAt = at;
    this.happened({ type: "page.played", item_id: this.item, ms: at - this.begunAt });
  }

  private stop(): void {
    if (this.item) this.happened({ type: "page.finished", item_id: this.item });
    this.item = this.due = "";
  }

  private cut(): string | null {
    const { item, begunAt } = this;
    const now = performance.now();
    this.item = this.due = "";
    if (!item) return null;
    this.happened({ type: "page.cut", item_id: item, heard_ms: now - begunAt, at: this.cutAt ?? now, silent_at: now });
    return item;
  }
}
