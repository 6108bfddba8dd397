"""What is measured with: a model, the sets, and who listens to what the model says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from antiphon.audio.wave import Audio
from antiphon.data.skills.judge import right_reply
from antiphon.eval.held import Case, Reply, cases, final, hold
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.loaded import Loaded

Listener = Callable[[Audio, str], str]  # a sound and its language to words
Pairs = list[tuple[Case, list[Reply]]]


@runtime_checkable
class Holder(Protocol):
    """How a conversation is held; `antiphon.eval.held.hold` in a measurement."""

    def __call__(self, model: Loaded, case: Case, *, aloud: bool = False, prompt: str = "") -> list[Reply]: ...


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One measurement. `judge` knows nothing of the model; `ears` may be the model's own, and a figure says whose."""

    model: Loaded
    thinker: Loaded  # the same weights, asked to think first
    folder: Path
    judge: Listener
    judge_name: str
    ears: Listener
    ears_name: str
    limit: int | None = None
    holder: Holder = hold
    made: dict[str, Pairs] = field(default_factory=dict)  # the sets that were held already

    def hold(self, case: Case, *, aloud: bool = False, prompt: str = "", thinks: bool = False) -> list[Reply]:
        """One conversation; `prompt` names another instruction than its own."""
        return self.holder(self.thinker if thinks else self.model, case, aloud=aloud, prompt=prompt)

    def cases(self, name: str, most: int | None = None) -> list[Case]:
        """The conversations of a set, within the limit."""
        limits = [limit for limit in (self.limit, most) if limit is not None]
        return list(cases(self.folder, name, min(limits, default=None)))

    def held(self, name: str, *, aloud: bool = False) -> Pairs:
        """A set, held once."""
        key = f"{name} {aloud}"
        if key not in self.made:
            self.made[key] = [(case, self.hold(case, aloud=aloud)) for case in self.cases(name)]
        return self.made[key]


def right(case: Case, replies: Sequence[Reply]) -> bool:
    """Whether the last reply of a conversation is right."""
    turn, reply = case.made.turns[-1], replies[-1]
    return not reply.failed and right_reply(turn, final(turn, reply))


def sound_of(reply: Reply) -> Audio:
    """What was said, as a recording."""
    assert reply.audio is not None
    return Audio(torch.from_numpy(reply.audio)[None], SPOKEN_HZ)
