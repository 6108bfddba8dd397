"""A record as the model sees it, with what is learned in colours: the mask of the loss, to be looked at.

    <|BOT|>human⏎the capital<|EOT|><|BOT|>assistant⏎<tts_start> the  0 1 2 3   capital  4 5 6 7  ...
    ------------- grey: only read ----------------------------- text speech     text    speech
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.variants import variant
from antiphon.train.examples import Builder, Example
from antiphon.train.records import BadRecord, RecordFile
from antiphon.train.sounds import Sounds
from antiphon.train.tasks import MODALITIES, NOTHING
from antiphon.weights.find import find
from antiphon.weights.folder import open_folder

COLOURS = dict(zip(MODALITIES, (32, 36, 33, 90, 35, 34, 31), strict=True))
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


def reader(model: str, sounds: Path, coder: str = "") -> Builder:
    """What makes examples for a model, of the sounds in a folder of shards.

    `coder` is the model, or the folder of a run, whose speech tokenizer writes the codes that records refer to: the
    model itself, unless codes lie beside the sounds or another is named.
    """
    found = find(model)
    config = open_folder(found.folder, variant=found.variant).config
    tokenizer, feature = Tokenizer.load(found.folder), None
    if not coder and config.voice is not None and not (sounds.parent / "codes").exists():
        coder = model
    if coder:
        from antiphon.train.codec.tokenizer import trained
        from antiphon.train.features import codes_by

        feature = codes_by(trained(coder))
    return Builder(
        tokenizer,
        variant(config.variant),
        Sounds(sounds, sounds.parent / "codes", feature),
        layout=tokenizer.layout(config.lm.decoder.vocab_size),
        longest=config.lm.decoder.max_positions,
    )


def show_records(path: Path, builder: Builder, *, first: int, count: int, colour: bool) -> Iterator[str]:
    """Records of a file as the model sees them, from the one numbered `first` (from 0). Raises BadRecord."""
    records = RecordFile(path)
    for number in range(first, min(first + count, len(records))):
        yield show(builder.build(records[number], "shown"), builder.tokenizer, colour)


def problems(path: Path, builder: Builder) -> Iterator[str]:
    """Every record of a file that cannot be learned from, as file:line and why."""
    records = RecordFile(path)
    for number in range(len(records)):
        try:
            builder.build(records[number], "shown")
        except BadRecord as error:
            yield str(error)


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
