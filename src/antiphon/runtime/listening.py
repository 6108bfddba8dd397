"""The user's sound while it comes: kept as long as it is needed, handed to the ears piece by piece.

    turn      |────────────────────────────── speaks ───────────────────────────|· pause ·|
    exact     |──────────── 25 s, at once ────────────|──── at the pause ───────|
    windowed  |── 4 s ──|── 4 s ──|── 4 s ──|── 4 s ──|── 4 s ──|─ at the pause ─|

The encoder hears a piece as a whole, so a piece is encoded when it is full, and the last one where the turn may have
ended; after a pause it is encoded again only if speech followed. `exact` cuts as a file is cut; `windowed` leaves less
to do at the turn's end, and is for weights that were trained on short pieces. The law of both: *a stream is the file
with the same cuts*, to the bit. They are never mixed within a conversation.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.errors import ConfigError
from antiphon.rates import HEARD_HZ, PIECE_S, exact_div, num_rows
from antiphon.runtime.mind import Mind
from antiphon.runtime.turns import Utterance
from antiphon.text.chat import AudioItem
from antiphon.text.variants import Variant

PER_MS = exact_div(HEARD_HZ, 1000)  # samples
KEPT_MS = 60_000  # of sound that may still become part of a piece: the longest, with its padding and a pause
SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 2, 8
CUT_MODES = ("exact", "windowed")


@dataclass(frozen=True)
class Cutting:
    """Where a turn is cut into pieces; `window_s` is for the windowed mode. Raises ConfigError for another mode."""

    mode: str = "exact"  # of CUT_MODES
    window_s: int = 4

    def __post_init__(self) -> None:
        if self.mode not in CUT_MODES:
            raise ConfigError(f"the cutting {self.mode!r} was asked for; choose {' or '.join(CUT_MODES)}.")
        if not SHORTEST_WINDOW_S <= self.window_s <= LONGEST_WINDOW_S:
            raise ConfigError(
                f"windows of {self.window_s} s were asked for; choose {SHORTEST_WINDOW_S} to {LONGEST_WINDOW_S} s."
            )

    @classmethod
    def of(cls, variant: Variant) -> "Cutting":
        """How a model of this kind listens to a live turn."""
        return cls() if variant.window_s is None else cls("windowed", variant.window_s)

    @property
    def size(self) -> int:
        """Samples of a full piece."""
        return (PIECE_S if self.mode == "exact" else self.window_s) * HEARD_HZ


def pieces_of(wave: Float[Tensor, " n"], cutting: Cutting) -> list[Float[Tensor, " _"]]:
    """The pieces of a whole turn at 16 kHz; a rest that fills no row is dropped."""
    return [piece for piece in torch.split(wave, cutting.size) if num_rows(len(piece)) > 0]


class Listening:
    """The sound of one conversation, and the pieces of its turns."""

    def __init__(self, mind: Mind, cutting: Cutting) -> None:
        self.mind, self.cutting = mind, cutting
        self.end = 0  # samples heard since the conversation began
        self._chunks: list[Tensor] = []
        self._start = 0  # the first sample that is kept
        self._full: dict[int, list[AudioItem]] = {}  # by a turn's first sample: its full pieces

    @property
    def end_ms(self) -> int:
        """How much has been heard."""
        return self.end // PER_MS

    def hear(self, samples: Float[Tensor, " n"], open_ms: int | None) -> None:
        """More sound. `open_ms` is where the turn under way began: its full pieces are taken in."""
        self._chunks.append(samples)
        self.end += len(samples)
        if open_ms is not None:
            self._take_full(open_ms * PER_MS, self.end)
        while self._chunks and self._start + len(self._chunks[0]) < self.end - KEPT_MS * PER_MS:
            self._start += len(self._chunks.pop(0))

    def turn(self, utterance: Utterance) -> tuple[AudioItem, ...]:
        """The sound of a turn, of which everything has been heard, as a message holds it; encoded once."""
        start, end = utterance.start_ms * PER_MS, min(utterance.end_ms * PER_MS, self.end)
        full = self._take_full(start, end)
        rest = self._samples(start + len(full) * self.cutting.size, end)
        return (*full, self.mind.hear(rest)) if num_rows(len(rest)) > 0 else tuple(full)

    @property
    def full(self) -> list[AudioItem]:
        """The full pieces of turns that are not over, or were the last to be."""
        return [item for items in self._full.values() for item in items]

    def before(self, end_ms: int, ms: int) -> Float[Tensor, " n"]:
        """The last `ms` of what is kept up to `end_ms`."""
        return self._samples(max(end_ms - ms, 0) * PER_MS, end_ms * PER_MS)

    def forget(self, before_ms: int) -> None:
        """No turn begins before that any more."""
        self._full = {start: items for start, items in self._full.items() if start >= before_ms * PER_MS}

    def _take_full(self, start: int, end: int) -> list[AudioItem]:
        """The full pieces of a turn up to `end`."""
        items = self._full.setdefault(start, [])
        size = self.cutting.size
        while start + (len(items) + 1) * size <= self.end:
            first = start + len(items) * size
            items.append(self.mind.hear(self._samples(first, first + size)))
        return items[: (end - start) // size]

    def _samples(self, first: int, end: int) -> Float[Tensor, " n"]:
        """A stretch of what is kept; what has been forgotten of it is left out."""
        if not self._chunks:
            return torch.zeros(0)
        if len(self._chunks) > 1:
            old = max(self.end - KEPT_MS * PER_MS - self._start, 0)
            self._chunks, self._start = [torch.cat(self._chunks)[old:]], self._start + old
        return self._chunks[0][max(first - self._start, 0) : max(end - self._start, 0)].clone()
