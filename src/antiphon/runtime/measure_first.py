"""Of what a first sound is made: the CPU time of each step from the end of a question to the first chunk of its answer.

    hear ──── prompt ──── open ──── tokens ──────────────── chunk
    encoder   its steps   a voice   until a chunk has codes  flow and vocoder

It is what a reply costs when nobody else talks and nothing of it was begun before its time.
"""

import statistics
import time
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.runtime.batch import Batch, bucket_for
from antiphon.runtime.dialect import Dialect
from antiphon.runtime.engine import Request, Token
from antiphon.runtime.generate import Hearing
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.speech import Utterer
from antiphon.text.chat import Message, encode

REPEATS = 9
MOST_TOKENS = 200  # within which an answer sounds


def measure_first(model: Loaded, question: Audio, *, streams: int = 8, repeats: int = REPEATS) -> dict[str, Any]:
    """Medians over `repeats` answers in milliseconds of CPU time, after one that warms up; and how many steps were run.

    Raises InputError for a model that does not speak, or says nothing.
    """
    if not model.speaks:
        raise InputError(f"{model.name} answers in text only, so it has no first sound; measure one that speaks.")
    hearing = Hearing(model.limit)
    batch = Batch(model, bucket_for(streams), lambda _: hearing)
    batch.warm()
    found = [_Answer(model, batch, hearing).run(question) for _ in range(repeats + 1)][1:]
    middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
    return {"answers": repeats, **{name: round(value, 2) for name, value in middle.items()}}


class _Answer:
    """One answer up to its first sound, and what it has cost so far."""

    def __init__(self, model: Loaded, batch: Batch, hearing: Hearing) -> None:
        self.model, self.batch, self.hearing = model, batch, hearing
        self.spent: dict[str, float] = {}

    def run(self, question: Audio) -> dict[str, float]:
        """All of it; sound and cache are forgotten at the end."""
        request, begun = self._request(question), time.thread_time()
        self.batch.add(0, request)
        self.batch.admit()
        self._note("hear_ms", begun)
        codes = self._say(1, "prompt")
        opening = time.thread_time()
        assert self.model.voice is not None
        utterer = Utterer(self.model.voice, self.model.opened(self.model.default_voice(), 0))
        self._note("open_ms", opening)
        codes += self._say(utterer.wanted - len(codes), "token")
        chunk = time.thread_time()
        assert [utterer.hold(code) for code in codes][-1]
        utterer.render()
        self._note("chunk_ms", chunk)
        self._note("whole_ms", begun)
        self.batch.cancel(0)
        self.hearing.forget_but(frozenset())
        return self.spent

    def _note(self, name: str, begun: float) -> None:
        self.spent[name] = 1000 * (time.thread_time() - begun)

    def _say(self, wanted: int, name: str) -> list[int]:
        """Steps until there are so many tokens (the first) or codes (those that follow); the codes."""
        begun, codes, tokens, steps, layout = time.thread_time(), list[int](), 0, 0, self.model.parts.layout
        while (tokens if name == "prompt" else len(codes)) < wanted:
            ids = [step.id for _, step in self.batch.step() if isinstance(step, Token)]
            codes += [layout.code_of(token) for token in ids if layout.is_speech(token)]
            tokens, steps = tokens + len(ids), steps + 1
            if steps > MOST_TOKENS:
                raise InputError("the answer has no sound, so there is nothing to measure; try another question.")
        self._note(f"{name}s_ms", begun)
        self.spent[f"{name}_steps"] = float(steps)
        return codes

    def _request(self, question: Audio) -> Request:
        parts = self.model.parts
        opening = Dialect(self.model.variant, parts.tokenizer, parts.layout).opening(None, ())
        messages = [*opening, Message("human", (self.hearing.add(question),))]
        prompt = encode(self.model.variant.render(messages, "speech"), parts.tokenizer, parts.layout)
        return Request(id="first", prompt=prompt, max_tokens=MOST_TOKENS, stop_ids=frozenset())
