// A call to the server: events go through a channel, sound beside them through tracks. To the rest it is a line.

import { parse, type Told } from "./happening";
import type { Listener, Wire } from "./line";

const OPEN_MS = 12_000; // from dialling to the channel that is open
const GATHER_MS = 2_000;
const LARGEST = 60_000; // letters of one message: what every browser's channel takes

export interface CallListener extends Listener {
  /** The server's voice. */
  voice(stream: MediaStream): void;
  /** There is no call to be had. */
  failed(): void;
}

export class Call implements Wire {
  readonly carriesSound = true;
  readonly largest = LARGEST;
  readonly waiting = 0;
  private peer: RTCPeerConnection | null = null;
  private channel: RTCDataChannel | null = null;
  private timer = 0;

  constructor(
    private readonly listener: CallListener,
    private readonly answered: (offer: string) => Promise<string>,
    private readonly microphone: () => MediaStream | null,
  ) {}

  get isOpen(): boolean {
    return this.channel?.readyState === "open";
  }

  open(): void {
    const stream = this.microphone();
    if (this.peer || !stream) return;
    this.timer = window.setTimeout(() => this.lost(), OPEN_MS);
    this.dial(stream).catch(() => this.lost());
  }

  close(): void {
    if (!this.peer) return;
    this.drop();
    this.listener.closed(null);
  }

  send(event: Told): void {
    if (this.isOpen) this.channel?.send(JSON.stringify(event));
  }

  private async dial(stream: MediaStream): Promise<void> {
    const peer = (this.peer = new RTCPeerConnection());
    peer.ontrack = ({ streams, track }) => this.listener.voice(streams[0] ?? new MediaStream([track]));
    peer.onconnectionstatechange = () => {
      if (peer === this.peer && ["failed", "closed"].includes(peer.connectionState)) this.lost();
    };
    for (const track of stream.getAudioTracks()) peer.addTrack(track, stream);
    const channel = (this.channel = peer.createDataChannel("oai-events"));
    channel.onopen = () => {
      clearTimeout(this.timer);
      this.listener.opened();
    };
    channel.onmessage = (message) => {
      const event = parse(message.data);
      if (event) this.listener.told(event);
    };
    channel.onclose = () => {
      if (channel === this.channel) this.lost();
    };
    await peer.setLocalDescription();
    await gathered(peer);
    const sdp = await this.answered(peer.localDescription?.sdp ?? "");
    if (peer === this.peer) await peer.setRemoteDescription({ type: "answer", sdp });
  }

  private lost(): void {
    if (!this.peer) return;
    this.drop();
    this.listener.failed();
  }

  private drop(): void {
    clearTimeout(this.timer);
    const { peer } = this;
    this.peer = this.channel = null;
    peer?.close();
  }
}

/** Every way to this browser is in the offer, or as many as came in time. */
function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((done) => {
    window.setTimeout(done, GATHER_MS);
    const look = () => peer.iceGatheringState === "complete" && done();
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
}
