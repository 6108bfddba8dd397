// Where the milliseconds of a turn went. All times are of the page's clock.

export interface Marks {
  speechTold?: number; // the server says that somebody speaks
  voiceEnd?: number; // the last loud moment in the microphone
  stopTold?: number; // the server says that the turn is over; or the moment at which text was sent
  created?: number; // the reply has begun
  firstText?: number;
  firstSound?: number; // the first sound has come
  firstPlayed?: number; // it leaves the loudspeaker
  done?: number;
  cutAt?: number; // the user speaks, or presses, while something is said
  silentAt?: number; // and it is silent
}

/** What the server says of a reply, in milliseconds since it was due; what it did before, by speculation, is negative. */
export interface Stages {
  endpoint?: number; // the silence before the decision
  begun?: number;
  encoder?: number;
  firstToken?: number;
  codes?: number;
  vocoder?: number;
  firstByte?: number;
}

/** The names that the server has for them. */
export const STAGES: readonly [keyof Stages, string][] = [
  ["endpoint", "endpoint_ms"],
  ["begun", "begun_ms"],
  ["encoder", "encoded_ms"],
  ["firstToken", "first_token_ms"],
  ["codes", "first_codes_ms"],
  ["vocoder", "first_wave_ms"],
  ["firstByte", "first_byte_ms"],
];

/** What the server's page of figures says of the time of the turn; a turn of others in between makes it theirs, too. */
export interface ServerFigures {
  started?: number;
  committed?: number;
  discarded?: number;
  wasted?: number;
  compression?: number;
}

export interface Turn {
  number: number;
  isTyped: boolean;
  marks: Marks;
  server: ServerFigures;
  stages: Stages;
  dueAt?: number; // since when they count
  tokensPerS: number;
  underrunMs: number;
  status: string;
}

export function newTurn(number: number, isTyped: boolean): Turn {
  return { number, isTyped, marks: {}, server: {}, stages: {}, tokensPerS: 0, underrunMs: 0, status: "" };
}

export type Span =
  | "endpoint" | "encoder" | "firstToken" | "codes" | "vocoder" | "firstByte" | "firstText" | "firstSound" | "played";

/** The stretches from the end of the voice to the first sample played, those that are known. */
export function spans(turn: Turn): [Span, number][] {
  const { voiceEnd, stopTold, firstText, firstSound, firstPlayed } = turn.marks;
  const { stages, dueAt } = turn;
  const told = (name: keyof Stages) => {
    const value = stages[name];
    return value === undefined || dueAt === undefined ? undefined : dueAt + value;
  };
  const inside: [Span, number | undefined][] =
    told("firstByte") === undefined
      ? [["firstText", firstText]]
      : (["encoder", "firstToken", "codes", "vocoder", "firstByte"] as const).map((name) => [name, told(name)]);
  const steps: [Span, number | undefined][] = [
    ["endpoint", stopTold],
    ...inside,
    ["firstSound", firstSound],
    ["played", firstPlayed],
  ];
  const found: [Span, number][] = [];
  let before = turn.isTyped ? stopTold : voiceEnd ?? stopTold;
  for (const [name, at] of steps) {
    if (at === undefined || before === undefined || (name === "endpoint" && turn.isTyped)) continue;
    found.push([name, Math.max(at - before, 0)]);
    before = Math.max(at, before);
  }
  return found;
}

export type Figure = "total" | "firstSound" | "firstText" | "bargeIn";

/** One number of a turn, or undefined where it has none. */
export function figure(turn: Turn, name: Figure): number | undefined {
  const { voiceEnd, stopTold, firstText, firstSound, firstPlayed, cutAt, silentAt } = turn.marks;
  const from: Record<Figure, number | undefined> = {
    total: turn.isTyped ? stopTold : voiceEnd ?? stopTold,
    firstSound: stopTold,
    firstText: stopTold,
    bargeIn: cutAt,
  };
  const to: Record<Figure, number | undefined> = { total: firstPlayed, firstSound, firstText, bargeIn: silentAt };
  const [begin, end] = [from[name], to[name]];
  return begin === undefined || end === undefined ? undefined : Math.max(end - begin, 0);
}

/** The smallest value that `share` of them do not exceed; of none, undefined. */
export function quantile(values: number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)];
}
