"""Whether what a model says is marked: it is, unless somebody says no in so many words, and then the log tells.

    marker = model.marking.begin()      one for each utterance
    marked = marker(samples)            chunk after chunk, at once and as many samples as came

It is the last thing that happens to speech inside: `Session` and the live conversation hand out marked sound, whatever
becomes of it then. `model/` and `verify` know nothing of it.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.errors import ConfigError
from antiphon.marking.key import Key, key_from
from antiphon.marking.mark import MarkState, mark

VARIABLE = "ANTIPHON_MARK"
logger = logging.getLogger("antiphon.marking")


class Marker:
    """The mark of one utterance."""

    def __init__(self, key: Key | None) -> None:
        self._key, self._state = key, MarkState()

    def __call__(self, samples: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The next samples at 24 kHz, marked."""
        if self._key is None:
            return samples
        marked, self._state = mark(samples.numpy(), self._state, self._key)
        return torch.from_numpy(marked)


@dataclass(frozen=True)
class Marking:
    """With which key speech is marked; None: it is not."""

    key: Key | None

    def begin(self) -> Marker:
        """A marker for an utterance."""
        return Marker(self.key)


def marking_from(environment: Mapping[str, str] = os.environ) -> Marking:
    """What the environment says: marked, unless $ANTIPHON_MARK is "off". Raises ConfigError for another word."""
    said = environment.get(VARIABLE, "on").lower() or "on"
    if said not in ("on", "off"):
        raise ConfigError(f"{VARIABLE} is {said[:20]!r}; set it to on or off.")
    if said == "off":
        return unmarked(f"{VARIABLE} is off")
    return Marking(key_from(environment))


def unmarked(reason: str) -> Marking:
    """No marking, and a line in the log that says why."""
    logger.warning("speech is generated without a mark, because %s.", reason)
    return Marking(None)
