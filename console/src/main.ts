// The page: what is pressed goes to the conversation, what happens in it is shown, once a frame.

import "./style.css";
import { fromFile, Replay, toFile } from "./saved";
import { NeedsKey, Server } from "./server";
import { load, type Settings } from "./settings";
import { Talk } from "./talk";
import { Choices } from "./view/choices";
import { Compare } from "./view/compare";
import { Conversation } from "./view/conversation";
import { find } from "./view/element";
import { Latency } from "./view/latency";
import { Log } from "./view/log";
import { drops, pages } from "./view/pages";
import { Waves } from "./view/waves";
import { tabs } from "./view/tabs";
import { colours } from "./view/colours";
import { language, say, speak, translate, type Tongue, type Word } from "./words";

const server = new Server();
let settings = load();
let isStale = true;
let replay: Replay | null = null;
let replaySound: Blob | null = null;

const talk = new Talk(server, settings, {
  happened: () => (isStale = true),
  warn,
  needsKey: () => (find("key-form").hidden = false),
});
const views = { conversation: new Conversation(), latency: new Latency(), log: new Log(), waves: new Waves() };
const choices = new Choices(settings, (chosen: Settings) => {
  settings = chosen;
  isStale = true;
  void talk.apply(chosen);
});
const compare = new Compare(server, () => settings);

// --- shown ----------------------------------------------------------------------------------------------------------

function warn(word: Word | null, detail = ""): void {
  const notice = find("notice");
  notice.hidden = word === null;
  notice.textContent = word === null ? "" : `${say(word)} ${detail}`.trim();
  notice.dataset.why = word ?? "";
  isStale = true;
}

function show(): void {
  const { session, happenings } = replay ?? talk;
  const state = session.state(replay ? undefined : performance.now());
  const badge = find("state");
  if (badge.dataset.state !== state) {
    badge.dataset.state = document.body.dataset.state = state;
    badge.textContent = say(state);
  }
  views.waves.show(talk.recording);
  if (!isStale) return;
  isStale = false;
  buttons();
  views.conversation.show(session);
  views.latency.show(session);
  views.log.show(happenings);
  find("config").textContent = JSON.stringify(session.config, null, 1);
}

function buttons(): void {
  const holds = settings.turns === "hold";
  const isOn = talk.isListening;
  const button = find<HTMLButtonElement>("talk");
  const word: Word = holds ? "hold" : isOn ? "stop" : "start";
  button.dataset.say = word;
  button.textContent = say(word);
  button.setAttribute("aria-pressed", String(isOn && !holds));
  find("end").hidden = !(holds && isOn) && !(talk.session.isOpen && !isOn);
  const mute = find<HTMLButtonElement>("mute");
  mute.disabled = !isOn;
  mute.textContent = say(talk.isMuted ? "unmute" : "mute");
  mute.setAttribute("aria-pressed", String(talk.isMuted));
  find<HTMLButtonElement>("interrupt").disabled = !talk.session.response && !talk.session.playing;
  find("replaying").hidden = replay === null;
}

function tick(): void {
  show();
  requestAnimationFrame(tick);
}

// --- pressed --------------------------------------------------------------------------------------------------------

const button = find<HTMLButtonElement>("talk");
button.addEventListener("click", () => {
  if (settings.turns === "hold") return;
  void (talk.isListening ? talk.end() : begin());
});
button.addEventListener("pointerdown", () => settings.turns === "hold" && void talk.hold());
for (const name of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(name, () => talk.release());
button.addEventListener("contextmenu", (event) => event.preventDefault());

async function begin(): Promise<void> {
  closeReplay();
  await talk.start();
  choices.offerMicrophones(await talk.microphones());
}

function isForKeys(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement;
  return !find("talking").hidden && !event.repeat && !at.closest("input, textarea, select, summary, button:not(#talk), pre, [role=tab]");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") void talk.interrupt();
  if (event.code !== "Space" || settings.turns !== "hold" || !isForKeys(event)) return;
  event.preventDefault();
  void talk.hold();
});
document.addEventListener("keyup", (event) => {
  if (event.code === "Space") talk.release();
});
window.addEventListener("blur", () => talk.release());

find("end").addEventListener("click", () => void talk.end());
find("mute").addEventListener("click", () => talk.mute(!talk.isMuted));
find("interrupt").addEventListener("click", () => void talk.interrupt());
find("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = find<HTMLInputElement>("words");
  const words = field.value.trim();
  if (!words) return;
  field.value = "";
  ask(words);
});

function ask(words: string): void {
  closeReplay();
  void talk.write(words);
}

find("manners").addEventListener("click", (event) => {
  const { ask: word } = (event.target as HTMLElement).dataset;
  if (word) ask(say(word as Word));
});
find("file").addEventListener("change", (event) => {
  const field = event.target as HTMLInputElement;
  const file = field.files?.[0];
  if (file) void talk.sendFile(file);
  field.value = "";
});

drops((files) => {
  if (find("talking").hidden) compare.add(files);
  else if (files[0]) void talk.sendFile(files[0]);
});
find("preview").addEventListener("click", async () => {
  const heard = await server.speech(say("preview_words"), settings.model, settings.voice).catch((error: unknown) => {
    warn("preview_fails", error instanceof Error ? error.message : "");
    return null;
  });
  if (heard) await listen(heard);
});

async function listen(heard: Blob): Promise<void> {
  const player = new Audio(URL.createObjectURL(heard));
  player.addEventListener("ended", () => URL.revokeObjectURL(player.src));
  await player.play();
}

// --- saved and shown again --------------------------------------------------------------------------------------------

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function closeReplay(): void {
  replay?.stop();
  replay = replaySound = null;
  isStale = true;
}

find("save").addEventListener("click", () =>
  download(toFile(talk.happenings, talk.recording.startsAt), "antiphon-session.json"),
);
find("save-sound").addEventListener("click", () => download(talk.recording.file(), "antiphon-session.wav"));
find("replay").addEventListener("change", async (event) => {
  const field = event.target as HTMLInputElement;
  const files = [...(field.files ?? [])];
  field.value = "";
  const saved = files.find((file) => file.name.endsWith(".json")) ?? files[0];
  const found = saved ? fromFile(await saved.text()) : null;
  if (!found) return warn("not_a_session");
  closeReplay();
  warn(null);
  replay = new Replay(found);
  replaySound = files.find((file) => file.name.endsWith(".wav")) ?? null;
});
find("replay-play").addEventListener("click", () => replay?.play(replaySound, () => (isStale = true)));
find("replay-close").addEventListener("click", closeReplay);

// --- the page itself ------------------------------------------------------------------------------------------------

async function meet(): Promise<void> {
  try {
    const [models, voices, offer] = await Promise.all([server.models(), server.voices(), server.tasks()]);
    choices.offer(models, voices);
    choices.offerTasks(offer.tasks);
    compare.offered(offer);
    find("key-form").hidden = true;
  } catch (error) {
    find("key-form").hidden = !(error instanceof NeedsKey);
  }
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  server.remember(find<HTMLInputElement>("key").value.trim());
  void meet();
});
const tongue = find<HTMLSelectElement>("language");
tongue.value = language();
tongue.addEventListener("change", () => {
  speak(tongue.value as Tongue);
  find("state").textContent = say(talk.session.state(performance.now()));
  choices.rename();
  compare.rename();
  isStale = true;
});
for (const id of ["filter", "show-played"]) find(id).addEventListener("input", () => (isStale = true));

translate(document);
colours();
pages();
tabs(find("panel"));
if (!window.isSecureContext) warn("insecure");
void meet();
tick();
performance.mark("usable");

if ("serviceWorker" in navigator && window.isSecureContext) {
  const policy = window.trustedTypes?.createPolicy("antiphon", { createScriptURL: (address) => address });
  const address = policy ? policy.createScriptURL("./shell.js") : "./shell.js";
  void navigator.serviceWorker.register(address as string).catch(() => null);
}

declare global {
  interface Window {
    trustedTypes?: {
      createPolicy(name: string, rules: { createScriptURL(address: string): string }): {
        createScriptURL(address: string): unknown;
      };
    };
  }
}
