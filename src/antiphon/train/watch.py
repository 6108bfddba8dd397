"""Does it listen? What falling losses do not tell, said in every run that hears.

A model trained from scratch learns the templates first, and may never read what fills them: the loss falls, and "will
it rain in london" is answered with tokyo. Two figures cannot be fooled, both on held-out records:

    slots        how many of the words that only hearing can tell are in the reply
    guessed      the same when each record is given the sound of another: what guessing gets
    loss         of the reply, per token, with its own sound
    swapped      with the sound of another

A run is flagged while its loss has fallen far below that of an untrained model and `slots` is no better than `guessed`.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from antiphon.data.numbers import words_of
from antiphon.train.records import Heard, Record, Spoken

LEARNED = 0.5  # of the loss of an untrained model: below this, something was learned
MARGIN = 0.1  # of the slots: less than this above guessing is guessing
DEAF = 1.1  # the loss with swapped sound is at least this many times the loss, if the sound matters


@dataclass(frozen=True)
class Hearing:
    """The four figures of one moment."""

    loss: float
    swapped: float
    slots: float
    guessed: float

    def figures(self) -> dict[str, float]:
        """As they are logged."""
        return {f"hearing_{name}": round(value, 4) for name, value in asdict(self).items()}


def verdict(found: Hearing, num_ids: int) -> str:
    """One sentence about a run that guesses, or "". `num_ids` is the size of the vocabulary."""
    if not found.loss < LEARNED * math.log(num_ids) or found.slots - found.guessed >= MARGIN:
        return ""
    deaf = found.swapped < DEAF * found.loss
    what = "the sound makes no difference" if deaf else "it has learned what is usually said and not to listen"
    return (
        f"the loss has fallen to {found.loss:.2f} while slots are guessed ({found.slots:.0%} right, {found.guessed:.0%}"
        f" with the sound of others; swapped loss {found.swapped:.2f}): {what}; teach it to read pseudo-sound first,"
        " align the adaptor against its embeddings, and look at these figures before going on."
    )


def slots_of(record: Record) -> tuple[str, ...]:
    """The words that only hearing can tell: the record's own, or for a transcript every word."""
    if record.slots or record.task != "asr":
        return tuple(word for slot in record.slots for word in words_of(slot))
    return tuple(words_of(reply_of(record)))


def reply_of(record: Record) -> str:
    """The text of the last reply, written or spoken."""
    items = next((m.items for m in reversed(record.messages) if m.role == "assistant"), ())
    return " ".join(i if isinstance(i, str) else i.text for i in items if isinstance(i, str | Spoken))


def share_found(slots: Sequence[Sequence[str]], replies: Sequence[str]) -> float:
    """How many of the slot words stand in their replies."""
    found = [word in words_of(reply) for words, reply in zip(slots, replies, strict=True) for word in words]
    return sum(found) / len(found) if found else 0.0


def swapped(records: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Each record, and the same with the sounds of the next that has as many and fills other slots, if there is one."""
    found = []
    for n, record in enumerate(records):
        others = [*records[n + 1 :], *records[:n]]
        other = next((o for o in others if _fits(record, o)), None)
        if other is not None:
            found.append((record, record.hearing(other.heard)))
    return found


def _fits(record: Record, other: Record) -> bool:
    sounds: tuple[Heard, ...] = other.heard
    same = record.task == other.task and len(sounds) == len(record.heard)
    return same and sounds != record.heard and slots_of(other) != slots_of(record)
