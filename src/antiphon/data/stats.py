"""What a corpus holds, counted from its manifest: hours by everything that is known of a clip, lengths, refusals."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from antiphon.data.store import Row
from antiphon.errors import InputError

Key = Callable[[Row], str | None]
BIN_S = 1.0
BIN_CHARACTERS = 10.0
UNKNOWN = "not known"


def _speaker(name: str) -> Key:
    return lambda row: row["speaker"][name]


HOURS_BY: dict[str, Key] = {
    "language": lambda row: row["language"],
    "task": lambda row: row["task"],
    "engine": lambda row: row["provenance"]["engine"],
    "voice": lambda row: f"{row['provenance']['engine']}-{row['provenance']['voice']}",
    "licence": lambda row: f"{row['provenance']['package']}: {row['provenance']['licence']}",
    "gender": _speaker("gender"),
    "age": _speaker("age"),
    "timbre": _speaker("timbre"),
    "pitch": _speaker("pitch"),
    "speed": _speaker("speed"),
    "style": _speaker("style"),
    "accent": _speaker("accent"),
    "emotion": lambda row: row["emotion"],
    "rhythm": lambda row: row["rhythm"],
    "surroundings": lambda row: row["surroundings"],
}


def read_manifest(folder: Path) -> Iterator[Row]:
    """The rows of a finished corpus.

    Raises:
        InputError: it has none, or a line of it is broken.
    """
    path = folder / "manifest.jsonl"
    try:
        with open(path, encoding="utf-8") as file:
            for count, line in enumerate(file, 1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise InputError(f"{path}:{count} is not JSON ({error}); run `antiphon data validate`.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a folder that `antiphon data synth` "
                         "has finished.") from error  # fmt: skip


def count(folder: Path) -> dict[str, Any]:
    """All figures of a corpus, as JSON can write them; hours are rounded to a tenth of a second."""
    hours = {name: Counter[str]() for name in HOURS_BY}
    speakers, events, reasons = Counter[str](), Counter[str](), Counter[str]()
    seconds, characters, clips = Counter[int](), Counter[int](), 0
    for row in read_manifest(folder):
        length = row["length"] / row["rate"]
        for name, key in HOURS_BY.items():
            hours[name][key(row) or UNKNOWN] += length / 3600
        speakers[row["speaker"]["id"]] += 1
        events.update(what for what, _, _ in row["events"])
        reasons.update(reason for attempt in row["refused"] for reason in attempt)
        seconds[int(length // BIN_S)] += 1
        characters[int(len(row["text"]) // BIN_CHARACTERS)] += 1
        clips += 1
    if clips == 0:
        raise InputError(f"{folder} has an empty manifest; there is nothing to count.")
    total = sum(hours["language"].values())
    return {
        "clips": clips,
        "hours": round(total, 5),
        "mean_s": round(3600 * total / clips, 3),
        "speakers": len(speakers),
        "hours_by": {name: {k: round(v, 5) for k, v in found.most_common()} for name, found in hours.items()},
        "events": dict(events.most_common()),
        "refused": dict(reasons.most_common()),
        "clips_by_seconds": _bins(seconds, BIN_S),
        "clips_by_characters": _bins(characters, BIN_CHARACTERS),
    }


def _bins(found: Counter[int], width: float) -> dict[str, int]:
    """Every bin up to the last, from its lower end."""
    return {f"{number * width:g}": found[number] for number in range(max(found) + 1)}
