"""Is a corpus whole and fit? Every problem is told with its file, its line and the reason."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from antiphon.data import filters, recogniser
from antiphon.data.store import Row, cut, read_clip
from antiphon.errors import InputError
from antiphon.metrics.interval import Interval, wilson

NEEDED: dict[str, type | tuple[type, ...]] = {
    "id": str, "number": int, "text": str, "task": str, "language": str, "fields": dict, "speaker": dict,
    "emotion": str, "rhythm": str, "surroundings": str, "events": list, "provenance": dict, "sha256": str,
    "offset": int, "length": int, "rate": int,
}  # fmt: skip
TRACED = ("engine", "version", "voice", "package", "licence", "controls")


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Random clips by checks that need no ear: how many were tried and passed, and what was wrong with the others."""

    tried: int
    passed: int
    judged: int  # of the tried, those that the recogniser judged
    understood: int
    wrong: tuple[str, ...]

    @property
    def rate(self) -> Interval:
        return wilson(self.passed, self.tried)


def problems(folder: Path) -> list[str]:
    """Everything that is wrong with a folder, one sentence each; nothing when it is whole.

    Raises:
        InputError: there is no corpus at all.
    """
    shards = sorted(int(path.stem) for path in (folder / "shards").glob("*.jsonl"))
    if not shards:
        raise InputError(f"{folder} holds no shards; give a folder that `antiphon data synth` has filled.")
    found = [f"shards/{n:05d}.jsonl: the shard is missing" for n in range(shards[-1]) if n not in shards]
    lines = list[str]()
    places = ["shards", *(["spoken"] if (folder / "spoken").exists() else [])]
    for number in shards:
        wrong = [problem for place in places for problem in shard_problems(folder, number, place)]
        found += wrong
        if not wrong:
            rows = _lines(folder / "shards" / f"{number:05d}.jsonl")
            lines += [manifest_line(number, json.loads(row)) for row in rows]
    return found + (_manifest_problems(folder, lines) if not found else [])


def shard_problems(folder: Path, number: int, place: str = "shards") -> list[str]:
    """What is wrong with one shard of a set: its lines, then the sound that each of them promises."""
    name = f"{place}/{number:05d}"
    try:
        lines = _lines(folder / f"{name}.jsonl")
        sound = np.load(folder / f"{name}.npy", mmap_mode="r")
    except (OSError, ValueError, UnicodeDecodeError) as error:
        return [f"{name}: it cannot be read ({error})"]
    if sound.dtype != np.int16 or sound.ndim != 1:
        return [f"{name}.npy: found {sound.dtype} with {sound.ndim} axes; expected 16-bit mono"]
    found, end = list[str](), 0
    for count, line in enumerate(lines, 1):
        why = _row_problem(line, sound, end)
        if why is not None:
            found.append(f"{name}.jsonl:{count}: {why}")
            continue
        end = json.loads(line)["offset"] + json.loads(line)["length"]
    if not found and end != len(sound):
        found.append(f"{name}.npy: found {len(sound)} samples; its lines tell of {end}")
    return found


def _row_problem(line: str, sound: Any, start: int) -> str | None:
    try:
        row = json.loads(line)
    except ValueError as error:
        return f"it is not JSON ({error})"
    if not isinstance(row, dict):
        return f"found a {type(row).__name__}; expected an object"
    for name, kind in NEEDED.items():
        if not isinstance(row.get(name), kind):
            return f"the field {name!r} is {row.get(name)!r}; expected {getattr(kind, '__name__', kind)}"
    lost = [name for name in TRACED if not row["provenance"].get(name)]
    if lost:
        return f"the provenance has no {lost[0]!r}"
    if row["offset"] != start or row["length"] < 1 or start + row["length"] > len(sound):
        return f"it lies at {row['offset']} for {row['length']} samples; expected it at {start} within {len(sound)}"
    if hashlib.sha256(sound[start : start + row["length"]].tobytes()).hexdigest() != row["sha256"]:
        return "its sound is not the one that was written (the sha256 differs)"
    wrong = _unmeant(row, filters.faults(cut(sound, start, row["length"]), row["rate"], "", row["language"]))
    return f"the clip is {', '.join(wrong)}" if wrong else None


def _unmeant(row: Row, faults: list[str]) -> list[str]:
    """Faults without those that a row is allowed to have: a conversation may be silent, or long."""
    return [fault for fault in faults if fault not in row.get("allowed", ())]


def _manifest_problems(folder: Path, expected: list[str]) -> list[str]:
    path = folder / "manifest.jsonl"
    if not path.exists():
        return ["manifest.jsonl: it is not there; run `antiphon data synth` again, which finishes the corpus"]
    lines = _lines(path)
    for count, (line, wanted) in enumerate(zip(lines, expected, strict=False), 1):
        if line != wanted:
            return [f"manifest.jsonl:{count}: it is not the line of the shard it names"]
    if len(lines) != len(expected):
        return [f"manifest.jsonl: found {len(lines)} lines; the shards have {len(expected)}"]
    return []


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def manifest_line(shard: int, row: Row) -> str:
    """The line of the manifest for a row of a shard."""
    return json.dumps({"shard": shard, **row}, ensure_ascii=False)


def sample(folder: Path, count: int, seed: int = 0, judged: int = 0) -> Sampled:
    """Try random clips by every filter, and up to `judged` of those that it can judge by the recogniser."""
    rows = [json.loads(line) for line in _lines(folder / "manifest.jsonl")]
    rows = Random(f"{seed} sample").sample(rows, min(count, len(rows)))
    wrong, heard, understood = list[str](), 0, 0
    for row in rows:
        audio = read_clip(folder / "shards", row["shard"], row)
        plain = row["surroundings"] == "clean" and "turns" not in row
        reasons = _unmeant(row, filters.faults(audio, row["rate"], row["text"] if plain else "", row["language"]))
        source = row["provenance"]
        if plain and heard < judged and recogniser.fair(source["engine"], source["voice"]):
            heard += 1
            good = recogniser.word_errors(audio, row["rate"], row["text"]) <= filters.MOST_WORD_ERRORS
            understood += good
            reasons += [] if good else ["not understood"]
        if reasons:
            wrong.append(f"{row['id']}: {', '.join(reasons)}")
    return Sampled(tried=len(rows), passed=len(rows) - len(wrong), judged=heard, understood=understood,
                   wrong=tuple(wrong))  # fmt: skip
