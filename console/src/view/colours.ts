// Light, dark, or as the system says.

import { find } from "./element";

export function colours(): void {
  const select = find<HTMLSelectElement>("theme");
  const set = (theme: string) => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  };
  select.value = localStorage.getItem("theme") ?? "auto";
  set(select.value);
  select.addEventListener("change", () => set(select.value));
}
