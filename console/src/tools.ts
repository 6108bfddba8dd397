// The tools that the page runs when the model calls them.

import { text } from "./happening";

export interface Tool {
  name: string;
  definition: Record<string, unknown>;
  run(args: Record<string, unknown>): string;
}

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];

/** Date and time in the words that the model has learnt to read: `Friday 20 November 2026 14:35`. */
export function clockSays(moment: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${DAYS[moment.getDay()]} ${moment.getDate()} ${MONTHS[moment.getMonth()]} ${moment.getFullYear()}`;
  return `${day} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
}

const CLOCK: Tool = {
  name: "clock",
  definition: {
    type: "function",
    name: "clock",
    description: "Tell the date and the time.",
    parameters: {
      type: "object",
      properties: { what: { type: "string", enum: ["time", "day", "date"] } },
      required: ["what"],
    },
  },
  run(args) {
    if (!["time", "day", "date"].includes(text(args.what))) throw new Error("clock takes `what`: time, day or date.");
    return clockSays(new Date());
  },
};

export const TOOLS: readonly Tool[] = [CLOCK];
