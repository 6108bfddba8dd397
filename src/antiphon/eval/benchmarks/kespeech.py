"""KeSpeech: Mandarin and eight of its dialects, with a table by dialect."""

from collections.abc import Iterator

from antiphon.eval.benchmark import Benchmark
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts


def read(source: Source) -> Iterator[Item]:
    """`Tasks/ASR/test`; the paths of `wav.scp` begin at the root, and those of phase 1 alone are taken."""
    scp = source.find("KeSpeech/Tasks/ASR/test/wav.scp", "Tasks/ASR/test/wav.scp")
    root = scp.parents[3]
    texts, speakers, dialects = (
        {key: value for _, key, value in source.pairs(scp.with_name(name))}
        for name in ("text", "utt2spk", "utt2subdialect")
    )
    for line, key, place in source.pairs(scp):
        if "/phase1/" not in place:
            continue
        if key not in texts:
            source.fault(scp, line, f"no transcript of {key}", "a line of `text` for every recording")
            continue
        sound = source.sound(root / place, scp, line)
        if sound and source.is_new(key, scp, line):
            yield heard_item(key, sound, LISTEN, texts[key], "zh", cluster=speakers.get(key, key),
                             group=dialects.get(key, ""))  # fmt: skip


BENCHMARKS = (
    Benchmark(
        name="asr.kespeech_phase1",
        family="kespeech",
        read=read,
        scorer=Transcripts(published="cer"),
        layout="KeSpeech/Tasks/ASR/test/{wav.scp,text,utt2spk,utt2subdialect} and Audio/",
        licence="academic, by signed agreement",
        assumption="no test split is called phase 1: taken are the test recordings whose path holds /phase1/",
    ),
)
