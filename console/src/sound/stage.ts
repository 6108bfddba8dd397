// The audio side of the page: one context at 24 kHz, one worklet, the microphone when it is wanted.

import type { Frame, FromWorklet, ToWorklet } from "./messages";
import { RATE } from "./pcm";

export interface Ears {
  /** `at`: the page's clock at the end of the frame, however late it is told. */
  frame(frame: Frame, at: number): void;
  started(item: string, at: number): void;
  finished(item: string, at: number): void;
  unplugged(): void;
}

/** Why there is no microphone, as a key of the page's words. */
export class NoMicrophone extends Error {
  constructor(readonly why: "insecure" | "refused" | "missing" | "busy") {
    super(why);
  }
}

export interface Flushed {
  item: string;
  heardMs: number; // of the item, what has left the loudspeaker
  at: number;
}

export class Stage {
  private context: AudioContext | null = null;
  private node: AudioWorkletNode | null = null;
  private stream: MediaStream | null = null;
  private source: MediaStreamAudioSourceNode | null = null;
  private other: { player: HTMLAudioElement; source: MediaStreamAudioSourceNode } | null = null;
  private flushing: ((flushed: Flushed) => void)[] = [];

  constructor(private readonly ears: Ears) {}

  get hasMicrophone(): boolean {
    return this.stream !== null;
  }

  /** Worklets, and with them all sound, are for secure pages only. */
  readonly canPlay = window.isSecureContext && "AudioWorkletNode" in window;

  /** To be called in a tap: elsewhere some browsers give no sound. */
  async open(): Promise<void> {
    if (!this.canPlay) return;
    if (!this.context) {
      const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      this.context = context;
      await context.audioWorklet.addModule("./worklet.js");
      this.node = new AudioWorkletNode(context, "antiphon", { numberOfInputs: 2, outputChannelCount: [1] });
      this.node.port.onmessage = (message: MessageEvent<FromWorklet>) => this.told(message.data);
      this.node.connect(context.destination);
    }
    if (this.context.state !== "running") void this.context.resume(); // what comes before it runs waits in the ring
  }

  /** Open the microphone; `device` is one of `microphones()`, or "" for the usual one. */
  async listen(device: string): Promise<void> {
    if (!window.isSecureContext || !navigator.mediaDevices) throw new NoMicrophone("insecure");
    await this.open();
    this.deafen();
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: wanted(device) }).catch((error: unknown) => {
      throw reason(error);
    });
    this.stream.getAudioTracks()[0]?.addEventListener("ended", () => {
      this.deafen();
      this.ears.unplugged();
    });
    if (!this.context || !this.node) return;
    this.source = this.context.createMediaStreamSource(this.stream);
    this.source.connect(this.node);
  }

  deafen(): void {
    this.source?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    this.source = this.stream = null;
  }

  get microphone(): MediaStream | null {
    return this.stream;
  }

  /** Whether the microphone gives sound, or silence. */
  enable(is: boolean): void {
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = is;
  }

  /** Play what comes through a track of a call; null: nothing any more. */
  voice(stream: MediaStream | null): void {
    this.other?.source.disconnect();
    if (this.other) this.other.player.srcObject = null;
    this.other = null;
    if (!stream || !this.context || !this.node) return;
    const player = new Audio(); // without one, the track of a call gives no sound
    player.muted = true;
    player.srcObject = stream;
    void player.play().catch(() => null);
    const source = this.context.createMediaStreamSource(stream);
    source.connect(this.node, 0, 1);
    this.other = { player, source };
  }

  async microphones(): Promise<MediaDeviceInfo[]> {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return all.filter((device) => device.kind === "audioinput" && device.deviceId);
  }

  play(item: string, samples: Int16Array): void {
    this.post({ do: "play", item, samples });
  }

  end(item: string): void {
    this.post({ do: "end", item });
  }

  /** Silence at once; how much had been heard. Null where nothing was ever played. */
  flush(): Promise<Flushed | null> {
    if (!this.node) return Promise.resolve(null);
    this.post({ do: "flush" });
    return new Promise((done) => this.flushing.push(done));
  }

  /** The page's clock when a frame of the audio clock leaves the loudspeaker. */
  private timeOf(frame: number): number {
    return this.momentOf(frame) + this.latency() * 1000;
  }

  /** The page's clock at a frame of the audio clock. */
  private momentOf(frame: number): number {
    return performance.now() + (frame / RATE - (this.context?.currentTime ?? 0)) * 1000;
  }

  private latency(): number {
    return this.context?.outputLatency || this.context?.baseLatency || 0;
  }

  private post(message: ToWorklet): void {
    this.node?.port.postMessage(message);
  }

  private told(message: FromWorklet): void {
    if (message.tell === "frame") this.ears.frame(message, this.momentOf(message.frame));
    else if (message.tell === "started") this.ears.started(message.item, this.timeOf(message.frame));
    else if (message.tell === "finished") this.ears.finished(message.item, this.timeOf(message.frame));
    else {
      const heardMs = Math.max(Math.floor((message.played / RATE - this.latency()) * 1000), 0);
      this.flushing.shift()?.({ item: message.item, heardMs, at: this.timeOf(message.frame) });
    }
  }
}

function wanted(device: string): MediaTrackConstraints {
  const shaped = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  return device ? { ...shaped, deviceId: { exact: device } } : shaped;
}

function reason(error: unknown): NoMicrophone {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return new NoMicrophone("refused");
  if (name === "NotFoundError" || name === "OverconstrainedError") return new NoMicrophone("missing");
  return new NoMicrophone("busy");
}
