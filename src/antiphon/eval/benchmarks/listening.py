"""What all benchmarks of transcription share: lines that name a recording and its words, and mirrors of them.

A benchmark says where its lines are; from there on there is one way. Hubs keep mirrors of these sets as Parquet, each
with columns of its own naming: where a benchmark's folder holds such files, they are read by the usual names.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from antiphon.eval import parquet
from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts

__all__ = ["Line", "listening"]

TEXTS = ("raw_transcription", "sentence", "text", "transcription", "transcript", "answer", "gt")
CLUSTERS = ("client_id", "speaker_id", "speaker", "id")  # an id repeats where many read one sentence


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a data set: `path` or a `member` of it is the recording, `text` its words."""

    file: Path
    line: int
    key: str
    path: Path
    text: str
    member: str = ""
    begin_s: float = 0.0
    end_s: float | None = None
    cluster: str = ""
    group: str = ""
    language: str = ""  # instead of the benchmark's


Lines = Callable[[Source], Iterator[Line]]


def listening(
    name: str, family: str, lines: Lines, language: str, *, mirror: Sequence[str] = (), **more: Any
) -> Benchmark:
    """A benchmark of transcription. `mirror` are patterns of Parquet files that may be there instead."""
    layout = more.pop("layout") + ("; or a mirror in Parquet" if mirror else "")
    scorer = Transcripts(published=more.pop("published", ""))
    read = partial(_read, lines=lines, language=language, mirror=tuple(mirror))
    return Benchmark(name=name, family=family, read=read, scorer=scorer, layout=layout, **more)


def _read(source: Source, lines: Lines, language: str, mirror: Sequence[str]) -> Iterator[Item]:
    files = source.tables(*mirror)
    found = (line for path in files for line in _mirrored(source, path)) if files else lines(source)
    for one in found:
        sound = source.sound(one.path, one.file, one.line, member=one.member, begin_s=one.begin_s, end_s=one.end_s)
        if sound and source.is_new(one.key, one.file, one.line):
            yield heard_item(one.key, sound, LISTEN, one.text, one.language or language, cluster=one.cluster,
                             group=one.group)  # fmt: skip


def _mirrored(source: Source, path: Path) -> Iterator[Line]:
    """Lines of a mirror, by the usual names of columns; a recording without a name goes by its row."""
    column = parquet.recording_in(path)
    for number, row in parquet.rows(path):
        text, name = parquet.first_of(row, TEXTS), Path(str(row.get(column, ""))).name
        if not column or not text:
            expected = f"a recording, and its words in {', '.join(TEXTS[:-1])} or {TEXTS[-1]}"
            source.fault(path, number, f"columns {', '.join(row)}", expected)
            continue
        yield Line(file=path, line=number, key=name or f"{path.stem}-{number}", path=path, text=text,
                   member=f"{number}:{column}", cluster=parquet.first_of(row, CLUSTERS),
                   group=parquet.first_of(row, ("subdialect", "accents", "accent")))  # fmt: skip
