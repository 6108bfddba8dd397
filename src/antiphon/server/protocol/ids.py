"""Names of things on the wire: `event_...`, `item_...`, drawn from a generator that is passed in.

A server passes `random.SystemRandom()`, so that no client can guess another's ids; a test passes `random.Random(seed)`.
"""

import string
from dataclasses import dataclass
from random import Random

ALPHABET = string.ascii_letters + string.digits
NUM_LETTERS = 21  # 125 bits


@dataclass(frozen=True)
class Ids:
    """Fresh ids, in the order in which they are asked for."""

    rng: Random

    def _draw(self, kind: str) -> str:
        return f"{kind}_{''.join(self.rng.choices(ALPHABET, k=NUM_LETTERS))}"

    def event(self) -> str:
        return self._draw("event")

    def item(self) -> str:
        return self._draw("item")

    def response(self) -> str:
        return self._draw("resp")

    def session(self) -> str:
        return self._draw("sess")

    def conversation(self) -> str:
        return self._draw("conv")

    def call(self) -> str:
        return self._draw("call")

    def completion(self) -> str:
        return self._draw("chatcmpl")

    def audio(self) -> str:
        return self._draw("audio")
