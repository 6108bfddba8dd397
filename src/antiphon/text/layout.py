"""Which id is what, and how speech is woven into text: the token layout of one vocabulary, as data.

Official vocabulary (released mini):   0 ........ 151642   byte-level BPE            text
                                       151643 ... 151687   end, turn and markup      text side, never sung
                                       151688 ... 151695   audio_* and tts_* marks   neither text nor speech
                                       151696 ... 158256   <audio_0> ... code 6560   speech, 25 codes a second
                                       158257              <audio_6561>              padding of speech slots

A spoken reply is woven in groups of one text token and four speech tokens (160 ms of speech):

    <tts_start> t0 a0 a1 a2 a3  t1 a4 a5 a6 a7  ...  <tts_end> [other text] <|EOT|>

Text that runs out first leaves `<tts_pad>` in its slot, speech that runs out first leaves the audio pad.
Nothing else in the package writes an id as a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

from antiphon.errors import ConfigError, InputError

__all__ = ["OFFICIAL", "Kind", "Split", "TokenLayout"]

Kind = Literal["text", "speech", "other"]


@dataclass(frozen=True)
class Split:
    """A reply taken apart: spoken text ids, speech ids (not codes), and the ids outside the speech section."""

    text: tuple[int, ...] = ()
    speech: tuple[int, ...] = ()
    other: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TokenLayout:
    """The ids of one vocabulary and the pattern in which its model speaks.

    `pad` is `<|endoftext|>`; speech ids are `first_audio + code` for `num_codes` codes, and the id after the last
    code pads unfinished groups. `vocab_size` counts embedding rows and may exceed the last id. `stop_ids` end a turn.
    """

    pad: int
    eot: int
    bot: int
    audio_start: int
    audio_end: int
    audio_patch: int
    tts_start: int
    tts_end: int
    tts_pad: int
    first_audio: int
    num_codes: int
    vocab_size: int
    stop_ids: tuple[int, ...]
    text_per_group: int = 1
    audio_per_group: int = 4

    def __post_init__(self) -> None:
        marks = (self.audio_start, self.audio_end, self.audio_patch, self.tts_start, self.tts_end, self.tts_pad)
        turns = (self.pad, self.eot, self.bot)
        if len(set(marks + turns)) != len(marks) + len(turns):
            raise ConfigError(f"The token layout gives one id to two tokens: {turns + marks}; make them distinct.")
        if min(turns) < 0 or max(turns) >= self.audio_start or self.audio_start != min(marks):
            raise ConfigError(
                f"The token layout has turn ids {turns} and audio marks {marks}; expected the turn ids below"
                " audio_start and audio_start first among the marks."
            )
        if max(marks) >= self.first_audio or self.num_codes < 1 or self.audio_pad >= self.vocab_size:
            raise ConfigError(
                f"The token layout has speech ids {self.first_audio} to {self.audio_pad}; expected them above the marks"
                f" {marks} and below vocab_size {self.vocab_size}."
            )
        if self.text_per_group < 1 or self.audio_per_group < 1:
            raise ConfigError("The interleave pattern of the token layout needs at least one token of each kind.")
        if not self.stop_ids or not all(0 <= i < self.vocab_size for i in self.stop_ids):
            raise ConfigError(f"The stop ids {self.stop_ids} of the token layout must be ids of its vocabulary.")

    # --- what an id is -------------------------------------------------------------------------------------------

    @property
    def audio_pad(self) -> int:
        """The id that fills speech slots without speech: one after the last code."""
        return self.first_audio + self.num_codes

    @cached_property
    def controls(self) -> frozenset[int]:
        """Every id that steers instead of saying something, the codes left out."""
        marks = (self.audio_start, self.audio_end, self.audio_patch, self.tts_start, self.tts_end, self.tts_pad)
        return frozenset((self.pad, self.eot, self.bot, self.audio_pad, *marks, *self.stop_ids))

    def is_text(self, token: int) -> bool:
        """True below the audio marks: words, and the turn marks among them."""
        return 0 <= token < self.audio_start

    def is_speech(self, token: int) -> bool:
        """True for a code of the speech tokenizer; the padding code is none."""
        return self.first_audio <= token < self.audio_pad

    def code_of(self, token: int) -> int:
        """The code 0 ... num_codes - 1 that a speech id stands for."""
        if not self.is_speech(token):
            raise InputError(
                f"Token id {token} is no speech token; expected {self.first_audio} to {self.audio_pad - 1}."
            )
        return token - self.first_audio

    def id_of(self, code: int) -> int:
        """The speech id of a code."""
        if not 0 <= code < self.num_codes:
            raise InputError(f"Speech code {code} is out of range; expected 0 to {self.num_codes - 1}.")
        return self.first_audio + code

    def starts_speaking(self, prompt: Sequence[int]) -> bool:
        """A reply is spoken when the prompt's last token is `<tts_start>`."""
        return len(prompt) > 0 and prompt[-1] == self.tts_start

    # --- weaving -------------------------------------------------------------------------------------------------

    def interleave(self, text_ids: Sequence[int], codes: Sequence[int]) -> list[int]:
        """Weave a spoken turn, `<tts_start>` to `<tts_end>`; every group is full."""
        groups = self._num_groups(text_ids, codes)
        return self._weave(text_ids, codes, pad_speech_to=groups * self.audio_per_group)

    def interleave_aug2025(self, text_ids: Sequence[int], codes: Sequence[int]) -> list[int]:
        """The builder of the first published serving image, for verification only.

        It pads speech to the number of groups instead of the number of slots, so the last groups come out ragged.
        """
        return self._weave(text_ids, codes, pad_speech_to=self._num_groups(text_ids, codes))

    def _num_groups(self, text_ids: Sequence[int], codes: Sequence[int]) -> int:
        return max(-(-len(codes) // self.audio_per_group), -(-len(text_ids) // self.text_per_group))

    def _weave(self, text_ids: Sequence[int], codes: Sequence[int], pad_speech_to: int) -> list[int]:
        wrong = next((i for i in text_ids if not self.is_text(i) or i in self.controls), None)
        if wrong is not None:
            raise InputError(f"Token id {wrong} cannot stand in a text slot of a spoken turn; expected ids of words.")
        groups, a, t = self._num_groups(text_ids, codes), self.audio_per_group, self.text_per_group
        text = [*text_ids, *[self.tts_pad] * (groups * t - len(text_ids))]
        speech = [self.id_of(code) for code in codes]
        speech += [self.audio_pad] * (pad_speech_to - len(speech))
        out = [self.tts_start]
        for g in range(groups):
            out += text[g * t : (g + 1) * t] + speech[g * a : (g + 1) * a]
        return [*out, self.tts_end]

    # --- taking apart --------------------------------------------------------------------------------------------

    def split_step(self, speaking: bool, token: int) -> tuple[bool, Kind | None]:
        """Sort one token of a reply: (still speaking?, its kind or None where it only steers).

        Streaming is this function with the first value carried. Outside the speech section everything is "other",
        so a caller that lets a model start to speak by itself watches for `<tts_start>` there.
        """
        if not 0 <= token <= self.audio_pad:
            raise InputError(f"Token id {token} stands for nothing; expected an id from 0 to {self.audio_pad}.")
        if not speaking:
            return False, "other"
        if token == self.tts_end:
            return False, None
        if token in (self.tts_start, self.tts_pad, self.audio_pad):
            return True, None
        return True, "speech" if token >= self.first_audio else "text"

    def split(self, ids: Iterable[int], speaking: bool = True) -> Split:
        """Sort a whole reply to a prompt that ended in `<tts_start>`."""
        sorted_ids: dict[Kind, list[int]] = {"text": [], "speech": [], "other": []}
        for token in ids:
            speaking, kind = self.split_step(speaking, token)
            if kind is not None:
                sorted_ids[kind].append(token)
        return Split(*(tuple(sorted_ids[kind]) for kind in ("text", "speech", "other")))

    def split_by_range(self, ids: Iterable[int]) -> tuple[list[int], list[int]]:
        """The released simple client's sorting, for verification: (text ids, codes), by number alone.

        Tool-call markup counts as text and the padding code stays among the codes.
        """
        ids = list(ids)
        return [i for i in ids if i < self.audio_start], [i - self.first_audio for i in ids if i >= self.first_audio]

    # --- as data -------------------------------------------------------------------------------------------------

    def shifted(self, offset: int) -> "TokenLayout":
        """The same layout with every id moved by `offset`: how the tiny golden checkpoint numbers its tokens."""
        counts = ("num_codes", "text_per_group", "audio_per_group", "stop_ids")
        moved = {f.name: getattr(self, f.name) + offset for f in fields(self) if f.name not in counts}
        return replace(self, **moved, stop_ids=tuple(i + offset for i in self.stop_ids if i + offset >= 0))

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "stop_ids": list(self.stop_ids)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TokenLayout":
        """Inverse of `to_dict`; unknown and missing keys raise ConfigError."""
        known = {f.name for f in fields(cls)}
        needed = known - {"text_per_group", "audio_per_group"}
        if set(values) - known or needed - set(values):
            raise ConfigError(
                f"The token layout has unknown keys {sorted(set(values) - known)} and lacks"
                f" {sorted(needed - set(values))}; expected {sorted(known)}."
            )
        return cls(**{**values, "stop_ids": tuple(values["stop_ids"])})


# The released vocabulary. Only `bot` is an assumption (it lies between 151666 and 151687); a tokenizer that is loaded
# from the released files brings its own, and every other number here is checked against it.
OFFICIAL = TokenLayout(
    pad=151643,
    eot=151665,
    bot=151666,
    audio_start=151688,
    audio_end=151689,
    audio_patch=151690,
    tts_start=151693,
    tts_end=151694,
    tts_pad=151695,
    first_audio=151696,
    num_codes=6561,
    vocab_size=158720,
    stop_ids=(151665, 151643, 151645),
)
