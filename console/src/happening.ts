// Everything that happens is one of these, whoever says it: the server's and the client's events of the realtime
// protocol, and `page.*`, what only the page knows (what was played, what a tool took). A session is the list of them;
// a replay is the list read again.

export type From = "server" | "client" | "page";

export interface Happening {
  at: number; // the page's clock, milliseconds
  from: From;
  event: Told;
}

/** An event as it came: nothing in it is certain but its type. */
export type Told = { type: string } & Record<string, unknown>;

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The event of a frame, or null for what is no event. */
export function parse(frame: unknown): Told | null {
  try {
    const found = object(JSON.parse(text(frame)));
    return text(found.type) ? (found as Told) : null;
  } catch {
    return null;
  }
}

/** The same without its sound: of that only how much it is. */
export function withoutSound(event: Told): Told {
  if (event.type === "response.output_audio.delta") return { ...event, delta: `(${soundMs(event.delta)} ms)` };
  if (event.type === "input_audio_buffer.append") return { ...event, audio: `(${soundMs(event.audio)} ms)` };
  const item = object(event.item);
  const content = list(item.content).map((part) => {
    const { audio, ...rest } = object(part);
    return audio === undefined ? rest : { ...rest, audio: `(${soundMs(audio)} ms)` };
  });
  return content.length ? { ...event, item: { ...item, content } } : event;
}

/** How long PCM16 at 24 kHz in base64 lasts; of sound that was left out, what stands in its place. */
export function soundMs(data: unknown): number {
  const found = text(data);
  const left = /^\((\d+(?:\.\d+)?) ms\)$/.exec(found);
  if (left) return Number(left[1]);
  const bytes = (found.length * 3) / 4 - (found.endsWith("==") ? 2 : found.endsWith("=") ? 1 : 0);
  return bytes / 48;
}
