"""Any set of recordings and their words: accents, a field's own terms, a user's calls.

One JSON object a line: `{"id": "a1", "audio": "a1.wav", "text": "...", "lang": "zh", "start": 0, "end": 2.5, "group":
"Sichuan", "speaker": "s1"}`; `start`, `end`, `group` and `speaker` may be left out. The in-house accents of the
published tables were never released, and nothing measured here goes by their names.
"""

from collections.abc import Iterator

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts

NEEDED = ("id", "audio", "text", "lang")


def read(source: Source) -> Iterator[Item]:
    """`manifest.jsonl`, and the recordings relative to it."""
    path = source.find("manifest.jsonl")
    for line, row in source.json_lines(path):
        if not isinstance(row, dict) or any(not isinstance(row.get(name), str) for name in NEEDED):
            source.fault(path, line, f"{str(row)[:60]}", f"an object with {', '.join(NEEDED)}")
            continue
        sound = source.sound(path.parent / row["audio"], path, line, begin_s=float(row.get("start") or 0),
                             end_s=None if row.get("end") is None else float(row["end"]))  # fmt: skip
        if sound and source.is_new(row["id"], path, line):
            yield heard_item(row["id"], sound, LISTEN, row["text"], row["lang"], group=str(row.get("group", "")),
                             cluster=str(row.get("speaker", row["id"])))  # fmt: skip


BENCHMARKS = (
    Benchmark(name="asr.manifest", family="manifest", read=read, scorer=Transcripts(),
              layout="manifest.jsonl and the recordings that it names", licence="your own"),
)  # fmt: skip
