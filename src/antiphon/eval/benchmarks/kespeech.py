"""KeSpeech: Mandarin and eight of its dialects, with a table by dialect."""

from collections.abc import Iterator

from antiphon.eval.benchmarks.listening import Line, listening
from antiphon.eval.source import Source


def lines(source: Source) -> Iterator[Line]:
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
        yield Line(file=scp, line=line, key=key, path=root / place, text=texts[key], cluster=speakers.get(key, key),
                   group=dialects.get(key, ""))  # fmt: skip


BENCHMARKS = (
    listening(
        "asr.kespeech_phase1",
        "kespeech",
        lines,
        "zh",
        published="cer",
        layout="KeSpeech/Tasks/ASR/test/{wav.scp,text,utt2spk,utt2subdialect} and Audio/",
        licence="academic, by signed agreement",
        assumption="no test split is called phase 1: taken are the test recordings whose path holds /phase1/",
    ),
)
