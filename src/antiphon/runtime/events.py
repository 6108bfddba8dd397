"""What a reply is made of, in the order in which it happens: typed events.

    Think*  (Text | AudioOut)*  [ToolCall  ToolResult  (Text | AudioOut)*]*  End

`Text`, `Think` and `ToolCall` come from the parser; sound comes out of the vocoder a little later than its text.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor

from antiphon.rates import SPOKEN_HZ
from antiphon.text.parse import Text, Think
from antiphon.text.toolcall import ToolCall
from antiphon.tools.result import ToolResult

__all__ = ["AudioOut", "End", "Event", "Finish", "Text", "Think", "Timings", "ToolCall", "ToolResult", "Utterance"]

Finish = Literal["stop", "length", "tools"]


@dataclass(frozen=True, eq=False)
class AudioOut:
    """A stretch of the spoken reply, ready to be played: float32, full scale 1."""

    samples: Float[Tensor, " n"]
    rate: int = SPOKEN_HZ

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Utterance:
    """One stretch that the model generated: its ids without the stop id, and what they say."""

    ids: tuple[int, ...]
    text: str = ""
    codes: tuple[int, ...] = ()
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    stopped: bool = True  # at a stop id; False: cut off by a limit


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Seconds from the question to the first token, to the first sound and to the end; and the work done."""

    first_token_s: float
    first_audio_s: float | None
    wall_s: float
    cpu_s: float
    audio_s: float


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of a reply. `finish`: the model stopped, a limit was reached, or it called tools without end."""

    finish: Finish
    text: str
    utterances: tuple[Utterance, ...]
    timings: Timings
    prompt_tokens: int  # of the last prompt, sound included
    reply_tokens: int  # of all utterances

    @property
    def codes(self) -> tuple[int, ...]:
        """All speech codes of the reply."""
        return tuple(code for utterance in self.utterances for code in utterance.codes)


Event: TypeAlias = Text | AudioOut | Think | ToolCall | ToolResult | End
