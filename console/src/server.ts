// What the page asks the server beside the line: models, voices, figures, a short-lived key.

import { list, object, text } from "./happening";
import { offered, type Offer } from "./tasks";
import type { ServerFigures } from "./turn";

export interface Voice {
  id: string;
  name: string;
  about: string; // what else is told of it
}

export class NeedsKey extends Error {}

export class Server {
  key = sessionStorage.getItem("key") ?? "";

  remember(key: string): void {
    this.key = key;
    sessionStorage.setItem("key", key);
  }

  async models(): Promise<string[]> {
    return names(await this.json("/v1/models"));
  }

  async voices(): Promise<Voice[]> {
    const answer = object(await this.json("/v1/audio/voices"));
    const cards = list(answer.data).length ? list(answer.data) : list(answer.voices);
    return cards.map(voice).filter(({ id }) => id);
  }

  async tasks(): Promise<Offer> {
    return offered(await this.json("/v1/tasks"));
  }

  /** A text read aloud, as a WAV file. */
  async speech(input: string, model: string, voice: string): Promise<Blob> {
    const asked = { model: model || "default", input, voice: voice || "default", response_format: "wav" };
    return (await this.post("/v1/audio/speech", asked)).blob();
  }

  /** A request with a body; rejects with the server's sentence where it refuses. */
  post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return this.ask(path, { method: "POST", body: JSON.stringify(body), ...(signal ? { signal } : {}) });
  }

  /** The answer to the offer of a call, both SDP. */
  async call(offer: string): Promise<string> {
    return (await this.ask("/v1/realtime/calls", { method: "POST", body: offer })).text();
  }

  /** A key that a socket may carry, which ends soon; null where the server asks for none. */
  async secret(): Promise<string | null> {
    if (!this.key) {
      await this.ask("/v1/models");
      return null;
    }
    const made = await this.post("/v1/realtime/client_secrets", {});
    return text(object(await made.json()).value);
  }

  /** The sums of `/metrics` by name and labels. */
  async sums(): Promise<Map<string, number>> {
    const page = await (await this.ask("/metrics")).text();
    const found = new Map<string, number>();
    for (const line of page.split("\n")) {
      const at = line.lastIndexOf(" ");
      if (at > 0 && !line.startsWith("#")) found.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
    return found;
  }

  private async json(path: string): Promise<unknown> {
    return (await this.ask(path)).json();
  }

  private async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = this.key ? { authorization: `Bearer ${this.key}` } : undefined;
    const reply = await fetch(path, { ...init, headers, cache: "no-store" });
    if (reply.status === 401) throw new NeedsKey();
    if (!reply.ok) throw new Error(text(object(object(await reply.json()).error).message) || String(reply.status));
    return reply;
  }
}

function names(answer: unknown): string[] {
  return list(object(answer).data).map((card) => text(object(card).id)).filter(Boolean);
}

/** The card of a voice, or its bare name. */
function voice(card: unknown): Voice {
  const { id, name, language, description } = object(card);
  const own = text(id) || text(name) || text(card);
  return { id: own, name: text(name) || own, about: [text(language), text(description)].filter(Boolean).join(" ") };
}

const COUNTS: [keyof ServerFigures, string][] = [
  ["started", 'antiphon_speculation_total{outcome="started"}'],
  ["committed", 'antiphon_speculation_total{outcome="committed"}'],
  ["discarded", 'antiphon_speculation_total{outcome="discarded"}'],
  ["wasted", "antiphon_speculation_wasted_tokens_total"],
];

/** What the server measured between two readings. */
export function between(before: Map<string, number>, after: Map<string, number>): ServerFigures {
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const figures: ServerFigures = {};
  for (const [key, name] of COUNTS) figures[key] = grown(name);
  const compression = after.get("antiphon_context_compression_ratio");
  if (compression) figures.compression = compression;
  return figures;
}
