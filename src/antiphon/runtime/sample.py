"""Choosing the next token. Chance is an argument: a draw is a function of (seed, position), whatever was drawn before.

    logits ─mask─ repetition penalty ─ temperature ─ top p ─> the token where a uniform number falls

Temperature 0 is greedy and draws nothing. The penalty acts on every id of prompt and reply, as in the released sampler:
a score is divided by it if positive, multiplied by it if negative.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from antiphon.errors import InputError
from antiphon.nn.noise import mixed

TOKENS = 3  # the stream of chance that tokens are drawn from; flow and source have their own
WORD = 1 << 63


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are chosen."""

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise InputError(f"a temperature of {self.temperature} was given; it lies in 0 .. 100, and 0 is greedy.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"a top_p of {self.top_p} was given; it lies above 0 and up to 1.")
        if not 0 < self.repetition_penalty <= 100:
            raise InputError(f"a repetition penalty of {self.repetition_penalty} was given; 1 is none, 1.05 is usual.")
        if not -WORD <= self.seed < WORD:
            raise InputError(f"a seed of {self.seed} was given; it must fit in 64 bits.")


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) for the token at `position` of a stream."""
    bits = mixed(mixed(mixed(torch.tensor([seed])) + TOKENS) + position)
    return int(bits & ((1 << 53) - 1)) * 2.0**-53


def choose(
    logits: Float[Tensor, " v"],
    sampling: Sampling,
    position: int,
    *,
    seen: Bool[Tensor, " v"] | None = None,
    forbidden: Bool[Tensor, " v"] | None = None,
) -> int:
    """The id of the next token, the one at `position` of its stream.

    `seen` marks the ids of prompt and reply so far (for the penalty), `forbidden` ids that must never come.
    """
    return pick(allowed(logits, sampling, seen=seen, forbidden=forbidden), sampling, position)


def allowed(
    logits: Float[Tensor, " v"],
    sampling: Sampling,
    *,
    seen: Bool[Tensor, " v"] | None = None,
    forbidden: Bool[Tensor, " v"] | None = None,
) -> Float[Tensor, " v"]:
    """The scores that a token is picked from: penalised, and minus infinity where it must not come."""
    scores = logits.float()
    if seen is not None and sampling.repetition_penalty != 1:
        penalty = sampling.repetition_penalty
        scores = torch.where(seen, torch.where(scores > 0, scores / penalty, scores * penalty), scores)
    if forbidden is not None:
        scores = scores.masked_fill(forbidden, -torch.inf)
    return scores


def pick(scores: Float[Tensor, " v"], sampling: Sampling, position: int) -> int:
    """The id at `position` of a stream, by temperature and top p."""
    if sampling.temperature == 0:
        return int(scores.argmax())
    chances, ids = (scores.double() / sampling.temperature).softmax(-1).sort(descending=True, stable=True)
    reached = chances.cumsum(0)
    kept = reached - chances < sampling.top_p  # the first always is
    kept &= chances > 0
    whole = float(reached[kept][-1])
    index = int(torch.searchsorted(reached[kept], uniform(sampling.seed, position) * whole, right=True))
    return int(ids[min(index, int(kept.sum()) - 1)])
