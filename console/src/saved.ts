// A session as a file, and that file shown again.

import { Chronicle } from "./chronicle";
import { list, number, object, text, type From, type Happening, type Told } from "./happening";
import { Session } from "./session";

const KIND = "antiphon.session";

export function toFile(happenings: Chronicle, recordingStartsAt: number): Blob {
  const about = JSON.stringify({ kind: KIND, version: 1, saved: new Date().toISOString(), recordingStartsAt });
  return new Blob([about.slice(0, -1), ',\n"happenings": ', happenings.json(), "}\n"], { type: "application/json" });
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
  happenings = new Chronicle();
  private timer = 0;
  private sound: HTMLAudioElement | null = null;

  constructor(readonly saved: Saved) {
    this.take(Infinity);
  }

  /** From the beginning, in time; with the sound of its WAV file, if there is one. */
  play(file: Blob | null, tick: () => void): void {
    this.stop();
    this.session = new Session();
    this.happenings = new Chronicle();
    const first = this.saved.happenings[0]?.at ?? 0;
    const begins = file ? Math.min(this.saved.recordingStartsAt, first) : first;
    const started = performance.now();
    this.timer = window.setInterval(() => {
      this.take(begins + performance.now() - started);
      tick();
      if (this.happenings.count === this.saved.happenings.length) clearInterval(this.timer);
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
    while (this.happenings.count < happenings.length) {
      const next = happenings[this.happenings.count];
      if (!next || next.at > until) return;
      this.happenings.add(next);
      this.session.take(next);
    }
  }
}
