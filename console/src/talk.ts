// The conversation itself: what is said, pressed and told, in the order in which it happens.
//
//   microphone ──> Stage ──> Line ──> server          each of them tells; `happened` writes it down,
//   loudspeaker <── Stage <── Line <── server          shows it to the session, and nothing else changes the session
//
// A call in place of the line carries the sound itself; then it is the server that plays it and knows what was heard.

import { object, text, withoutSound, type From, type Happening, type Told } from "./happening";
import { Call } from "./call";
import { Chronicle } from "./chronicle";
import { Line, type Wire } from "./line";
import { between, NeedsKey, type Server } from "./server";
import { Session } from "./session";
import { otherVoice, update, type Settings } from "./settings";
import { NoMicrophone, Stage, type Flushed } from "./sound/stage";
import { decoded, fromBase64, loudness, RATE, toBase64 } from "./sound/pcm";
import type { Frame } from "./sound/messages";
import { Recording } from "./sound/recording";
import { Remote } from "./sound/remote";
import { TOOLS } from "./tools";
import { say, type Word } from "./words";

const MOST_WAITING = 1 << 20; // bytes that have not left: then sound is dropped, not queued
const SENT_FRAMES = 2; // of 20 ms, in one message
const SHORTEST_HOLD_MS = 200;
const SILENCE_MS = 15_000; // of a server that owes something
const WATCH_MS = 400; // between two looks at whether the server speculates
const REMEMBERED = 20; // messages that are told again to a session that begins anew
const MOST_CALLS = 16; // in one turn: a model that calls for ever is stopped
const LARGEST_SOUND = 10 << 20; // bytes of sound as PCM16
const LARGEST_FILE = 80 << 20; // bytes that are read at all: so much sound in the widest form

export interface Onlooker {
  /** Something changed. */
  happened(happening: Happening): void;
  /** Something is to be said to the person; null: nothing any more. */
  warn(word: Word | null, detail?: string): void;
  needsKey(): void;
}

export class Talk {
  session = new Session();
  readonly recording = new Recording();
  readonly happenings = new Chronicle();
  isMuted = false;
  private readonly stage: Stage;
  private readonly socket: Line;
  private readonly call: Call;
  private readonly remote = new Remote((event) => this.happened("page", event));
  private line: Wire;
  private isHolding = false;
  private heldMs = 0;
  private unsent: Int16Array[] = [];
  private lastLoud = 0;
  private floor = 0.005;
  private toldPlayed = 0;
  private whenReady: (() => void)[] = [];
  private isReady = false;
  private afterReply: (() => void)[] = [];
  private hasSpoken = false;
  private figuresBefore: Map<string, number> | null = null;
  private watching = 0;
  private owing = 0;
  private silenced = new Set<string>(); // replies and items that were cut: what still comes of them is not played
  private wake: WakeLockSentinel | null = null;
  private count = 0;
  private calls = 0; // of tools, in this turn
  private warning: Word | null = null;

  constructor(
    private readonly server: Server,
    private settings: Settings,
    private readonly onlooker: Onlooker,
  ) {
    this.stage = new Stage({
      frame: (frame, at) => this.frame(frame, at),
      started: (item, at) => this.happened("page", { type: "page.started", item_id: item, at }),
      finished: (item) => this.happened("page", { type: "page.finished", item_id: item }),
      unplugged: () => this.deafened("unplugged"),
    });
    const listener = {
      secret: () => this.secret(),
      opened: () => this.opened(),
      told: (event: Told) => this.told(event),
      closed: (waitMs: number | null) => this.closed(waitMs),
    };
    this.line = this.socket = new Line(listener);
    const calling = { ...listener, voice: (stream: MediaStream) => this.stage.voice(stream), failed: () => this.unanswered() };
    this.call = new Call(calling, (offer) => this.server.call(offer), () => this.stage.microphone);
  }

  get isListening(): boolean {
    return this.stage.hasMicrophone;
  }

  // --- what a person does -----------------------------------------------------------------------------------------

  /** Open the line and the microphone. */
  async start(): Promise<void> {
    const calls = this.settings.link === "call" && !this.line.isOpen;
    if (!calls) this.line.open();
    try {
      await this.stage.listen(this.settings.microphone);
      this.warn(null);
      if (calls) this.line = this.call;
      this.line.open();
      this.listenOrNot();
      this.happened("page", { type: "page.listening", is: true });
      this.wake = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    } catch (error) {
      this.warn(error instanceof NoMicrophone ? error.why : "busy");
    }
  }

  /** Close both. */
  async end(): Promise<void> {
    await this.stage.flush();
    this.line.close();
    this.line = this.socket;
    this.deafened(null);
    this.stage.voice(null);
  }

  /** There is no call to be had, or no more: by the socket, then. */
  private unanswered(): void {
    this.closed(0);
    this.stage.voice(null);
    this.line = this.socket;
    this.listenOrNot();
    this.line.open();
    this.warn("call_failed");
  }

  /** In a call the microphone is always heard, so it is silent while nobody is to hear it. */
  private listenOrNot(): void {
    const isHeard = !this.isMuted && (this.settings.turns !== "hold" || this.isHolding);
    this.stage.enable(isHeard || !this.line.carriesSound);
  }

  microphones(): Promise<MediaDeviceInfo[]> {
    return this.stage.microphones();
  }

  mute(isMuted: boolean): void {
    this.isMuted = isMuted;
    this.listenOrNot();
    this.happened("page", { type: "page.muted", is: isMuted });
  }

  /** The button or the space bar goes down. */
  async hold(): Promise<void> {
    if (this.isHolding) return;
    this.isHolding = true;
    this.heldMs = 0;
    if (!this.isListening) await this.start();
    if (this.session.response || this.session.playing) await this.interrupt();
    this.calls = 0;
    if (this.line.carriesSound) this.send({ type: "input_audio_buffer.clear" });
    this.listenOrNot();
    this.happened("page", { type: "page.held" });
  }

  release(): void {
    if (!this.isHolding) return;
    this.isHolding = false;
    this.listenOrNot();
    this.sendSound();
    if (this.heldMs < SHORTEST_HOLD_MS) {
      this.send({ type: "input_audio_buffer.clear" });
      this.happened("page", { type: "page.released" });
      return;
    }
    this.send({ type: "input_audio_buffer.commit" });
    this.happened("page", { type: "page.voice_ended", at: this.lastLoud });
    this.whenFree(() => this.ask());
  }

  async write(words: string): Promise<void> {
    await this.stage.open();
    await this.turn([{ type: "input_text", text: words }], words);
  }

  /** A recording instead of the voice. */
  async sendFile(file: File): Promise<void> {
    if (file.size > LARGEST_FILE) return this.warn("too_long", file.name);
    await this.stage.open();
    const samples = await decoded(file).catch(() => null);
    if (!samples) return this.warn("unreadable", file.name);
    if (samples.byteLength > LARGEST_SOUND) return this.warn("too_long", file.name);
    const audio = toBase64(samples);
    if (audio.length > this.line.largest) return this.warn("too_long_to_call", file.name);
    await this.turn([{ type: "input_audio", audio }], file.name);
  }

  /** Silence, and what was not heard is not in the conversation. */
  async interrupt(): Promise<void> {
    if (this.session.response) this.send({ type: "response.cancel" });
    await this.hush(performance.now());
  }

  /** Other settings from now on. */
  async apply(settings: Settings): Promise<void> {
    const other = settings.microphone !== this.settings.microphone;
    const isRevoiced = settings.voice !== this.settings.voice && this.hasSpoken;
    this.settings = settings;
    if (this.isReady) this.send(this.wished());
    if (this.isReady && isRevoiced) this.send(otherVoice(settings.voice));
    this.listenOrNot();
    if (other && this.isListening) await this.start();
  }

  private async turn(content: Told[], shown: string): Promise<void> {
    this.line.open();
    if (this.session.response || this.session.playing) await this.interrupt();
    const id = `item_page_${Date.now().toString(36)}_${++this.count}`;
    const send = () => {
      this.calls = 0;
      this.happened("page", { type: "page.wrote", item_id: id, text: shown });
      this.send({ type: "conversation.item.create", item: { id, type: "message", role: "user", content } });
      this.ask();
    };
    if (this.isReady) this.whenFree(send);
    else this.whenReady.push(send);
  }

  // --- the line ---------------------------------------------------------------------------------------------------

  private async secret(): Promise<string | null> {
    try {
      return await this.server.secret();
    } catch (error) {
      if (error instanceof NeedsKey) this.onlooker.needsKey();
      throw error;
    }
  }

  private opened(): void {
    if (this.warning === "reconnecting") this.warn(null);
    this.happened("page", { type: "page.opened" });
    this.owed();
    void this.server.sums().then((sums) => (this.figuresBefore = sums), () => null);
  }

  private closed(waitMs: number | null): void {
    const wasOpen = this.session.isOpen;
    this.isReady = this.hasSpoken = false;
    this.afterReply = [];
    clearInterval(this.watching);
    clearTimeout(this.owing);
    if (wasOpen) this.happened("page", { type: "page.closed", reason: waitMs === null ? "" : say("lost") });
    if (waitMs === null) return;
    void this.stage.flush();
    if (waitMs) this.warn("reconnecting", String(Math.ceil(waitMs / 1000)));
  }

  /** The server is to say something now; where it does not, the person is told. */
  private owed(): void {
    clearTimeout(this.owing);
    this.owing = window.setTimeout(() => this.warn("silent"), SILENCE_MS);
  }

  private told(event: Told): void {
    clearTimeout(this.owing);
    if (this.warning === "silent") this.warn(null);
    if (event.type === "input_audio_buffer.speech_stopped") {
      this.happened("page", { type: "page.voice_ended", at: this.lastLoud });
    }
    this.happened("server", event);
    const cut = this.line.carriesSound ? this.remote.told(event) : null;
    if (cut) this.send({ type: "conversation.item.retrieve", item_id: cut });
    RECEIVES.get(event.type)?.(this, event);
  }

  /** The session is there: it is told how it shall be, and what was said before. */
  created(): void {
    this.send(this.wished());
    const said = this.session.messages.filter((message) => message.kind === "user" || message.kind === "answer");
    for (const message of said.slice(-REMEMBERED)) {
      const words = message.heard ?? message.text;
      if (!words) continue;
      const [role, type] = message.kind === "user" ? ["user", "input_text"] : ["assistant", "output_text"];
      this.send({
        type: "conversation.item.create",
        item: { type: "message", role, content: [{ type, text: words }] },
      });
    }
  }

  /** The session as it shall be. A page without sound asks for words alone. */
  private wished(): Told {
    return update({ ...this.settings, aloud: this.settings.aloud && this.stage.canPlay }, this.hasSpoken);
  }

  updated(): void {
    if (this.isReady) return;
    this.isReady = true;
    for (const act of this.whenReady.splice(0)) act();
  }

  sounded(event: Told): void {
    this.hasSpoken = true;
    if (this.silenced.has(text(event.response_id)) || this.silenced.has(text(event.item_id))) return;
    this.stage.play(text(event.item_id), fromBase64(text(event.delta)));
  }

  replyBegan(): void {
    this.silenced.clear(); // the line keeps its order: of those before nothing comes any more
  }

  soundDone(event: Told): void {
    this.stage.end(text(event.item_id));
  }

  speechStarted(): void {
    this.calls = 0;
    clearInterval(this.watching);
    this.watching = window.setInterval(() => void this.watch(), WATCH_MS);
    if (this.session.playing && this.settings.interrupts) void this.hush(performance.now());
  }

  speechStopped(): void {
    clearInterval(this.watching);
  }

  async replyDone(): Promise<void> {
    for (const act of this.afterReply.splice(0, 1)) act();
    const before = this.figuresBefore;
    const after = await this.server.sums().catch(() => null);
    this.figuresBefore = after;
    if (before && after) this.happened("page", { type: "page.figures", figures: between(before, after) });
  }

  /** A tool is run here and its answer told; then the model goes on. */
  called(event: Told): void {
    const begun = performance.now();
    const call_id = text(event.call_id);
    const tool = TOOLS.find((one) => one.name === event.name);
    let output: string;
    let failed = false;
    try {
      if (!tool) throw new Error(`There is no tool ${text(event.name)} in this page.`);
      if (++this.calls > MOST_CALLS) throw new Error(`More than ${MOST_CALLS} calls in one turn; none is run any more.`);
      output = tool.run(object(JSON.parse(text(event.arguments) || "{}")));
    } catch (error) {
      output = error instanceof Error ? error.message : String(error);
      failed = true;
    }
    this.whenFree(() => {
      this.happened("page", { type: "page.tool", call_id, output, failed, ms: performance.now() - begun });
      this.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id, output } });
      if (this.calls <= MOST_CALLS) this.ask();
    });
  }

  private ask(): void {
    this.happened("page", { type: "page.asked" });
    this.send({ type: "response.create" });
    this.owed();
  }

  /** Now, or as soon as the reply that is under way has come to its end. */
  private whenFree(act: () => void): void {
    if (this.session.response) this.afterReply.push(act);
    else act();
  }

  private send(event: Told): void {
    this.line.send(event);
    this.happened("client", event);
  }

  private async watch(): Promise<void> {
    const sums = await this.server.sums().catch(() => null);
    if (!sums || !this.figuresBefore) return;
    const { started = 0, committed = 0, discarded = 0 } = between(this.figuresBefore, sums);
    this.happened("page", { type: "page.speculating", is: started > committed + discarded });
  }

  // --- the sound --------------------------------------------------------------------------------------------------

  private frame(frame: Frame, now: number): void {
    this.recording.add(frame, now);
    if (frame.underrun) this.happened("page", { type: "page.underrun", ms: (frame.underrun / RATE) * 1000 });
    if (frame.item && now - this.toldPlayed > 100) {
      this.toldPlayed = now;
      this.happened("page", { type: "page.played", item_id: frame.item, ms: (frame.played / RATE) * 1000 });
    }
    if (this.line.carriesSound) this.remote.frame(frame.out, now);
    if (this.isListening) this.hear(frame.mic, now);
  }

  private hear(samples: Int16Array, now: number): void {
    const loud = loudness(samples);
    this.floor = Math.min(loud, this.floor * 1.005 + 1e-6);
    if (loud > Math.max(0.01, this.floor * 4)) this.lastLoud = now;
    if (this.settings.turns === "hold" && !this.isHolding) return;
    if (this.isHolding) this.heldMs += 20;
    if (this.line.carriesSound) return;
    this.unsent.push(this.isMuted ? new Int16Array(samples.length) : samples);
    if (this.unsent.length >= SENT_FRAMES) this.sendSound();
  }

  private sendSound(): void {
    const pieces = this.unsent.splice(0);
    if (!this.isReady || !pieces.length || this.line.waiting > MOST_WAITING) return;
    const whole = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.line.send({ type: "input_audio_buffer.append", audio: toBase64(whole) });
  }

  /** What sounds ends here; the server learns how much of it was heard, and says which words that were. */
  private async hush(at: number): Promise<void> {
    if (this.line.carriesSound) {
      this.remote.cutting(at);
      this.send({ type: "output_audio_buffer.clear" });
      return;
    }
    for (const cut of [this.session.response, this.session.playing]) if (cut) this.silenced.add(cut);
    const flushed: Flushed | null = await this.stage.flush();
    if (!flushed?.item) return;
    const { item, heardMs } = flushed;
    const known = Math.floor(this.session.message(item)?.soundMs ?? 0);
    const audio_end_ms = Math.min(heardMs, known);
    this.happened("page", { type: "page.cut", item_id: item, heard_ms: audio_end_ms, at, silent_at: flushed.at });
    this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms });
    this.send({ type: "conversation.item.retrieve", item_id: item });
  }

  private warn(word: Word | null, detail?: string): void {
    this.warning = word;
    this.onlooker.warn(word, detail);
  }

  private deafened(why: Word | null): void {
    this.stage.deafen();
    void this.wake?.release();
    this.happened("page", { type: "page.listening", is: false });
    this.warn(why);
  }

  private happened(from: From, event: Told): void {
    const happening = { at: performance.now(), from, event: withoutSound(event) };
    this.happenings.add(happening);
    this.session.take(happening);
    this.onlooker.happened(happening);
  }
}

type Receiver = (talk: Talk, event: Told) => void;

const RECEIVES = new Map<string, Receiver>(Object.entries<Receiver>({
  "session.created": (talk) => talk.created(),
  "session.updated": (talk) => talk.updated(),
  "response.created": (talk) => talk.replyBegan(),
  "response.output_audio.delta": (talk, event) => talk.sounded(event),
  "response.output_audio.done": (talk, event) => talk.soundDone(event),
  "input_audio_buffer.speech_started": (talk) => talk.speechStarted(),
  "input_audio_buffer.speech_stopped": (talk) => talk.speechStopped(),
  "response.function_call_arguments.done": (talk, event) => talk.called(event),
  "response.done": (talk) => void talk.replyDone(),
}));
