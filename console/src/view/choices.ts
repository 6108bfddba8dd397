// The form of the settings: read from them, and into them.

import { keep, type Settings } from "../settings";
import { TOOLS } from "../tools";
import type { Voice } from "../server";
import type { Task } from "../tasks";
import { say, taskName } from "../words";
import { find, make } from "./element";

const FEW_VOICES = 6; // which need no search
const OTHER = "other"; // instructions that are no task's

export class Choices {
  private readonly form = find<HTMLFormElement>("choices");
  private timer = 0;
  private tasks: Task[] = [];
  private voices: Voice[] = [];

  constructor(
    private settings: Settings,
    private readonly changed: (settings: Settings) => void,
  ) {
    find("tools").append(...TOOLS.map((tool) => make("label", {}, this.box(tool.name), " ", make("code", {}, tool.name))));
    this.write();
    this.form.addEventListener("input", (event) => {
      if (event.target === find("voice-search")) return;
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.read(), 300);
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.field("preset").addEventListener("change", () => this.choose());
    find("voice-search").addEventListener("input", () => this.showVoices());
  }

  /** What the server has to offer. */
  offer(models: string[], voices: Voice[]): void {
    options(this.field("model"), models.map((name) => [name, name]), this.settings.model);
    this.voices = voices;
    find("voice-search").hidden = voices.length <= FEW_VOICES;
    this.showVoices();
  }

  /** The voices that are looked for, and the one that is chosen. */
  private showVoices(): void {
    const words = find<HTMLInputElement>("voice-search").value.toLowerCase().split(/\s+/);
    const chosen = this.settings.voice || this.voices[0]?.id;
    const is = ({ id, name, about }: Voice) => words.every((word) => `${id} ${name} ${about}`.toLowerCase().includes(word));
    const found = this.voices.filter((voice) => is(voice) || voice.id === chosen);
    const named = found.map(({ id, name, about }): [string, string] => [id, about ? `${name} (${about})` : name]);
    options(this.field("voice"), named, this.settings.voice);
  }

  /** The released tasks, each of which brings its instruction, and whether it is answered aloud. */
  offerTasks(tasks: Task[]): void {
    this.tasks = tasks;
    this.rename();
  }

  /** The names of the tasks in the language that is chosen now. */
  rename(): void {
    const named = this.tasks.map((task) =>
      make("option", { value: task.id, disabled: !task.isLearnt }, taskName(task.id)),
    );
    const usual = make("option", { value: "", "data-say": "preset_own" }, say("preset_own"));
    const other = make("option", { value: OTHER, "data-say": "preset_other" }, say("preset_other"));
    this.field("preset").replaceChildren(usual, ...named, other);
    this.name();
  }

  /** What a task says, into the form. */
  private choose(): void {
    const chosen = this.field("preset").value;
    const task = this.tasks.find((one) => one.id === chosen);
    if (chosen === OTHER) return;
    this.field<HTMLTextAreaElement>("instructions").value = task?.instructions ?? "";
    this.field<HTMLInputElement>("aloud").checked = task?.gives !== "text";
  }

  /** The task whose instruction stands there. */
  private name(): void {
    const { instructions, aloud } = this.settings;
    const same = this.tasks.filter((task) => task.isLearnt && task.instructions === instructions);
    const task = same.find((one) => (one.gives === "audio") === aloud) ?? same[0];
    this.field("preset").value = instructions ? (task?.id ?? OTHER) : "";
  }

  offerMicrophones(devices: MediaDeviceInfo[]): void {
    const select = this.field<HTMLSelectElement>("microphone");
    const entries = devices.map((device) => make("option", { value: device.deviceId }, device.label || device.deviceId));
    select.replaceChildren(make("option", { value: "", "data-say": "usual" }, say("usual")), ...entries);
    select.value = this.settings.microphone;
  }

  private field<T extends HTMLElement = HTMLSelectElement>(name: string): T {
    return this.form.elements.namedItem(name) as unknown as T;
  }

  private box(tool: string): HTMLInputElement {
    return make("input", { type: "checkbox", name: "tool", value: tool });
  }

  private write(): void {
    for (const [name, value] of Object.entries(this.settings)) {
      const field = this.form.elements.namedItem(name);
      if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = value === true;
      else if (field instanceof Element && "value" in field) field.value = String(value);
    }
    for (const box of this.boxes()) box.checked = this.settings.tools.includes(box.value);
    this.shape();
  }

  private read(): void {
    const given = new FormData(this.form);
    const word = (name: string) => String(given.get(name) ?? "");
    const bounded = (name: keyof Settings, least: number, most: number) =>
      Math.min(Math.max(Number(word(name)) || 0, least), most);
    this.settings = {
      ...this.settings,
      model: word("model"),
      voice: word("voice"),
      microphone: word("microphone"),
      instructions: word("instructions"),
      aloud: given.has("aloud"),
      speed: word("speed") ? bounded("speed", 0.25, 1.5) : 1,
      interrupts: given.has("interrupts"),
      turns: word("turns") as Settings["turns"],
      link: word("link") as Settings["link"],
      eagerness: word("eagerness") as Settings["eagerness"],
      threshold: bounded("threshold", 0, 1),
      silenceMs: bounded("silenceMs", 64, 10_000),
      paddingMs: bounded("paddingMs", 0, 10_000),
      seed: Math.trunc(bounded("seed", 0, 2 ** 31 - 1)),
      tools: this.boxes().filter((box) => box.checked).map((box) => box.value),
    };
    this.shape();
    this.name();
    keep(this.settings);
    this.changed(this.settings);
  }

  private boxes(): HTMLInputElement[] {
    return [...this.form.querySelectorAll<HTMLInputElement>("input[name=tool]")];
  }

  /** Only what has an effect is shown. */
  private shape(): void {
    for (const part of this.form.querySelectorAll<HTMLElement>("[data-for]")) {
      part.hidden = !part.dataset.for?.split(" ").includes(this.settings.turns);
    }
  }
}

function options(select: HTMLSelectElement, named: [string, string][], chosen: string): void {
  select.replaceChildren(...named.map(([value, name]) => make("option", { value }, name)));
  select.value = named.some(([value]) => value === chosen) ? chosen : (named[0]?.[0] ?? "");
}
