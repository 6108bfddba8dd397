"""Any set of recordings and their words: accents, a field's own terms, a user's calls.

One JSON object a line: `{"id": "a1", "audio": "a1.wav", "text": "...", "lang": "zh", "start": 0, "end": 2.5, "group":
"Sichuan", "speaker": "s1"}`; `start`, `end`, `group` and `speaker` may be left out. The in-house accents of the
published tables were never released, and nothing measured here goes by their names.
"""

from collections.abc import Iterator

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Fields, Source

NEEDED: Fields = {"id": str, "audio": str, "text": str, "lang": str}


def lines(source: Source) -> Iterator[Line]:
    """`manifest.jsonl`, and the recordings relative to it."""
    file = source.find("manifest.jsonl")
    for line, row in source.objects(file, NEEDED):
        try:
            begin, end = float(row.get("start") or 0), None if row.get("end") is None else float(row["end"])
        except (TypeError, ValueError):
            source.fault(file, line, f"start {row.get('start')!r}, end {row.get('end')!r}", "seconds")
            continue
        yield Line(file=file, line=line, key=row["id"], path=file.parent / row["audio"], begin_s=begin, end_s=end,
                   text=row["text"], language=row["lang"], group=str(row.get("group", "")),
                   cluster=str(row.get("speaker", row["id"])))  # fmt: skip


BENCHMARKS = (
    listening("asr.manifest", "manifest", lines, "", licence="your own",
              layout="manifest.jsonl and the recordings that it names"),
)  # fmt: skip
