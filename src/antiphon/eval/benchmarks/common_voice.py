"""Common Voice: sentences that volunteers read. Which release the published tables used is not known."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Source


def lines(source: Source, locale: str) -> Iterator[Line]:
    """`cv-corpus-V/LOCALE/test.tsv` and `clips`; columns by name, since releases differ."""
    file = source.find(f"cv-corpus-*/{locale}/test.tsv", f"{locale}/test.tsv")
    for line, row in source.table(file, ("client_id", "path", "sentence")):
        yield Line(file=file, line=line, key=row["path"], path=file.parent / "clips" / row["path"],
                   text=row["sentence"], cluster=row["client_id"], group=row.get("accents", ""))  # fmt: skip


BENCHMARKS = tuple(
    listening(
        f"asr.common_voice_{locale}",
        "common_voice",
        partial(lines, locale=locale),
        locale,
        mirror=(f"**/{locale}/test*.parquet", f"**/{locale}/test/*.parquet"),
        published=metric,
        layout=f"cv-corpus-VERSION/{locale}/test.tsv and clips/*.mp3",
        licence="CC0",
        assumption="the published tables do not say which release they used",
    )
    for locale, metric in (("en", "wer"), ("yue", "cer"))
)
