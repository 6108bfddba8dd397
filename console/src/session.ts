// A conversation as it is seen: happenings in, messages, turns and the state out. No sound, no page, no clock of its own,
// so that a replay shows what was shown.

import { list, number, object, soundMs, text, type Happening, type Told } from "./happening";
import { newTurn, STAGES, type ServerFigures, type Turn } from "./turn";

export type State =
  | "idle" | "listening" | "hearing" | "speculating" | "thinking" | "tool" | "speaking" | "interrupted";

const CUT_SHOWN_MS = 900; // what passes in no time is shown for so long that it can be seen
const TOOL_SHOWN_MS = 600;

export interface Message {
  id: string;
  kind: "user" | "answer" | "tool" | "notice" | "thought";
  text: string;
  isDone: boolean;
  soundMs: number; // of an answer, what has come
  playedMs: number;
  heard: string | null; // of an answer that was cut: what had been heard
  isCut: boolean;
  tool?: { name: string; args: string; output: string; failed: boolean; ms: number | null; isCancelled: boolean };
}

export class Session {
  messages: Message[] = [];
  turns: Turn[] = [];
  config: Record<string, unknown> = {};
  isOpen = false;
  isListening = false;
  response: string | null = null; // under way
  playing: string | null = null; // the item that sounds
  private isHearing = false;
  private isSpeculating = false;
  private isWaiting = false; // for a reply that is due
  private running = new Set<string>(); // calls of tools
  private begun = new Map<string, number>(); // calls of tools that run in the server, and when they began
  private interruptedAt = -Infinity;
  private calledAt = -Infinity;
  private now = 0;
  private dueAt = 0; // the next reply
  private reply: { turn: Turn; began: number; dueAt: number } | null = null; // under way

  /** One happening, in order. */
  take({ at, event }: Happening): void {
    this.now = at;
    HANDLERS.get(event.type)?.(this, event, at);
  }

  /** What the badge says at a moment. */
  state(now = this.now): State {
    if (!this.isOpen) return "idle";
    if (this.isHearing) return this.isSpeculating ? "speculating" : "hearing";
    if (now - this.interruptedAt < CUT_SHOWN_MS) return "interrupted";
    if (this.running.size || now - this.calledAt < TOOL_SHOWN_MS) return "tool";
    if (this.playing) return "speaking";
    if (this.response || this.isWaiting) return "thinking";
    return this.isListening ? "listening" : "idle";
  }

  get turn(): Turn | undefined {
    return this.turns[this.turns.length - 1];
  }

  message(id: string): Message | undefined {
    return this.messages.find((message) => message.id === id);
  }

  /** The message of an item, made where there is none. */
  put(id: string, kind: Message["kind"]): Message {
    const found = this.message(id);
    if (found) return found;
    const fresh = { id, kind, text: "", isDone: false, soundMs: 0, playedMs: 0, heard: null, isCut: false };
    this.messages.push(fresh);
    return fresh;
  }

  // --- what happens to it: called by the handlers below -----------------------------------------------------------

  open(isOpen: boolean): void {
    this.isOpen = isOpen;
    if (isOpen) return;
    this.isHearing = this.isSpeculating = this.isWaiting = false;
    this.response = this.playing = this.reply = null;
    this.running.clear();
    for (const message of this.messages) message.isDone = true;
  }

  speechStarted(item: string, at: number): void {
    this.isHearing = true;
    this.put(item, "user");
    this.begin(false).marks.speechTold = at;
  }

  speechStopped(at: number): void {
    this.isHearing = this.isSpeculating = false;
    this.isWaiting = this.answersByItself();
    this.dueAt = at;
    if (this.turn) this.turn.marks.stopTold = at;
  }

  held(at: number): void {
    this.isHearing = true;
    this.begin(false).marks.speechTold = at;
  }

  released(): void {
    this.isHearing = this.isWaiting = false;
  }

  asked(at: number): void {
    this.isWaiting = true;
    this.isHearing = false;
    this.dueAt = at;
    const marks = this.turn?.marks;
    const isFirst = this.turn?.isTyped && marks?.created === undefined; // written is before asked
    if (marks && (isFirst || marks.stopTold === undefined)) marks.stopTold = at;
  }

  begin(isTyped: boolean): Turn {
    const turn = newTurn(this.turns.length + 1, isTyped);
    this.turns.push(turn);
    return turn;
  }

  responseCreated(id: string, at: number): void {
    this.response = id;
    this.isWaiting = false;
    const turn = this.turn ?? this.begin(true);
    this.reply = { turn, began: at, dueAt: this.dueAt };
    turn.marks.created ??= at;
  }

  responseDone(event: Told, at: number): void {
    const response = object(event.response);
    const addition = object(event.antiphon);
    const items = list(response.output).map(object);
    if (text(addition.thought)) this.think(text(addition.thought), text(response.id), text(items[0]?.id));
    this.response = null;
    const reply = this.reply;
    this.reply = null;
    for (const item of items) {
      const message = this.message(text(item.id));
      if (message) message.isDone = true;
    }
    const status = text(response.status);
    if (status === "failed") this.notice(text(object(object(response.status_details).error).message), at);
    if (!reply) return;
    const { turn, began, dueAt } = reply;
    const tokens = number(object(response.usage).output_tokens);
    turn.marks.done = at;
    turn.status = status;
    if (at > began) turn.tokensPerS = (tokens / (at - began)) * 1000;
    this.measured(turn, object(addition.figures), dueAt);
  }

  /** The stages of the reply whose sound was the first of its turn. */
  private measured(turn: Turn, figures: Record<string, unknown>, dueAt: number): void {
    if (turn.stages.firstByte !== undefined || !Object.keys(figures).length) return;
    turn.dueAt = dueAt;
    for (const [name, key] of STAGES) {
      if (typeof figures[key] === "number") turn.stages[name] = number(figures[key]);
    }
  }

  /** What the model thought stands before what it said then. */
  private think(thought: string, response: string, before: string): void {
    const message = this.put(`thought-${response}`, "thought");
    Object.assign(message, { text: thought, isDone: true });
    const place = this.messages.findIndex((one) => one.id === before);
    if (place >= 0) this.messages.splice(place, 0, ...this.messages.splice(this.messages.indexOf(message), 1));
  }

  /** Something arrived for an item of the reply. */
  words(item: string, delta: string, at: number): void {
    const message = this.put(item, "answer");
    message.text += delta;
    if (this.turn) this.turn.marks.firstText ??= at;
  }

  sound(item: string, ms: number, at: number): void {
    this.put(item, "answer").soundMs += ms;
    if (this.turn) this.turn.marks.firstSound ??= at;
  }

  called(event: Told, at: number): void {
    this.calledAt = at;
    const call = text(event.call_id);
    const message = this.put(call, "tool");
    const { name, arguments: args } = event;
    message.tool = { name: text(name), args: text(args), output: "", failed: false, ms: null, isCancelled: false };
    this.running.add(call);
  }

  answered(event: Told): void {
    const call = text(event.call_id);
    const tool = this.message(call)?.tool;
    this.running.delete(call);
    if (!tool) return;
    tool.output = text(event.output);
    tool.failed = event.failed === true;
    tool.isCancelled = event.cancelled === true;
    tool.ms = number(event.ms);
  }

  /** A tool of the server: it is run there, and only its end tells what it was asked. */
  runs(event: Told, at: number): void {
    this.calledAt = at;
    this.begun.set(text(event.item_id), at);
    this.running.add(text(event.item_id));
  }

  ran(event: Told, at: number): void {
    const { name, arguments: args, output, attribution } = object(event.antiphon);
    const call_id = text(event.item_id);
    const ms = at - (this.begun.get(call_id) ?? at);
    const failed = event.type === "response.mcp_call.failed";
    this.called({ type: event.type, call_id, name, arguments: args }, at);
    const told = [text(output), text(attribution)].filter(Boolean).join("\n");
    this.answered({ type: event.type, call_id, output: told, failed, ms });
  }

  playingNow(item: string | null, at: number): void {
    this.playing = item;
    if (item && this.turn) this.turn.marks.firstPlayed ??= at;
  }

  cut(at: number, silentAt: number, item: string, heardMs: number): void {
    this.interruptedAt = at;
    this.playing = null;
    const message = this.message(item);
    if (message) Object.assign(message, { isCut: true, playedMs: heardMs });
    const spoke = [...this.turns].reverse().find((turn) => turn.marks.firstPlayed !== undefined);
    if (spoke) Object.assign(spoke.marks, { cutAt: at, silentAt });
  }

  notice(what: string, at: number): void {
    const message = this.put(`notice-${at}-${this.messages.length}`, "notice");
    message.text = what;
    message.isDone = true;
  }

  figures(figures: ServerFigures): void {
    if (this.turn) Object.assign(this.turn.server, figures);
  }

  set speculating(is: boolean) {
    this.isSpeculating = is;
  }

  private answersByItself(): boolean {
    const turns = object(object(object(this.config.audio).input).turn_detection);
    return turns.create_response !== false && Object.keys(turns).length > 0;
  }
}

type Handler = (session: Session, event: Told, at: number) => void;

const words: Handler = (s, e, at) => s.words(text(e.item_id), text(e.delta), at);
const settled: Handler = (s, e) => {
  s.config = object(e.session);
};

const HANDLERS = new Map<string, Handler>(Object.entries<Handler>({
  "session.created": settled,
  "session.updated": settled,
  "input_audio_buffer.speech_started": (s, e, at) => s.speechStarted(text(e.item_id), at),
  "input_audio_buffer.speech_stopped": (s, _, at) => s.speechStopped(at),
  "input_audio_buffer.committed": (s, e) => void s.put(text(e.item_id), "user"),
  "conversation.item.input_audio_transcription.completed": (s, e) =>
    void Object.assign(s.put(text(e.item_id), "user"), { text: text(e.transcript), isDone: true }),
  "conversation.item.input_audio_transcription.failed": (s, e) =>
    void Object.assign(s.put(text(e.item_id), "user"), { isDone: true }),
  "response.created": (s, e, at) => s.responseCreated(text(object(e.response).id), at),
  "response.done": (s, e, at) => s.responseDone(e, at),
  "response.output_audio_transcript.delta": words,
  "response.output_text.delta": words,
  "response.output_audio.delta": (s, e, at) => s.sound(text(e.item_id), soundMs(e.delta), at),
  "response.function_call_arguments.done": (s, e, at) => s.called(e, at),
  "response.mcp_call.in_progress": (s, e, at) => s.runs(e, at),
  "response.mcp_call.completed": (s, e, at) => s.ran(e, at),
  "response.mcp_call.failed": (s, e, at) => s.ran(e, at),
  "conversation.item.retrieved": (s, e) => {
    const item = object(e.item);
    const message = s.message(text(item.id));
    const said = list(item.content).map((part) => text(object(part).transcript)).join("");
    if (message?.isCut) message.heard = said;
  },
  error: (s, e, at) => s.notice(text(object(e.error).message), at),
  "page.opened": (s) => s.open(true),
  "page.closed": (s, e, at) => {
    s.open(false);
    if (text(e.reason)) s.notice(text(e.reason), at);
  },
  "page.listening": (s, e) => {
    s.isListening = e.is === true;
  },
  "page.voice_ended": (s, e) => {
    if (s.turn) s.turn.marks.voiceEnd = number(e.at);
  },
  "page.wrote": (s, e, at) => {
    s.begin(true);
    Object.assign(s.put(text(e.item_id), "user"), { text: text(e.text), isDone: true });
    s.asked(at);
  },
  "page.held": (s, _, at) => s.held(at),
  "page.released": (s) => s.released(),
  "page.asked": (s, _, at) => s.asked(at),
  "page.started": (s, e) => s.playingNow(text(e.item_id), number(e.at)),
  "page.played": (s, e) => {
    const message = s.message(text(e.item_id));
    if (message) message.playedMs = number(e.ms);
  },
  "page.finished": (s, e, at) => {
    const message = s.message(text(e.item_id));
    if (message) message.playedMs = Math.max(message.playedMs, message.soundMs);
    s.playingNow(null, at);
  },
  "page.cut": (s, e) => s.cut(number(e.at), number(e.silent_at), text(e.item_id), number(e.heard_ms)),
  "page.tool": (s, e) => s.answered(e),
  "page.underrun": (s, e) => {
    if (s.turn) s.turn.underrunMs += number(e.ms);
  },
  "page.figures": (s, e) => s.figures(object(e.figures) as ServerFigures),
  "page.speculating": (s, e) => {
    s.speculating = e.is === true;
  },
}));
