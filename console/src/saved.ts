// A session as a file, and that file shown again.

import { list, number, object, text, type From, type Happening, type Told } from "./happening";
import { Session } from "./session";

const KIND = "antiphon.session";

export function toFile(happenings: Happening[], recordingStartsAt: number): Blob {
  const saved = { kind: KIND, version: 1, saved: new Date().toISOString(), recordingStartsAt, happenings };
  return new Blob([JSON.stringify(saved, null, 1)], { type: "application/json" });
}

export interface Saved {
  happenings: Happening[];
  recordingStartsAt: number;
}

/** The session of a file, or null for any other file. */
export function fromFile(content: string): Saved | null {
  let found: Record<string, unknown>;
  try {
    found = object(JSON.parse(content));
  } catch {
    return null;
  }
  if (found.kind !== KIND || !Array.isArray(found.happenings)) return null;
  const happenings = list(found.happenings).map((raw): Happening => {
    const { at, from, event } = object(raw);
    return { at: number(at), from: text(from) as From, event: { ...object(event), type: text(object(event).type) } as Told };
  });
  return { happenings, recordingStartsAt: number(found.recordingStartsAt) };
}

/** A saved session that is shown whole, or in time. */
export class Replay {
  session = new Session();
  happenings: Happening[] = [];
  private timer = 0;
  private sound: HTMLAudioElement | null = null;

  constructor(readonly saved: Saved) {
    this.take(Infinity);
  }

  /** From the beginning, in time; with the sound of its WAV file, if there is one. */
  play(file: Blob | null, tick: () => void): void {
    this.stop();
    this.session = new Session();
    this.happenings = [];
    const first = this.saved.happenings[0]?.at ?? 0;
    const begins = file ? Math.min(this.saved.recordingStartsAt, first) : first;
    const started = performance.now();
    this.timer = window.setInterval(() => {
      this.take(begins + performance.now() - started);
      tick();
      if (this.happenings.length === this.saved.happenings.length) clearInterval(this.timer);
    }, 40);
    if (!file) return;
    this.sound = new Audio(URL.createObjectURL(file));
    window.setTimeout(() => void this.sound?.play(), Math.max(this.saved.recordingStartsAt - begins, 0));
  }

  stop(): void {
    clearInterval(this.timer);
    if (!this.sound) return;
    this.sound.pause();
    URL.revokeObjectURL(this.sound.src);
    this.sound = null;
  }

  private take(until: number): void {
    const { happenings } = this.saved;
    while (this.happenings.length < happenings.length) {
      const next = happenings[this.happenings.length];
      if (!next || next.at > until) return;
      this.happenings.push(next);
      this.session.take(next);
    }
  }
}
