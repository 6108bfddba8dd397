// What a person may choose, kept in the browser; and the session that it asks for.

import { object, type Told } from "./happening";
import { TOOLS } from "./tools";

export interface Settings {
  model: string;
  voice: string;
  instructions: string;
  aloud: boolean;
  speed: number;
  turns: "server_vad" | "semantic_vad" | "hold";
  threshold: number;
  silenceMs: number;
  paddingMs: number;
  eagerness: "low" | "medium" | "high" | "auto";
  interrupts: boolean;
  tools: string[];
  microphone: string;
  link: "socket" | "call";
  seed: number;
}

export const USUAL: Settings = {
  model: "",
  voice: "",
  instructions: "",
  aloud: true,
  speed: 1,
  turns: "server_vad",
  threshold: 0.5,
  silenceMs: 500,
  paddingMs: 300,
  eagerness: "auto",
  interrupts: true,
  tools: TOOLS.map((tool) => tool.name),
  microphone: "",
  link: "socket",
  seed: 0,
};

export function load(): Settings {
  const found = { ...USUAL };
  try {
    const kept = object(JSON.parse(localStorage.getItem("settings") ?? "{}"));
    for (const [key, value] of Object.entries(USUAL)) {
      if (typeof kept[key] === typeof value) Object.assign(found, { [key]: kept[key] });
    }
  } catch {
    // what is kept is of no use; the usual ones do
  }
  return found;
}

export function keep(settings: Settings): void {
  localStorage.setItem("settings", JSON.stringify(settings));
}

/** The settings as the protocol says them. The voice is left out once the session has spoken: see `otherVoice`. */
export function update(settings: Settings, hasSpoken: boolean): Told {
  const voice = hasSpoken || !settings.voice ? {} : { voice: settings.voice };
  const output = { ...voice, ...(settings.speed !== 1 || hasSpoken ? { speed: settings.speed } : {}) };
  const session = {
    type: "realtime",
    ...(settings.model ? { model: settings.model } : {}),
    ...(settings.seed ? { seed: settings.seed } : {}), // which servers of others do not know
    instructions: settings.instructions,
    output_modalities: [settings.aloud ? "audio" : "text"],
    tools: TOOLS.filter((tool) => settings.tools.includes(tool.name)).map((tool) => tool.definition),
    audio: { input: { transcription: { model: settings.model || "default" }, turn_detection: turns(settings) }, output },
  };
  return { type: "session.update", session };
}

/** Another voice alone: a server that cannot change it any more refuses that, and nothing else. */
export function otherVoice(voice: string): Told {
  return { type: "session.update", session: { type: "realtime", audio: { output: { voice } } } };
}

function turns(settings: Settings): Record<string, unknown> | null {
  if (settings.turns === "hold") return null;
  const common = { type: settings.turns, create_response: true, interrupt_response: settings.interrupts };
  if (settings.turns === "semantic_vad") return { ...common, eagerness: settings.eagerness };
  const { threshold, silenceMs, paddingMs } = settings;
  return { ...common, threshold, silence_duration_ms: silenceMs, prefix_padding_ms: paddingMs };
}
