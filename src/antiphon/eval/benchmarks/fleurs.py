"""FLEURS: the same sentences read in many languages."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts

COLUMNS = ("id", "file", "raw_transcription", "transcription", "characters", "num_samples", "gender")
LOCALES = {"en": ("en_us", 647, "wer"), "zh": ("cmn_hans_cn", 945, "cer"), "ja": ("ja_jp", 650, "cer"),
           "ar": ("ar_eg", 428, "wer")}  # fmt: skip


def read(source: Source, language: str) -> Iterator[Item]:
    """`data/LOCALE/test.tsv` without a header; the recordings in `audio/test.tar.gz`, or unpacked beside it.

    Sentences repeat, so an item's name is its file. The reference is the raw transcription: the other one has lost the
    points of its decimals.
    """
    locale = LOCALES[language][0]
    path = source.find(f"data/{locale}/test.tsv", f"{locale}/test.tsv")
    packed, folder = path.parent / "audio" / "test.tar.gz", path.parent / "audio" / "test"
    for line, row in source.table(path, (), COLUMNS):
        place, member = (folder / row["file"], "") if folder.is_dir() else (Path(packed), row["file"])
        sound = source.sound(place, path, line, member=member)
        if sound and source.is_new(row["file"], path, line):
            yield heard_item(row["file"], sound, LISTEN, row["raw_transcription"], language, cluster=row["id"])


BENCHMARKS = tuple(
    Benchmark(
        name=f"asr.fleurs_{language}",
        family="fleurs",
        read=partial(read, language=language),
        scorer=Transcripts(published=metric),
        layout=f"data/{locale}/test.tsv and audio/test.tar.gz",
        licence="CC BY 4.0",
        size=size,
    )
    for language, (locale, size, metric) in LOCALES.items()
)
