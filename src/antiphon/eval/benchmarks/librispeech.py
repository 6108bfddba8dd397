"""LibriSpeech: read English books, quiet and less quiet."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts


def read(source: Source, split: str) -> Iterator[Item]:
    """`LibriSpeech/test-clean/SPK/CHAP/SPK-CHAP.trans.txt`, and one FLAC beside it for each of its lines."""
    folder = source.find(f"LibriSpeech/{split}", split)
    for path in sorted(folder.glob("*/*/*.trans.txt")):
        for line, key, text in source.pairs(path):
            sound = source.sound(path.parent / f"{key}.flac", path, line)
            if sound and source.is_new(key, path, line):
                yield heard_item(key, sound, LISTEN, text, "en", cluster=key.split("-")[0])


BENCHMARKS = tuple(
    Benchmark(
        name=f"asr.librispeech_{split}",
        family="librispeech",
        read=partial(read, split=f"test-{split}"),
        scorer=Transcripts(published="wer"),
        layout=f"LibriSpeech/test-{split}/SPEAKER/CHAPTER/*.flac and *.trans.txt",
        licence="CC BY 4.0",
        size=size,
    )
    for split, size in (("clean", 2620), ("other", 2939))
)
