"""A run's folder: what was asked, what was answered, what came of it; every file is only ever added to.

    run.json          what the run is: model, benchmarks, limit; another one may not go on here
    items.jsonl       frozen questions             benches.jsonl   of each benchmark, that all its questions are there
    problems.jsonl    what was wrong with the data
    outputs/*.jsonl   answers, one file for each shard             audio/    what was said, by its hash
    scores.jsonl      verdicts                     overrides.jsonl verdicts of people
    results.json      the figures, made anew from the rows each time
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from antiphon.errors import InputError
from antiphon.eval.benchmark import SUITE, Answer
from antiphon.eval.items import Item, digest
from antiphon.eval.rows import read_rows, write_whole

__all__ = ["Folder", "Run", "answer_of", "row_key"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run is."""

    model: str
    fingerprint: str
    benches: tuple[str, ...]
    limit: int | None = None
    seed: int = 0
    suite: str = SUITE


@dataclass(frozen=True)
class Folder:
    """A run on disk."""

    path: Path

    def begin(self, run: Run) -> None:
        """Begin a run, or go on with the same one.

        Raises:
            InputError: another run is here.
        """
        place = self.path / "run.json"
        told = json.loads(json.dumps(asdict(run)))
        if not place.exists():
            write_whole(place, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
            return
        there = json.loads(place.read_text(encoding="utf-8"))
        other = [name for name in told if there.get(name) != told[name] and name != "benches"]
        if other:
            name = other[0]
            asked = f"{told[name]!r} was asked for; give another folder"
            raise InputError(f"{place} is a run with {name} {there.get(name)!r}, and {asked}.")
        there["benches"] = list(dict.fromkeys([*there["benches"], *told["benches"]]))
        write_whole(place, json.dumps(there, indent=1, ensure_ascii=False) + "\n")

    @property
    def run(self) -> Run:
        """What run this is.

        Raises:
            InputError: none.
        """
        try:
            told = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            return Run(**{**told, "benches": tuple(told["benches"])})
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{self.path} holds no run; make one with `antiphon eval run --out`.") from error

    @cached_property
    def items(self) -> list[Item]:
        """The frozen questions, benchmark after benchmark."""
        rows, _ = read_rows(self.path / "items.jsonl")
        order = {name: place for place, name in enumerate(self.run.benches)}
        made = [(order[row["bench"]], int(row["place"]), Item.from_json(row)) for row in rows if row["bench"] in order]
        return [item for _, _, item in sorted(made, key=lambda one: one[:2])]

    @property
    def faults(self) -> list[dict[str, Any]]:
        """Lines of the data that cost an item."""
        return [row for row in self.problems if row["is_fault"]]

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What was wrong with the data."""
        mine = {"", *self.run.benches}  # those of no benchmark are of the run's own files
        return [row for row in read_rows(self.path / "problems.jsonl")[0] if row["bench"] in mine]

    def answers(self) -> dict[str, Answer]:
        """Answers of all shards, by the key of their row."""
        rows = [row for path in sorted((self.path / "outputs").glob("*.jsonl")) for row in read_rows(path)[0]]
        return {str(row["key"]): answer_of(row) for row in rows}

    def sound(self, answer: Answer, turn: int) -> Path | None:
        """The recording of an answer."""
        name = answer.audio[turn] if answer.audio else ""
        return self.path / "audio" / name if name else None

    def kept(self, name: str) -> Iterator[dict[str, Any]]:
        """Rows of a file of the folder."""
        yield from read_rows(self.path / name)[0]


def row_key(item: Item, fingerprint: str) -> str:
    """The key of an item's answer in a run."""
    return digest([item.bench, item.id, item.key, fingerprint, SUITE])


def answer_of(row: Mapping[str, Any]) -> Answer:
    """The answer of a row."""
    names = ("status", "finish", "error", "seconds", "first_s", "audio_s")
    joints = tuple(tuple(one) for one in row.get("joints", ()))
    told = {name: row[name] for name in names}
    return Answer(texts=tuple(row["texts"]), audio=tuple(row["audio"]), joints=joints, **told)
