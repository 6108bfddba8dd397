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

/** A WAV file of two channels, left and right. */
export function wavOf(pairs: [Int16Array, Int16Array][]): Blob {
  const count = pairs.reduce((sum, [left]) => sum + left.length, 0);
  const header = new DataView(new ArrayBuffer(44));
  const words: [number, string][] = [[0, "RIFF"], [8, "WAVE"], [12, "fmt "], [36, "data"]];
  for (const [at, word] of words) [...word].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  const numbers: [number, number][] = [[4, 36 + count * 4], [16, 16], [24, RATE], [28, RATE * 4], [40, count * 4]];
  for (const [at, number] of numbers) header.setUint32(at, number, true);
  const shorts: [number, number][] = [[20, 1], [22, 2], [32, 4], [34, 16]];
  for (const [at, number] of shorts) header.setUint16(at, number, true);
  const body = pairs.map(([left, right]) => {
    const both = new Int16Array(left.length * 2);
    for (let i = 0; i < left.length; i++) {
      both[2 * i] = left[i] ?? 0;
      both[2 * i + 1] = right[i] ?? 0;
    }
    return both;
  });
  return new Blob([header, ...body], { type: "audio/wav" });
}
