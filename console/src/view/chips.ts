// What a model noticed about how something sounds, in its own words.

import type { Noticed } from "../noticed";
import { say } from "../words";
import { make } from "./element";

export function chips(found: Noticed[]): HTMLElement {
  const all = found.map(({ kind, word }) =>
    make("li", { "data-kind": kind }, make("span", {}, say(`noticed_${kind}`)), ` ${word}`),
  );
  return make("ul", { class: "chips", "data-label": "noticed", "aria-label": say("noticed") }, ...all);
}
