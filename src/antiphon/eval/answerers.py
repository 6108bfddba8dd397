"""Who answers: a model in this process, a server, or an oracle, all behind one method.

    openai:URL#MODEL     a server that speaks OpenAI's chat completions, with sound both ways
    oracle[:FILE][#WAY]  knows what is right; FILE (sha256 of a recording -> gold) makes it hear, WAY makes it err
    anything else        a preset, a folder or a hub id
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from antiphon.eval.items import Item

__all__ = ["Answerer", "Reply", "open_answerer"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What was said to an item: one text, and one recording (a WAV file's bytes) or None, for each turn to be answered.

    A call of a tool stands in the text as the model writes it.
    """

    texts: tuple[str, ...]
    sounds: tuple[bytes | None, ...] = ()
    finish: str = "stop"
    first_s: float | None = None
    audio_s: float = 0.0
    joints: tuple[tuple[int, ...], ...] = ()


@runtime_checkable
class Answerer(Protocol):
    """Whoever answers items. `fingerprint` changes when its answers could; `workers` may answer at the same time."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def workers(self) -> int: ...

    def answer(self, item: Item, seed: int) -> Reply: ...


def open_answerer(spec: str, workers: int = 1) -> Answerer:
    """The answerer of a name. Raises ConfigError, InputError or WeightsError where there is none."""
    if spec == "oracle" or spec.startswith(("oracle:", "oracle#")):
        from antiphon.eval.oracle import open_oracle

        return open_oracle(spec)
    if spec.startswith("openai:"):
        from antiphon.eval.remote import Remote
        from antiphon.eval.wire import endpoint

        return Remote(endpoint(spec, timeout_s=600.0), workers)
    from antiphon.eval.own import Own

    return Own(spec)
