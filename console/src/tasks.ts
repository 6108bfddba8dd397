// The released tasks, as the server tells of them: what to ask in which words, and how large a request may be.

import { list, number, object, text } from "./happening";

export interface Task {
  id: string;
  instructions: string;
  takes: "audio" | "text";
  gives: "audio" | "text";
  isLearnt: boolean;
  sampling: Sampling;
}

export interface Sampling {
  temperature?: number;
  top_p?: number;
  repetition_penalty?: number;
  max_tokens?: number;
}

export interface Offer {
  tasks: Task[];
  bodyBytes: number; // of a request
}

export const NO_OFFER: Offer = { tasks: [], bodyBytes: 26 << 20 };

export function offered(answer: unknown): Offer {
  const { data, bounds } = object(answer);
  const tasks = list(data).map(object).map(task).filter((found) => found.id);
  return { tasks, bodyBytes: number(object(bounds).body_bytes) || NO_OFFER.bodyBytes };
}

function task(card: Record<string, unknown>): Task {
  const { temperature, top_p, repetition_penalty, max_tokens } = card;
  return {
    id: text(card.id),
    instructions: text(card.instructions),
    takes: card.takes === "text" ? "text" : "audio",
    gives: card.gives === "audio" ? "audio" : "text",
    isLearnt: card.is_learnt === true,
    sampling: {
      temperature: number(temperature),
      top_p: number(top_p),
      repetition_penalty: number(repetition_penalty),
      max_tokens: number(max_tokens),
    },
  };
}
