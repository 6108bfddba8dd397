// Which page is shown: to talk, or to compare. The address says it, so that "back" works; the conversation goes on.

import { find } from "./element";

const OF_COMPARE = ["#compare", "#answers"];

export function pages(): void {
  const show = () => {
    const isCompare = OF_COMPARE.includes(location.hash);
    find("talking").hidden = isCompare;
    find("compare").hidden = !isCompare;
    find<HTMLAnchorElement>("skip").hash = isCompare ? "#answers" : "#spoken";
    for (const [id, isHere] of [["to-talk", !isCompare], ["to-compare", isCompare]] as const) {
      if (isHere) find(id).setAttribute("aria-current", "page");
      else find(id).removeAttribute("aria-current");
    }
  };
  window.addEventListener("hashchange", show);
  show();
}

/** Files that fall anywhere on the page go to whoever wants them; the browser never leaves the page for them. */
export function drops(take: (files: File[]) => void): void {
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      document.body.toggleAttribute("data-dragging", true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.removeAttribute("data-dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.removeAttribute("data-dragging");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(files);
  });
}
