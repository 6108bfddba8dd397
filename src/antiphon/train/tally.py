"""What a run counts as it goes: mean losses since the last line of the log, what was left out, the history's hash."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Tally:
    """The counters of a run; a checkpoint holds them, so that the log goes on as if nothing had happened."""

    seen: str = ""  # a hash over the ids of every example so far, in order
    dropped: int = 0  # examples that were too long
    empty: int = 0  # steps without a target
    skipped: int = 0  # steps without an update, the empty ones included
    in_a_row: int = 0
    sums: dict[str, float] = field(default_factory=dict)  # since the last line
    counts: dict[str, float] = field(default_factory=dict)
    norms: dict[str, float] = field(default_factory=dict)  # of the last update of each turn
    best: float | None = None  # low is good
    best_step: int | None = None

    @staticmethod
    def of(facts: dict[str, Any]) -> "Tally":
        """The counters in a checkpoint."""
        return Tally(**facts["tally"])

    def facts(self) -> dict[str, Any]:
        """The counters for a checkpoint."""
        return {"tally": asdict(self)}

    def saw(self, ids: Sequence[str], dropped: int) -> None:
        """A step's examples, in order."""
        text = "\n".join([self.seen, *ids])
        self.seen = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.dropped += dropped

    def used(self, was: bool) -> None:
        """Whether a step made its updates."""
        self.in_a_row = 0 if was else self.in_a_row + 1
        self.skipped += not was

    def add(self, name: str, total: float, count: float) -> None:
        """A loss of one update, summed over all ranks, and its targets."""
        self.sums[name] = self.sums.get(name, 0.0) + total
        self.counts[name] = self.counts.get(name, 0.0) + count

    def offer(self, value: float, step: int) -> None:
        """A figure of the checkpoint at `step`; lower is better."""
        if self.best is None or value < self.best:
            self.best, self.best_step = value, step

    def line(self) -> dict[str, Any]:
        """What the log says; means begin anew after it."""
        told = {
            "loss": {name: self.sums[name] / self.counts[name] for name in sorted(self.sums)},
            "count": {name: self.counts[name] for name in sorted(self.counts)},
            "norm": dict(self.norms),
            "seen": self.seen,
            "skipped": self.skipped,
            "dropped": self.dropped,
            "empty": self.empty,
        }
        self.sums, self.counts = {}, {}
        return told
