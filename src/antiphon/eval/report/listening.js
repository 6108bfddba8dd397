"use strict";
// A list of items, worst first, and one of them in full. Nothing is fetched: `items` comes from a script beside this one.
const list = document.getElementById("list"), detail = document.getElementById("detail");
const find = document.getElementById("find"), kind = document.getElementById("kind"), count = document.getElementById("count");
const STORE = "antiphon-overrides-" + bench, ROW = 32, BEYOND = 10;  // height of a row; rows painted above and below
const inner = list.appendChild(made("div", undefined, "inner"));
let verdicts = {}, shown = [], at = 0, painting = false;
const SEARCHED = ["due", "said", "group"], texts = new Map(items.map(item => [item, searched(item)]));
try { verdicts = JSON.parse(localStorage.getItem(STORE) || "{}"); } catch (error) { verdicts = {}; }

function made(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function searched(item) {
  return [item.id, ...item.facts.filter(fact => SEARCHED.includes(fact[0])).map(fact => fact[1])].join(" ").toLowerCase();
}

function bytes(text) { return Uint8Array.from(atob(text), c => c.charCodeAt(0)); }

function drawn(sketch, label) {
  const canvas = made("canvas"), peaks = bytes(sketch.wave), bands = bytes(sketch.bands), rows = 24, columns = peaks.length;
  canvas.width = columns * 5; canvas.height = 120;
  canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", label + ", " + word("waveform and spectrogram"));
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.body);
  pen.fillStyle = style.getPropertyValue("--ours");
  for (let x = 0; x < columns; x++) {
    const high = Math.max(1, peaks[x] / 255 * 46);
    pen.globalAlpha = 1; pen.fillRect(x * 5, 24 - high / 2, 4, high);
    for (let y = 0; y < rows; y++) {
      const cell = x * rows + y, byte = bands[cell >> 1];
      pen.globalAlpha = (cell % 2 ? byte & 15 : byte >> 4) / 15;
      pen.fillRect(x * 5, 118 - 3 * (y + 1), 5, 3);
    }
  }
  return canvas;
}

function player(title, sound) {
  title = word(title);
  const box = made("section"), head = made("h3", title + (sound.seconds ? " (" + sound.seconds + " s)" : ""));
  box.append(head);
  if (sound.file) {
    const audio = made("audio"); audio.controls = true; audio.preload = "none"; audio.src = sound.file;
    audio.setAttribute("aria-label", title); box.append(audio);
  }
  if (sound.wave) box.append(drawn(sound, title));
  return box;
}

function aligned(rows) {
  const line = made("p", undefined, "aligned");
  for (const [what, due, came] of rows) {
    if (what === "equal") { line.append(made("span", due + " ")); continue; }
    if (due) { const gone = made("del", due); gone.setAttribute("aria-label", word("due") + ": " + due); line.append(gone); }
    if (came) { const added = made("ins", came); added.setAttribute("aria-label", word("said") + ": " + came); line.append(added); }
    line.append(" ");
  }
  return line;
}

function pairs(facts) {
  const table = made("dl");
  for (const [name, value] of facts)
    table.append(made("dt", word(name)), made("dd", name === "instruction" ? instructions[value] : value));
  return table;
}

function verdict(item) {
  return item.id in verdicts ? word(verdicts[item.id] ? "right, by you" : "wrong, by you") : word(item.verdict);
}

function show(place) {
  if (!shown.length) { detail.replaceChildren(made("p", word("No item."))); return; }
  at = Math.max(0, Math.min(shown.length - 1, place));
  const item = shown[at];
  const top = at * ROW, bottom = top + ROW - list.clientHeight;
  if (list.scrollTop > top) list.scrollTop = top; else if (list.scrollTop < bottom) list.scrollTop = bottom;
  painted();
  list.setAttribute("aria-activedescendant", "row" + at);
  detail.replaceChildren(made("h2", item.id), made("p", verdict(item), "verdict"));
  for (const [title, sound] of item.sounds) detail.append(player(title, sound));
  if (item.aligned) detail.append(made("h3", word("due and said")), aligned(item.aligned));
  detail.append(pairs(item.facts));
}

function painted() {
  painting = false;
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - BEYOND);
  const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + BEYOND);
  inner.replaceChildren(...shown.slice(first, last).map((item, place) => {
    const number = first + place, row = made("div", undefined, item.badness > 0 ? "row bad" : "row good");
    row.id = "row" + number; row.style.top = number * ROW + "px"; row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(number === at));
    row.setAttribute("aria-setsize", shown.length); row.setAttribute("aria-posinset", number + 1);
    row.append(made("span", word(item.mark), "mark"), made("span", item.id), made("span", item.said, "said"));
    row.addEventListener("click", () => show(number));
    return row;
  }));
}

function listed() {
  const sought = find.value.toLowerCase(), wanted = kind.value;
  shown = items.filter(item => (!sought || texts.get(item).includes(sought)) &&
    (wanted === "all" || (wanted === "wrong" ? item.badness > 0 : wanted === "yours" ? item.id in verdicts : item.state === wanted)));
  inner.style.height = shown.length * ROW + "px";
  inner.replaceChildren();
  counted();
  show(0);
}

function counted() { count.textContent = shown.length + " " + word("of") + " " + items.length; }

function overrule(right) {
  const item = shown[at];
  if (!item) return;
  if (right === null) delete verdicts[item.id]; else verdicts[item.id] = right;
  try { localStorage.setItem(STORE, JSON.stringify(verdicts)); } catch (error) { /* kept for this page alone */ }
  show(at);
}

function saved() {
  const rows = Object.entries(verdicts).map(([id, right]) => JSON.stringify({ key: bench + " " + id, bench, id, right }) + "\n");
  const link = made("a"); link.download = "overrides.jsonl";
  link.href = URL.createObjectURL(new Blob(rows, { type: "application/jsonl" })); link.click();
  URL.revokeObjectURL(link.href);
}

document.addEventListener("keydown", event => {
  if (event.target.matches("input, select, button, audio") || event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  if (event.key in moves) show(at + moves[event.key]);
  else if (event.key === "1" || event.key === "0") overrule(event.key === "1");
  else if (event.key === "u") overrule(null);
  else if (event.key === "p" || event.key === " ") {
    const sound = [...detail.querySelectorAll("audio")].pop();
    if (sound) { if (sound.paused) sound.play(); else sound.pause(); }
  } else return;
  event.preventDefault();
});
list.addEventListener("scroll", () => { if (!painting) { painting = true; requestAnimationFrame(painted); } });
addEventListener("resize", painted);
addEventListener("antiphon-language", () => { counted(); show(at); });
find.addEventListener("input", listed); kind.addEventListener("change", listed);
document.getElementById("save").addEventListener("click", saved);
listed();
