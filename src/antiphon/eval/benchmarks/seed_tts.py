"""SEED-TTS: texts read aloud in the voice of a prompt, in English and Chinese.

The error rate is the mean of the utterances' own rates, numbers are not normalised, and a recording that is missing is
an error: all three as its own kit has them, but for the last, which it leaves out in silence. Likeness to the prompt is
measured by the nets that are there; the kit changes English rates by `scipy.signal.resample`, this suite by its own
windowed sinc.
"""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import READ_ALOUD
from antiphon.eval.items import Item, Turn
from antiphon.eval.read_aloud import ReadAloud
from antiphon.eval.source import Source

SETS = {"test_en": ("en", "meta.lst", 1088, "wer"), "test_zh": ("zh", "meta.lst", 2020, "cer"),
        "hard_zh": ("zh", "hardcase.lst", 400, "")}  # fmt: skip


def read(source: Source, name: str) -> Iterator[Item]:
    """`utt|prompt text|prompt wav|text[|true wav]`, or `utt|text` without a prompt."""
    language, file, _, _ = SETS[name]
    path = source.find(f"seedtts_testset/{language}/{file}", f"{language}/{file}")
    for line, text in source.lines(path):
        cells = text.strip().split("|")
        if len(cells) not in (2, 3, 4, 5):
            source.fault(path, line, f"{len(cells)} fields", "2 to 5, divided by |")
            continue
        key, spoken = cells[0], cells[3] if len(cells) > 3 else cells[-1]
        turns = [Turn(who="user", text=spoken)]
        if len(cells) > 2:
            sound = source.sound(path.parent / cells[2 if len(cells) > 3 else 1], path, line)
            if sound is None:
                continue
            turns.insert(0, Turn(who="voice", text=cells[1] if len(cells) > 3 else "", sound=sound))
        if source.is_new(key, path, line):
            yield Item(bench="", id=key, turns=tuple(turns), ask=READ_ALOUD, references=(spoken,), language=language)


BENCHMARKS = tuple(
    Benchmark(
        name=f"seed_tts.{name}",
        family="seed_tts",
        read=partial(read, name=name),
        scorer=ReadAloud(
            profiles=(f"seedtts-{language}@1", "en-whisper@1" if language == "en" else "zh-cer@1"), published=metric
        ),
        layout=f"seedtts_testset/{language}/{{{file},prompt-wavs/,wavs/}}",
        licence="of Common Voice and DiDiSpeech-2",
        size=size,
        assumption="Step-Audio 2 published no figures of it; what articles quote is Step-Audio (1)",
    )
    for name, (language, file, size, metric) in SETS.items()
)
