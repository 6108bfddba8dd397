// The line to the server: a socket that is opened again when it breaks, for as long as it is wanted.

import { parse, type Told } from "./happening";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

export interface Listener {
  opened(): void;
  told(event: Told): void;
  /** The line is down; it is tried again in `waitMs`, or not any more (null). */
  closed(waitMs: number | null): void;
  /** A key for the socket, or null where none is needed. Rejects where nobody answers. */
  secret(): Promise<string | null>;
}

/** A way to the server. */
export interface Wire {
  readonly isOpen: boolean;
  readonly carriesSound: boolean; // both ways, beside the events
  readonly largest: number; // letters of one event
  readonly waiting: number; // bytes that have not left
  open(): void;
  close(): void;
  send(event: Told): void;
}

export class Line implements Wire {
  readonly carriesSound = false;
  readonly largest = Infinity;
  private socket: WebSocket | null = null;
  private wait = FIRST_WAIT_MS;
  private timer = 0;
  private isWanted = false;

  constructor(private readonly listener: Listener) {}

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open(): void {
    if (this.isWanted) return;
    this.isWanted = true;
    this.wait = FIRST_WAIT_MS;
    void this.dial();
  }

  close(): void {
    if (!this.isWanted) return;
    this.isWanted = false;
    clearTimeout(this.timer);
    this.drop();
    this.listener.closed(null);
  }

  send(event: Told): void {
    if (this.isOpen) this.socket?.send(JSON.stringify(event));
  }

  get waiting(): number {
    return this.socket?.bufferedAmount ?? 0;
  }

  private async dial(): Promise<void> {
    const secret = await this.listener.secret().catch(() => undefined);
    if (!this.isWanted) return;
    if (secret === undefined) return this.lost();
    const protocols = secret ? ["realtime", `openai-insecure-api-key.${secret}`] : ["realtime"];
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/v1/realtime`, protocols);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.listener.opened();
    };
    socket.onmessage = (message) => {
      const event = parse(message.data);
      if (event) this.listener.told(event);
    };
    socket.onclose = () => this.lost();
  }

  private lost(): void {
    this.drop();
    if (!this.isWanted) return;
    this.listener.closed(this.wait);
    this.timer = window.setTimeout(() => void this.dial(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
