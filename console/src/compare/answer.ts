// One question about a recording, over /v1/chat/completions: its words and its sound as they come.

import { list, object, text } from "../happening";
import type { Server } from "../server";
import { fromBase64 } from "../sound/pcm";
import type { Sampling } from "../tasks";
import type { Sent } from "./recording";

/** What is asked of every recording. */
export interface Wish {
  id: string; // of the task; "own" for words of one's own
  instructions: string;
  gives: "audio" | "text";
  question: string; // beside the recording
  seed: number;
  sampling: Sampling;
}

export interface Piece {
  words: string;
  sound: Int16Array | null;
}

export function requestOf(wish: Wish, sound: Sent, model: string, voice: string): Record<string, unknown> {
  const heard = { type: "input_audio", input_audio: sound };
  const content = wish.question ? [heard, { type: "text", text: wish.question }] : [heard];
  const system = wish.instructions ? [{ role: "system", content: wish.instructions }] : [];
  const aloud = { modalities: ["text", "audio"], audio: { voice: voice || "default", format: "pcm16" } };
  return {
    model: model || "default",
    messages: [...system, { role: "user", content }],
    stream: true,
    seed: wish.seed,
    ...wish.sampling,
    ...(wish.gives === "audio" ? aloud : {}),
  };
}

/** The pieces of an answer; throws what the server says is wrong, in its sentence. */
export async function* answer(server: Server, body: unknown, signal: AbortSignal): AsyncGenerator<Piece> {
  const reply = await server.post("/v1/chat/completions", body, signal);
  for await (const event of events(reply)) {
    const fault = text(object(event.error).message);
    if (fault) throw new Error(fault);
    const delta = object(object(list(event.choices)[0]).delta);
    const audio = object(delta.audio);
    const words = text(delta.content) + text(audio.transcript);
    const sound = text(audio.data) ? fromBase64(text(audio.data)) : null;
    if (words || sound) yield { words, sound };
  }
}

/** The server-sent events of a body. */
async function* events(reply: Response): AsyncGenerator<Record<string, unknown>> {
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const whole = (rest + value).split("\n\n");
      rest = whole.pop() ?? "";
      for (const event of whole) {
        const data = event.replace(/^data: /, "");
        if (data !== "[DONE]") yield object(JSON.parse(data));
      }
    }
  } finally {
    void reader.cancel().catch(() => null);
  }
}
