"""FLEURS: the same sentences read in many languages."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Source

COLUMNS = ("id", "file", "raw_transcription", "transcription", "characters", "num_samples", "gender")
LOCALES = {"en": ("en_us", 647, "wer"), "zh": ("cmn_hans_cn", 945, "cer"), "ja": ("ja_jp", 650, "cer"),
           "ar": ("ar_eg", 428, "wer")}  # fmt: skip


def lines(source: Source, locale: str) -> Iterator[Line]:
    """`data/LOCALE/test.tsv` without a header; the recordings in `audio/test.tar.gz`, or unpacked beside it.

    Sentences repeat, so an item's name is its file. The reference is the raw transcription: the other one has lost the
    points of its decimals.
    """
    file = source.find(f"data/{locale}/test.tsv", f"{locale}/test.tsv")
    packed, folder = file.parent / "audio" / "test.tar.gz", file.parent / "audio" / "test"
    for line, row in source.table(file, (), COLUMNS):
        name = row["file"]
        path, member = (folder / name, "") if folder.is_dir() else (packed, name)
        yield Line(file=file, line=line, key=name, path=path, member=member, text=row["raw_transcription"],
                   cluster=row["id"])  # fmt: skip


BENCHMARKS = tuple(
    listening(
        f"asr.fleurs_{language}",
        "fleurs",
        partial(lines, locale=locale),
        language,
        mirror=(f"**/{locale}/test*.parquet", f"**/{locale}/test/*.parquet"),
        published=metric,
        layout=f"data/{locale}/test.tsv and audio/test.tar.gz",
        licence="CC BY 4.0",
        size=size,
    )
    for language, (locale, size, metric) in LOCALES.items()
)
