// A recording that is dropped: looked at from outside first, read only when it is small enough and asked about.

import { decoded, wavOf } from "../sound/pcm";

const FORMS = ["wav", "mp3", "flac", "ogg", "opus"] as const; // as the server is told
const HEAD_BYTES = 1 << 16; // of a request, beside its sound

export interface Sent {
  data: string; // base64
  format: (typeof FORMS)[number];
}

/** How large a file may be, so that its request is not too large. */
export function largest(bodyBytes: number): number {
  return Math.floor(((bodyBytes - HEAD_BYTES) * 3) / 4);
}

/** Why a file is not taken, as a key of the page's words; null: it is. Nothing of it is read. */
export function fault(file: File, bodyBytes: number): "too_large" | "no_recording" | "empty_file" | null {
  const isSound = file.type.startsWith("audio/") || file.type.startsWith("video/") || formOf(file.name) !== undefined;
  if (!isSound) return "no_recording";
  if (file.size > largest(bodyBytes)) return "too_large";
  return file.size ? null : "empty_file";
}

export function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** As it is where the server knows its form; else as what the browser makes of it. Rejects what neither can read. */
export async function read(file: File, bodyBytes: number): Promise<Sent> {
  const format = formOf(file.name);
  if (format) return { data: await base64(file), format };
  const wave = wavOf([[await decoded(file)]]);
  if (wave.size > largest(bodyBytes)) throw new Error("too_large");
  return { data: await base64(wave), format: "wav" };
}

function formOf(name: string): Sent["format"] | undefined {
  const ending = name.toLowerCase().split(".").pop();
  return FORMS.find((form) => form === ending);
}

function base64(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).split(",")[1] ?? "");
    reader.onerror = () => failed(new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}
