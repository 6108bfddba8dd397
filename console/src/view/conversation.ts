// What was said, by both sides: words light up as they are heard, and are struck out where they were not.

import type { Message, Session } from "../session";
import { noticed } from "../noticed";
import { say, translate } from "../words";
import { chips } from "./chips";
import { find, make, ms } from "./element";

const LIVELY = 24; // messages that may still change; those before stand as they are
const LETTERS_PER_MS = 0.016; // of speech whose end is not known yet

export class Conversation {
  private readonly log = find("spoken");
  private readonly lines = find<HTMLOListElement>("said");
  private readonly shown = new Map<string, { element: HTMLLIElement; key: string }>();
  private language = "";

  show(session: Session): void {
    find("empty").hidden = session.messages.length > 0;
    const there = new Set(session.messages.map((message) => message.id));
    for (const [id, { element }] of this.shown) {
      if (!there.has(id)) {
        element.remove();
        this.shown.delete(id);
      }
    }
    const isSame = this.language === say("you");
    this.language = say("you");
    const settled = session.messages.length - LIVELY;
    for (const [at, message] of session.messages.entries()) {
      const line = this.shown.get(message.id);
      if (!isSame || at >= settled || !line) this.update(message, session.playing === message.id);
      else line.key = ""; // it is not looked at again
    }
    for (const [at, { id, kind }] of session.messages.entries()) {
      if (kind === "thought") this.place(id, session.messages[at + 1]?.id);
    }
  }

  /** A thought is told when its answer is over, and stands before it. */
  private place(id: string, next: string | undefined): void {
    const [line, other] = [this.shown.get(id)?.element, this.shown.get(next ?? "")?.element];
    if (line && other && line.nextSibling !== other) other.before(line);
  }

  private update(message: Message, isPlaying: boolean): void {
    const key = JSON.stringify([message, isPlaying && heardLetters(message), say("you")]);
    let line = this.shown.get(message.id);
    if (line?.key === key) return;
    if (!line) {
      line = { element: make("li", { "data-kind": message.kind }), key: "" };
      this.shown.set(message.id, line);
      this.lines.append(line.element);
    }
    line.key = key;
    const isAtEnd = this.isAtEnd();
    const wasOpen = line.element.querySelector("details")?.open ?? message.kind === "tool";
    line.element.replaceChildren(...drawn(message, isPlaying, wasOpen));
    translate(line.element);
    if (isAtEnd) this.lines.lastElementChild?.scrollIntoView({ block: "nearest" });
  }

  /** Whether the latest words are in sight; whoever reads elsewhere is left there. */
  private isAtEnd(): boolean {
    if (this.log.scrollHeight > this.log.clientHeight + 1) {
      return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
    }
    const { bottom } = this.log.getBoundingClientRect();
    return bottom > 0 && bottom < window.innerHeight + 60;
  }
}

function drawn(message: Message, isPlaying: boolean, isOpen: boolean): Node[] {
  if (message.kind === "notice") return [make("p", {}, message.text)];
  if (message.kind === "tool") return [card(message, isOpen)];
  if (message.kind === "thought") return [thought(message, isOpen)];
  const who = message.kind === "user" ? make("b", { "data-say": "you" }) : make("b", {}, "antiphon");
  if (message.kind === "user") return [who, make("p", {}, message.text || (message.isDone ? "…" : "· · ·"))];
  const found = message.isDone && !message.isCut ? noticed(message.text) : [];
  return [who, answer(message, isPlaying), ...(found.length ? [chips(found)] : [])];
}

function thought(message: Message, isOpen: boolean): HTMLElement {
  const title = make("summary", { "data-say": "thought" });
  return make("details", { class: "thought", open: isOpen }, title, make("p", {}, message.text));
}

function answer(message: Message, isPlaying: boolean): HTMLElement {
  if (message.isCut) {
    const heard = message.heard ?? message.text.slice(0, heardLetters(message));
    const rest = message.text.startsWith(heard) ? message.text.slice(heard.length) : "";
    const unheard = rest ? make("s", {}, make("span", { class: "aside", "data-say": "unheard" }), rest) : null;
    return make("p", {}, make("span", { class: "heard" }, heard), unheard);
  }
  if (!isPlaying) return make("p", {}, message.text);
  const count = heardLetters(message);
  const [heard, coming] = [message.text.slice(0, count), message.text.slice(count)];
  return make("p", {}, make("mark", { class: "heard" }, heard), make("span", { class: "coming" }, coming));
}

/** How many letters have sounded: by the share of the sound that has, to the end of a word. */
function heardLetters(message: Message): number {
  const isKnown = message.isDone && message.soundMs > 0; // of a call's sound nothing is known
  const whole = isKnown ? message.soundMs : Math.max(message.soundMs, message.text.length / LETTERS_PER_MS);
  if (!whole) return message.text.length;
  const count = Math.ceil((message.playedMs / whole) * message.text.length);
  const end = message.text.slice(count).search(/\s|$/);
  return Math.min(count + Math.max(end, 0), message.text.length);
}

function card(message: Message, isOpen: boolean): HTMLElement {
  const tool = message.tool;
  if (!tool) return make("p");
  const ended = tool.ms !== null;
  const word = tool.isCancelled ? "cancelled" : tool.failed ? "failed" : "running";
  const state = ended && word === "running" ? ms(tool.ms ?? 0) : null;
  const status = state ? make("i", {}, state) : make("i", { "data-say": word });
  const title = make("summary", {}, make("span", { "data-say": "tool_card" }), " ", make("code", {}, tool.name), " ", status);
  return make(
    "details",
    { class: "card", open: isOpen, "data-state": ended ? (tool.failed ? "failed" : "done") : "running" },
    title,
    make("dl", {}, make("dt", { "data-say": "arguments" }), make("dd", {}, make("code", {}, tool.args))),
    ended ? make("dl", {}, make("dt", { "data-say": "result" }), make("dd", { class: "result" }, tool.output)) : null,
  );
}
