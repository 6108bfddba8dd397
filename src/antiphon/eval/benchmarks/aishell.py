"""AISHELL-1 and AISHELL-2: read Mandarin. The published tables' AISHELL-2 is the iOS recordings."""

from collections.abc import Iterator

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Source


def lines_1(source: Source) -> Iterator[Line]:
    """`data_aishell/wav/test/SPEAKER/*.wav`; one transcript for all splits, its words parted by spaces."""
    file = source.find("data_aishell/transcript/aishell_transcript_v0.8.txt", "transcript/aishell_transcript_v0.8.txt")
    recordings = {found.stem: found for found in (file.parent.parent / "wav" / "test").glob("*/*.wav")}
    told = set()
    for line, key, text in source.pairs(file):
        if key not in recordings:
            continue  # of another split
        told.add(key)
        yield Line(file=file, line=line, key=key, path=recordings[key], text="".join(text.split()),
                   cluster=recordings[key].parent.name)  # fmt: skip
    for key in sorted(set(recordings) - told):
        source.fault(file, 0, f"no line for the recording {key}", "a transcript of every recording of the split")


def lines_2(source: Source) -> Iterator[Line]:
    """`AISHELL-2/iOS/test/wav.scp` and `trans.txt`."""
    scp = source.find("AISHELL-2/iOS/test/wav.scp", "iOS/test/wav.scp")
    texts = {key: text for _, key, text in source.pairs(scp.with_name("trans.txt"))}
    for line, key, place in source.pairs(scp):
        if key not in texts:
            source.fault(scp, line, f"no transcript of {key}", "a line of trans.txt for every recording")
            continue
        path = scp.parent / place
        yield Line(file=scp, line=line, key=key, path=path, text=texts[key], cluster=path.parent.name)


MIRROR = ("**/test*.parquet", "**/test/*.parquet")
BENCHMARKS = (
    listening(
        "asr.aishell1", "aishell1", lines_1, "zh", mirror=MIRROR, published="cer", licence="Apache-2.0", size=7176,
        layout="data_aishell/wav/test/SPEAKER/*.wav and transcript/aishell_transcript_v0.8.txt",
    ),
    listening(
        "asr.aishell2", "aishell2", lines_2, "zh", mirror=MIRROR, published="cer", licence="academic, by application",
        size=5000, layout="AISHELL-2/iOS/test/{wav.scp,trans.txt,wav/}",
    ),
)  # fmt: skip
