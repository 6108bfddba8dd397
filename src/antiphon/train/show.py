"""A record as the model sees it, with what is learned in colours: the mask of the loss, to be looked at.

    <|BOT|>human⏎the capital<|EOT|><|BOT|>assistant⏎<tts_start> the  0 1 2 3   capital  4 5 6 7  ...
    ------------- grey: only read ----------------------------- text speech     text    speech
"""

from itertools import groupby

from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import Tokenizer
from antiphon.train.examples import Example
from antiphon.train.tasks import MODALITIES, NOTHING

COLOURS = dict(zip(MODALITIES, (32, 36, 33, 90, 35, 34), strict=True))
GREY = 2


def show(example: Example, tokenizer: Tokenizer, colour: bool = True) -> str:
    """One example: each run of one kind in its colour, or between brackets that name the kind."""
    layout, parts = tokenizer.layout(), []
    pairs = list(zip(example.kinds, example.ids, strict=True))
    for kind, run in groupby(pairs, key=lambda pair: pair[0]):
        text = _text([token for _, token in run], tokenizer, layout)
        if kind == NOTHING:
            parts.append(_painted(text, GREY) if colour else text)
        else:
            name = MODALITIES[kind - 1]
            parts.append(_painted(text, COLOURS[name]) if colour else f"[{name}: {text.strip()}]")
    return f"{example.id} ({example.record.task}, {len(example.ids)} positions)\n{''.join(parts)}\n"


def legend() -> str:
    """Which colour is which kind."""
    return " ".join([_painted("read", GREY), *(_painted(name, COLOURS[name]) for name in MODALITIES)])


def _text(ids: list[int], tokenizer: Tokenizer, layout: TokenLayout) -> str:
    """Words as they are, codes as numbers, rows of sound and pads as how many there are."""
    found = []
    for token, run in groupby(ids, key=lambda i: _kind(i, layout)):
        held = list(run)
        if token == "sound":
            found.append(f"▒×{len(held)}")
        elif token == "pad":
            found.append(f" {len(held)} ")
        elif token == "code":
            found.append(f" {' '.join(str(layout.code_of(i)) for i in held)} ")
        else:
            found.append(tokenizer.decode(held, controls=True).replace("\n", "⏎"))
    return "".join(found)


def _kind(token: int, layout: TokenLayout) -> str:
    if token in (layout.tts_pad, layout.audio_pad):
        return "pad"
    return "sound" if token == layout.audio_patch else "code" if layout.is_speech(token) else "words"


def _painted(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
