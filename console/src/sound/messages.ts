// What the page and its worklet say to each other. Counts are samples at 24 kHz; `frame` is the audio clock.

export type ToWorklet =
  | { do: "play"; item: string; samples: Int16Array }
  | { do: "end"; item: string }
  | { do: "flush" };

export interface Frame {
  tell: "frame";
  mic: Int16Array;
  out: Int16Array;
  item: string;
  played: number;
  underrun: number;
  frame: number;
}

export type FromWorklet =
  | Frame
  | { tell: "started"; item: string; frame: number }
  | { tell: "finished"; item: string; played: number; frame: number }
  | { tell: "flushed"; item: string; played: number; dropped: number; frame: number };
