"""LibriSpeech: read English books, quiet and less quiet."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Source


def lines(source: Source, split: str) -> Iterator[Line]:
    """`LibriSpeech/test-clean/SPK/CHAP/SPK-CHAP.trans.txt`, and one FLAC beside it for each of its lines."""
    folder = source.find(f"LibriSpeech/{split}", split)
    for file in sorted(folder.glob("*/*/*.trans.txt")):
        for line, key, text in source.pairs(file):
            yield Line(file=file, line=line, key=key, path=file.parent / f"{key}.flac", text=text,
                       cluster=key.split("-")[0])  # fmt: skip


BENCHMARKS = tuple(
    listening(
        f"asr.librispeech_{split}",
        "librispeech",
        partial(lines, split=f"test-{split}"),
        "en",
        mirror=(f"**/{split}/test/*.parquet", f"**/*test*{split}*.parquet", f"**/*test*{split}*/*.parquet"),
        published="wer",
        layout=f"LibriSpeech/test-{split}/SPEAKER/CHAPTER/*.flac and *.trans.txt",
        licence="CC BY 4.0",
        size=size,
    )
    for split, size in (("clean", 2620), ("other", 2939))
)
