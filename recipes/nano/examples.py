"""Training examples of nano's language model: a dialogue of the world becomes ids, places of sound and what to learn.

An example is a prompt in the released chat format and a reply, with for every position a kind of loss. Where nano
listens, the ids hold `<audio_patch>`; what fills those places (real sound, or the pseudo-sound of `pseudo`) is named
beside them. A spoken reply is the ta4 interleave of its text and the codes of the engine's speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np

from antiphon.data import world
from antiphon.data.world import Turn
from antiphon.rates import MEL_HOP, num_rows
from antiphon.text.tokenizer import Tokenizer, train_bpe
from antiphon.tools.clock import SCHEMA
from recipes.nano import sizes
from recipes.nano.features import rows_of, shards

FOLDER = Path("runs/text")
SECONDS_PER_CODE = 0.04
NONE, TEXT, CODE, PAD = 0, 1, 2, 3  # kinds of loss
TRANSCRIBE, SPEAK, CHAT = "请记录下你所听到的语音内容。", "以自然的语速读出下面的文字。\n", "请用语音与我交流。"


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One utterance of nano's voice: text, codes, and when each word ends (s)."""

    text: str
    codes: np.ndarray
    words: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Something heard: where its rows stand in the ids, and what fills them: a token path, or a stretch of a clip."""

    start: int = 0
    path: tuple[int, ...] = ()  # pseudo-sound; -1 is the blank
    places: tuple[tuple[int, ...], ...] = ()  # where each token of the text lies in the path
    mel: np.ndarray | None = None  # real sound: float16 [t, 128] of one piece
    text: str = ""  # what a whole utterance of real sound says; a cut piece does not tell


@dataclass
class Example:
    """Ids with the loss at each position (of predicting that very id), the sounds, and where two heads should look."""

    task: str
    about: str = ""  # what kind of dialogue it is
    ids: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    guide: list[tuple[int, int, int]] = field(
        default_factory=list
    )  # position that predicts a code, span of its word's tokens
    copies: list[tuple[int, tuple[int, ...]]] = field(
        default_factory=list
    )  # position that predicts a token, where it is read
    sounds: list[Sound] = field(default_factory=list)

    def add(self, ids: Sequence[int], kind: int = NONE) -> "Example":
        """Append ids that all have one kind of loss."""
        self.ids += ids
        self.kind += [kind] * len(ids)
        return self

    def cut(self) -> "Example":
        """Drop what stands after the last word that is learned."""
        end = 1 + max(i for i, kind in enumerate(self.kind) if kind == TEXT)
        del self.ids[end:], self.kind[end:]
        return self


def make_tokenizer() -> Tokenizer:
    """Train nano's text tokenizer on its world and its prompts."""
    rng = Random(1)
    texts = []
    for _ in range(40000):
        for turn in world.sample(rng).turns:
            texts += [turn.user, turn.reply, turn.filler, turn.tool_result]
            if turn.tool_call:
                texts.append(call_text(turn))
    texts += [world.salad(rng, 6) for _ in range(6000)] + [world.sentences(rng) for _ in range(6000)]
    texts += [TRANSCRIBE, SPEAK, CHAT, SCHEMA, "system\n", "human\n", "assistant\n", "input\n"] * 3000
    texts += [w for word in world.vocabulary() for w in (word, " " + word)] * 200
    tokenizer = train_bpe(texts, sizes.TEXT_VOCABULARY, sizes.TOKENIZER.num_codes)
    tokenizer.save(FOLDER)
    return tokenizer


def call_text(turn: Turn) -> str:
    """The inside of a tool call, as it is written between its tags."""
    assert turn.tool_call is not None
    return f"function\n{turn.tool_call.name}\n{turn.tool_call.arguments}"


@lru_cache(1)
def spoken_by_text(names: tuple[str, ...] = ("target",)) -> dict[str, Spoken]:
    """Every utterance of nano's voice, by its text."""
    found = {}
    for name in names:
        for index in shards(name):
            path = Path("runs/codes") / name / f"{index.stem}.npz"
            if not path.exists():
                continue
            held = np.load(path)
            codes, at = held["codes"], held["at"]
            for i, row in enumerate(rows_of(index)):
                words = tuple((w, float(a), float(b)) for w, a, b in row["words"])
                found[row["text"]] = Spoken(text=row["text"], codes=codes[at[i] : at[i + 1]], words=words)
    return found


class Builder:
    """Writes examples with one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.layout = tokenizer.layout()
        self.encode = lru_cache(100_000)(lambda text: tuple(tokenizer.encode(text)))
        self.schema = SCHEMA
        self.call_tags = tokenizer.id_of("<tool_call>"), tokenizer.id_of("</tool_call>")

    def message(self, example: Example, role: str, text: str) -> None:
        """A whole written message."""
        example.add([self.layout.bot, *self.encode(f"{role}\n{text}"), self.layout.eot])

    def heard(self, example: Example, sounds: Sequence[Sound]) -> None:
        """A user's turn: one or several pieces of sound."""
        example.add([self.layout.bot, *self.encode("human\n")])
        for sound in sounds:
            rows = len(sound.path) if sound.mel is None else num_rows(MEL_HOP * len(sound.mel))
            example.add([self.layout.audio_start])
            example.sounds.append(replace(sound, start=len(example.ids)))
            example.add([self.layout.audio_patch] * rows + [self.layout.audio_end])
        example.add([self.layout.eot])

    def written(self, example: Example, text: str, read: Sound | None = None) -> None:
        """The reply as text; `read` is the pseudo-sound that it writes down, token by token."""
        example.add([self.layout.bot, *self.encode("assistant\n")])
        if read is not None:
            start, here = example.sounds[-1].start, len(example.ids)
            example.copies += [(here + j - 1, tuple(start + p for p in at)) for j, at in enumerate(read.places) if at]
        example.add([*self.encode(text), self.layout.eot], TEXT)

    def written_call(self, example: Example, call: str) -> None:
        """The call of a tool as the whole reply."""
        example.add([self.layout.bot, *self.encode("assistant\n")])
        example.add([self.call_tags[0], *self.encode(call), self.call_tags[1], self.layout.eot], TEXT)

    def spoken(
        self, example: Example, spoken: Spoken, learn: bool = True, call: str = "", words_only: bool = False
    ) -> None:
        """The reply aloud: ta4, then the call of a tool if there is one. `words_only`: no code, no end is learned."""
        layout = self.layout
        example.add([layout.bot, *self.encode("assistant\n"), layout.tts_start])
        text, begin = self.encode(spoken.text), len(example.ids)
        spans = word_spans(self.tokenizer, text, spoken.words)
        for place, token in enumerate(layout.interleave(text, spoken.codes.tolist())[1:-1]):
            group, within = divmod(place, 5)
            kind = PAD if token in (layout.tts_pad, layout.audio_pad) else TEXT if within == 0 else CODE
            if kind == CODE and learn:
                now = (4 * group + within - 0.5) * SECONDS_PER_CODE
                span = next((s for (_, a, b), s in zip(spoken.words, spans, strict=True) if a <= now < b), None)
                if span and begin + 5 * (span[1] - 1) < len(example.ids):
                    example.guide.append((len(example.ids) - 1, begin + 5 * span[0], begin + 5 * span[1]))
            if words_only and within:
                kind = NONE
            example.add([token], kind if learn else NONE)
        example.add([layout.tts_end], TEXT if learn and not words_only else NONE)
        if call:
            example.add([self.call_tags[0], *self.encode(call), self.call_tags[1]], TEXT if learn else NONE)
        example.add([layout.eot], TEXT if learn and not words_only else NONE)


def word_spans(
    tokenizer: Tokenizer, ids: Sequence[int], words: Sequence[tuple[str, float, float]]
) -> list[tuple[int, int] | None]:
    """For each spoken word, the first and one past the last token of the text that writes it."""
    pieces = [tokenizer.decode([i]) for i in ids]
    ends = np.cumsum([len(p) for p in pieces])
    text, at, spans = "".join(pieces).lower(), 0, []
    for word, _, _ in words:
        start = text.find(word.lower(), at)
        if start < 0:
            spans.append(None)
            continue
        at = start + len(word)
        first, last = int(np.searchsorted(ends, start, "right")), int(np.searchsorted(ends, at, "left"))
        spans.append((first, last + 1))
    return spans


def pseudo(ids: Sequence[int], rng: Random, words: Sequence[int], misread: float = 0.10) -> Sound:
    """The path that sound takes through a reader of tokens: blanks (-1), repeats, some tokens misread or lost."""
    path, places = [-1] * rng.randint(1, 5), []
    for token in ids:
        chance = rng.random()
        if chance < misread / 5:
            places.append(())
            continue
        token = rng.choice(words) if chance < misread else token
        times = rng.choice((1, 1, 1, 2))
        places.append(tuple(range(len(path), len(path) + times)))
        path += [token] * times + [-1] * rng.choice((1, 2, 2, 3, 3, 4, 5))
    return Sound(path=(*path, *[-1] * rng.randint(0, 3)), places=tuple(places))


def load_tokenizer() -> Tokenizer:
    return Tokenizer.load(FOLDER) if (FOLDER / "tokenizer.json").exists() else make_tokenizer()
