"""WenetSpeech: Mandarin of the net and of meetings, cut out of long recordings by time."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Fields, Source

SEGMENT: Fields = {"sid": str, "begin_time": (int, float), "end_time": (int, float), "subsets": list, "text": str}


def lines(source: Source, subset: str) -> Iterator[Line]:
    """`WenetSpeech.json`: recordings, each with its segments and the subsets that they belong to."""
    file = source.find("WenetSpeech/WenetSpeech.json", "WenetSpeech.json")
    for _, recording in source.entries(file, {"aid": str, "path": str, "segments": list}, under="audios"):
        for segment in recording["segments"]:
            if not source.fits(segment, SEGMENT, file, 0, f"a segment of {recording['aid']}"):
                continue
            if subset not in segment["subsets"]:
                continue
            begin, end = float(segment["begin_time"]), float(segment["end_time"])
            if end <= begin:
                source.fault(file, 0, f"{segment['sid']} from {begin} to {end} s", "an end after its begin")
                continue
            yield Line(file=file, line=0, key=segment["sid"], path=file.parent / recording["path"], begin_s=begin,
                       end_s=end, text=segment["text"], cluster=recording["aid"])  # fmt: skip


BENCHMARKS = tuple(
    listening(
        f"asr.wenetspeech_{subset}",
        "wenetspeech",
        partial(lines, subset=f"TEST_{subset.upper()}"),
        "zh",
        mirror=(f"**/*test*{subset}*.parquet", f"**/*test*{subset}*/*.parquet"),
        published="cer",
        layout="WenetSpeech/WenetSpeech.json and audio/**/*.opus",
        licence="CC BY 4.0 for what is described, the sound by its own terms",
        size=size,
    )
    for subset, size in (("net", 24_774), ("meeting", 8_370))
)
