// PCM16 as the wire carries it, and as a file.

export const RATE = 24_000;

export function toBase64(samples: Int16Array): string {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

/** Little-endian, as every machine that runs a browser is; of what is no base64, nothing. */
export function fromBase64(text: string): Int16Array {
  let letters = "";
  try {
    letters = atob(text);
  } catch {
    return new Int16Array(0);
  }
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

/** How loud: the root of the mean square, 1 is full scale. */
export function loudness(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(samples.length, 1)) / 32768;
}

export function peak(samples: Int16Array): number {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most / 32768;
}

/** A WAV file of pieces, each with all the channels (one for all pieces: mono). */
export function wavOf(pieces: Int16Array[][]): Blob {
  const channels = pieces[0]?.length ?? 1;
  const bytes = pieces.reduce((sum, [first]) => sum + (first?.length ?? 0), 0) * channels * 2;
  const header = new DataView(new ArrayBuffer(44));
  const words: [number, string][] = [[0, "RIFF"], [8, "WAVE"], [12, "fmt "], [36, "data"]];
  for (const [at, word] of words) [...word].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  const rate = RATE * channels * 2;
  const numbers: [number, number][] = [[4, 36 + bytes], [16, 16], [24, RATE], [28, rate], [40, bytes]];
  for (const [at, number] of numbers) header.setUint32(at, number, true);
  const shorts: [number, number][] = [[20, 1], [22, channels], [32, channels * 2], [34, 16]];
  for (const [at, number] of shorts) header.setUint16(at, number, true);
  return new Blob([header, ...pieces.map(woven)], { type: "audio/wav" });
}

function woven(piece: Int16Array[]): Int16Array<ArrayBuffer> {
  const all = new Int16Array(piece.length * (piece[0]?.length ?? 0));
  for (const [side, samples] of piece.entries()) {
    for (let i = 0; i < samples.length; i++) all[piece.length * i + side] = samples[i] ?? 0;
  }
  return all;
}

/** A recording in any form that the browser reads, its first channel at 24 kHz. Rejects where it cannot. */
export async function decoded(file: File): Promise<Int16Array> {
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await file.arrayBuffer());
  return Int16Array.from(sound.getChannelData(0), (value) => Math.max(-32768, Math.min(32767, value * 32768)));
}
