"""AISHELL-1 and AISHELL-2: read Mandarin. The published tables' AISHELL-2 is the iOS recordings."""

from collections.abc import Iterator

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts


def read_1(source: Source) -> Iterator[Item]:
    """`data_aishell/wav/test/SPEAKER/*.wav`; one transcript for all splits, its words parted by spaces."""
    path = source.find("data_aishell/transcript/aishell_transcript_v0.8.txt", "transcript/aishell_transcript_v0.8.txt")
    recordings = {found.stem: found for found in (path.parent.parent / "wav" / "test").glob("*/*.wav")}
    told = set()
    for line, key, text in source.pairs(path):
        if key not in recordings:
            continue  # of another split
        told.add(key)
        sound = source.sound(recordings[key], path, line)
        if sound and source.is_new(key, path, line):
            yield heard_item(key, sound, LISTEN, "".join(text.split()), "zh", cluster=recordings[key].parent.name)
    for key in sorted(set(recordings) - told):
        source.fault(path, 0, f"no line for the recording {key}", "a transcript of every recording of the split")


def read_2(source: Source) -> Iterator[Item]:
    """`AISHELL-2/iOS/test/wav.scp` and `trans.txt`."""
    scp = source.find("AISHELL-2/iOS/test/wav.scp", "iOS/test/wav.scp")
    texts = {key: text for _, key, text in source.pairs(scp.with_name("trans.txt"))}
    for line, key, place in source.pairs(scp):
        if key not in texts:
            source.fault(scp, line, f"no transcript of {key}", "a line of trans.txt for every recording")
            continue
        sound = source.sound(scp.parent / place, scp, line)
        if sound and source.is_new(key, scp, line):
            yield heard_item(key, sound, LISTEN, texts[key], "zh", cluster=place.split("/")[-2])


BENCHMARKS = (
    Benchmark(
        name="asr.aishell1", family="aishell1", read=read_1, scorer=Transcripts(published="cer"),
        layout="data_aishell/wav/test/SPEAKER/*.wav and transcript/aishell_transcript_v0.8.txt", licence="Apache-2.0",
        size=7176,
    ),
    Benchmark(
        name="asr.aishell2", family="aishell2", read=read_2, scorer=Transcripts(published="cer"),
        layout="AISHELL-2/iOS/test/{wav.scp,trans.txt,wav/}", licence="academic, by application", size=5000,
    ),
)  # fmt: skip
