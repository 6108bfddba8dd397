"""Common Voice: sentences that volunteers read. Which release the published tables used is not known."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts


def read(source: Source, locale: str) -> Iterator[Item]:
    """`cv-corpus-V/LOCALE/test.tsv` and `clips`; columns by name, since releases differ."""
    path = source.find(f"cv-corpus-*/{locale}/test.tsv", f"{locale}/test.tsv")
    for line, row in source.table(path, ("client_id", "path", "sentence")):
        sound = source.sound(path.parent / "clips" / row["path"], path, line)
        if sound and source.is_new(row["path"], path, line):
            yield heard_item(row["path"], sound, LISTEN, row["sentence"], locale, cluster=row["client_id"],
                             group=row.get("accents", ""))  # fmt: skip


BENCHMARKS = tuple(
    Benchmark(
        name=f"asr.common_voice_{locale}",
        family="common_voice",
        read=partial(read, locale=locale),
        scorer=Transcripts(published=metric),
        layout=f"cv-corpus-VERSION/{locale}/test.tsv and clips/*.mp3",
        licence="CC0",
        assumption="the published tables do not say which release they used",
    )
    for locale, metric in (("en", "wer"), ("yue", "cer"))
)
