"""WenetSpeech: Mandarin of the net and of meetings, cut out of long recordings by time."""

from collections.abc import Iterator
from functools import partial

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts


def read(source: Source, subset: str) -> Iterator[Item]:
    """`WenetSpeech.json`: recordings, each with its segments and the subsets that they belong to."""
    path = source.find("WenetSpeech/WenetSpeech.json", "WenetSpeech.json")
    for recording in source.json(path)["audios"]:
        for segment in recording["segments"]:
            if subset not in segment["subsets"]:
                continue
            begin, end = float(segment["begin_time"]), float(segment["end_time"])
            if end <= begin:
                source.fault(path, 0, f"{segment['sid']} from {begin} to {end} s", "an end after its begin")
                continue
            sound = source.sound(path.parent / recording["path"], path, 0, begin_s=begin, end_s=end)
            if sound and source.is_new(segment["sid"], path, 0):
                yield heard_item(segment["sid"], sound, LISTEN, segment["text"], "zh", cluster=recording["aid"])


BENCHMARKS = tuple(
    Benchmark(
        name=f"asr.wenetspeech_{subset}",
        family="wenetspeech",
        read=partial(read, subset=f"TEST_{subset.upper()}"),
        scorer=Transcripts(published="cer"),
        layout="WenetSpeech/WenetSpeech.json and audio/**/*.opus",
        licence="CC BY 4.0 for what is described, the sound by its own terms",
        size=size,
    )
    for subset, size in (("net", 24_774), ("meeting", 8_370))
)
