// What the page says, in the language that is chosen.

import { EN, type Word } from "./words/en";
import { ZH } from "./words/zh";

export type { Word };

const TONGUES = { en: EN, zh: ZH } as const;
export type Tongue = keyof typeof TONGUES;

let tongue: Tongue = first();

function first(): Tongue {
  const kept = localStorage.getItem("language");
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export function language(): Tongue {
  return tongue;
}

export function speak(chosen: Tongue): void {
  tongue = chosen;
  localStorage.setItem("language", chosen);
  translate(document);
}

export function say(word: Word): string {
  return TONGUES[tongue][word];
}

/** The name of a task; of one that the page does not know, the server's. */
export function taskName(id: string): string {
  const word = `task_${id}`;
  return word in EN ? say(word as Word) : id;
}

/** Put the words into everything that names one: `data-say` as text, `data-label` as its accessible name. */
export function translate(root: ParentNode): void {
  document.documentElement.lang = tongue === "zh" ? "zh-Hans" : "en";
  document.title = say("title");
  for (const element of root.querySelectorAll<HTMLElement>("[data-say]")) {
    element.textContent = say(element.dataset.say as Word);
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label as Word));
  }
  for (const element of root.querySelectorAll<HTMLElement>("[data-hint]")) {
    element.setAttribute("placeholder", say(element.dataset.hint as Word));
  }
}
