"""Does sound reach the model at all? Asked before a run, since a model that is given none answers all the same.

A question is asked twice in writing, greedily, the second time with the recording of another question that has another
right answer. Whoever hears answers otherwise; the same answer in several such pairs hints that the sound is lost on its
way (a library that drops it, a server that takes no audio), and that the run measures something else.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from antiphon.errors import AntiphonError
from antiphon.eval.answerers import Answerer
from antiphon.eval.items import Item, digest
from antiphon.eval.rows import write_whole

__all__ = ["Reached", "check_reach", "read_reach"]

PAIRS = 5  # a model that hears may well give one answer to two recordings, where the question itself suggests it
FEWEST = 2  # pairs, before anything is said of them
MOST = 32  # tokens of an answer: enough to differ
FILE = "reached.json"


@dataclass(frozen=True)
class Reached:
    """What came of it: pairs that were asked, and whether any was answered differently."""

    pairs: int
    is_heard: bool
    told: str


def check_reach(folder: Path, items: Sequence[Item], answerer: Answerer, seed: int) -> Reached | None:
    """Ask, once for a run, and keep what came of it; None where nothing could be learned."""
    if (known := read_reach(folder)) is not None:
        return known
    found, alike, last = None, 0, ""
    for item, other in pairs(items):
        try:
            one, two = (answerer.answer(each, seed).texts[-1].strip() for each in (item, other))
        except AntiphonError:
            continue  # the run itself will say why
        if one != two:
            found = Reached(alike + 1, True, f"an answer changes with the recording: {one[:40]!r}, {two[:40]!r}")
            break
        alike, last = alike + bool(one), one or last  # who says nothing has shown nothing
    if found is None and alike >= FEWEST:
        told = f"{alike} questions were answered alike with another's recording ({last[:40]!r}); is the sound lost?"
        found = Reached(alike, False, told)
    if found is not None:
        write_whole(folder / FILE, json.dumps(asdict(found), ensure_ascii=False) + "\n")
    return found


def read_reach(folder: Path) -> Reached | None:
    """What came of it in a run, if it was asked."""
    path = folder / FILE
    return Reached(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def pairs(items: Sequence[Item]) -> Iterator[tuple[Item, Item]]:
    """Questions of one recording, each as it is and with another's: those without a written question first."""
    alone = [item for item in items if len(item.turns) == 1 and item.turns[0].sound is not None]
    alone.sort(key=lambda item: (bool(item.turns[0].text), digest([item.bench, item.id])))
    count = 0
    for item in alone:
        others = (other for other in alone if other.references != item.references and _differs(item, other))
        other = next(others, None)
        if other is not None:
            written = replace(item, ask=replace(item.ask, speech=False, temperature=0.0, max_tokens=MOST))
            yield written, replace(written, turns=(replace(item.turns[0], sound=other.turns[0].sound),))
            count += 1
        if count == PAIRS:
            return


def _differs(item: Item, other: Item) -> bool:
    one, two = item.turns[0].sound, other.turns[0].sound
    return one is not None and two is not None and one.heard != two.heard
