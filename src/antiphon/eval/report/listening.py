"""The listening page of a benchmark: every item with its sounds, what was due and what came, worst first.

The items lie in a script beside the page, since a page of a file may not fetch one. Verdicts of whoever listens stay in
the browser until they are saved as `overrides.jsonl`; put into the run's folder, `antiphon eval score` counts them.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.errors import AntiphonError
from antiphon.eval.benchmark import Answer, Judged
from antiphon.eval.cache import keep_sound
from antiphon.eval.folder import Folder
from antiphon.eval.report.sketch import sketch
from antiphon.eval.report.words import SWITCH, labelled, word
from antiphon.eval.scoring import Scored
from antiphon.eval.sounds import audio_of, wav_of
from antiphon.metrics.alignment import align
from antiphon.metrics.normalise import profile

__all__ = ["badness", "write_listening"]

KEYS = "j and k, or the arrows: next and last item; space: play; 1 and 0: right and wrong, by you; u: undo."
KINDS = {"all": "all", "wrong": "with errors", "error": "failed", "unparsed": "unparsed", "skipped": "not judged",
         "yours": "judged by you"}  # fmt: skip
PAGE = f"""<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>{{title}}</title>
<link rel=stylesheet href=style.css>{SWITCH}
<p><a href=index.html>{word("all benchmarks")}</a></p><h1>{{title}}</h1>
{word(KEYS, "p class=note")}
<p><label>{word("find")} <input id=find type=search></label>
<label>{word("show")} <select id=kind>{"".join(word(text, f"option value={kind}") for kind, text in KINDS.items())}
</select></label> <span id=count role=status></span> {word("save your verdicts", "button id=save")}</p>
<main class=listening><div id=list role=listbox tabindex=0 {labelled("items, worst first")}></div>
<article id=detail aria-live=polite></article></main>
<script>const bench = {{bench}}, instructions = {{instructions}};</script><script src="items-{{bare}}.js"></script>
<script src=language.js></script><script src=listening.js></script></html>
"""


def write_listening(place: Path, folder: Folder, scored: Scored, with_audio: bool) -> None:
    """The page of a benchmark and its items."""
    name = scored.bench.name
    pairs = list(zip(scored.rows, scored.answers, strict=True))
    order = sorted(range(len(pairs)), key=lambda i: (-badness(scored, pairs[i][0]), i))
    instructions = list(dict.fromkeys(row.item.ask.system for row in scored.rows))  # few, long, and told once
    items = [_item(place, folder, scored, *pairs[i], instructions, with_audio) for i in order]
    (place / f"items-{name}.js").write_text(f"const items = {_script(items)};\n", encoding="utf-8")
    page = PAGE.format(title=escape(name), bench=_script(name), instructions=_script(instructions), bare=name)
    (place / f"{name}.html").write_text(page, encoding="utf-8")


def _script(value: object) -> str:
    """A value as a script says it; it cannot end the script."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def badness(scored: Scored, row: Judged) -> float:
    """How wrong an answer is: errors a unit, or how far it is from full marks."""
    if row.state == "error":
        return 1e9
    if "chrf" in row.shown:
        return 1 - float(row.shown["chrf"]) / 100
    parts = scored.bench.scorer.parts(row)
    if parts is None or not parts[1]:
        return 0.0
    lower = any(one.is_headline and one.lower_is_better for one in scored.results)
    return parts[0] / parts[1] if lower else 1 - parts[0] / parts[1]


def _item(
    place: Path, folder: Folder, scored: Scored, row: Judged, answer: Answer, instructions: Sequence[str],
    with_audio: bool,
) -> Mapping[str, Any]:  # fmt: skip
    said, worst = str(row.shown.get("said", answer.text)), badness(scored, row)
    due = " | ".join(row.item.references)
    shown = {name: str(row.shown.get(name, "")) for name in ("written", "judge")}
    facts = [
        ("due", due), ("said", said), ("group", row.item.group),
        ("instruction", str(instructions.index(row.item.ask.system)) if row.item.ask.system else ""),
        ("asked", " / ".join(turn.text for turn in row.item.turns if turn.text)), ("error", answer.error),
        ("written", shown["written"]), ("verdict", json.dumps(dict(row.values), ensure_ascii=False)),
        ("judge", shown["judge"]), ("decoding", row.item.ask.decoding), ("seconds", f"{answer.seconds:g}"),
    ]  # fmt: skip
    mark = row.state if row.state != "ok" else "right" if worst <= 0 else f"{100 * min(worst, 9.99):.0f} %"
    return {
        "id": row.item.id, "state": row.state, "badness": min(worst, 10), "mark": mark, "said": said[:80],
        "verdict": mark if row.state == "ok" else f"{row.state}",
        "facts": [fact for fact in facts if fact[1]], "aligned": _aligned(row, said),
        "sounds": _sounds(place, folder, row, answer, with_audio),
    }  # fmt: skip


def _aligned(row: Judged, said: str) -> list[tuple[str, ...]] | None:
    """Both texts side by side, where words are counted; what is equal stands there once."""
    if "profile" not in row.shown:
        return None
    by = profile(str(row.shown["profile"]))
    found = align(by.tokens(row.item.references[0]), by.tokens(said, is_hypothesis=True))
    return [one[:2] if one[0] == "equal" else one for one in found]


def _sounds(
    place: Path, folder: Folder, row: Judged, answer: Answer, with_audio: bool
) -> list[tuple[str, Mapping[str, Any]]]:
    found = list[tuple[str, Mapping[str, Any]]]()
    for turn in row.item.turns:
        if turn.sound:
            try:
                found.append((f"heard ({turn.who})", _sound(place, audio_of(turn.sound), with_audio)))
            except AntiphonError:
                found.append(("heard, and not there any more", {}))
    for turn_number, name in enumerate(answer.audio):
        if name:
            path = folder.path / "audio" / name
            found.append((f"said{f', turn {turn_number + 1}' if len(answer.audio) > 1 else ''}",
                          _sound(place, Audio.read(path), with_audio)))  # fmt: skip
    return found


def _sound(place: Path, audio: Audio, with_audio: bool) -> Mapping[str, Any]:
    file = {"file": f"audio/{keep_sound(place / 'audio', wav_of(audio))}"} if with_audio else {}
    return {**sketch(audio), **file}
