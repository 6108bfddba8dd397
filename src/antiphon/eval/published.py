"""Published figures of other systems, with their versions kept apart, and what does not add up in them.

The README of Step-Audio 2 is `readme`; the text of July 2025 is `arxiv_v2`, whose numbers are of an older checkpoint
and, for URO-Bench in Chinese, of an older track: the two are never mixed. Averages are recomputed from their parts, and
those that do not follow from them are known.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError

__all__ = ["AVERAGES", "SOURCES", "Average", "averages", "contradictions", "figures"]

SOURCES: Mapping[str, str] = {
    "readme": "results", "arxiv_v2": "arxiv_v2_2025_07_24", "step_audio_1": "step_audio_1_readme",
    "kimi_kit": "kimi_audio_evalkit_leaderboard", "r1_5": "step_audio_r1_5_report",
}  # fmt: skip
_ASR = {
    "asr.avg_english": ("common_voice_en", "fleurs_en", "librispeech_clean", "librispeech_other"),
    "asr.avg_chinese": ("aishell1", "aishell2", "fleurs_zh", "kespeech_phase1", "wenetspeech_meeting",
                        "wenetspeech_net"),
    "asr.avg_inhouse": tuple(f"inhouse_{name}" for name in
                             ("anhui", "guangdong", "guangxi", "shanxi", "sichuan", "shanghai")),
}  # fmt: skip
# benchmark: metric of the average: weights of its parts
AVERAGES: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "stepeval_audio_paralinguistic": ("avg", dict.fromkeys(
        ("gender", "age", "timbre", "scenario", "event", "emotion", "pitch", "rhythm", "speed", "style", "vocal"), 1)),
    "mmau_v05.15.25_test_mini": ("avg", {"sound": 1, "speech": 1, "music": 1}),
    "covost2_s2tt": ("bleu_avg", {"bleu_en_zh": 1, "bleu_zh_en": 1}),
    "cvss_s2st": ("asr_bleu_avg", {"asr_bleu_en_zh": 1, "asr_bleu_zh_en": 1}),
    "uro_bench.zh.basic": ("avg", {"U": 3, "R": 4, "O": 3}),
    "uro_bench.en.basic": ("avg", {"U": 3, "R": 4, "O": 3}),
    "uro_bench.zh.pro": ("avg", {"U": 3, "R": 2, "O": 3}),
    "uro_bench.en.pro": ("avg", {"U": 5, "R": 3, "O": 4}),
}  # fmt: skip


@dataclass(frozen=True)
class Average:
    """A printed average, and what its parts give. Printed digits are 1 or 2, and rounded either way."""

    bench: str
    system: str
    printed: float
    computed: float

    @property
    def follows(self) -> bool:
        """Whether it follows from its parts, within rounding."""
        digits = 0.1 if self.bench.startswith("mmau") else 0.01
        return abs(self.printed - self.computed) <= digits + 1e-9


def figures(bench: str, metric: str, source: str = "readme") -> dict[str, float]:
    """What each system is said to have reached; nothing where nothing was published.

    Raises:
        ConfigError: there is no such source.
    """
    found = {system: values.get(metric) for system, values in _results(source).get(bench, {}).items()}
    return {system: float(value) for system, value in found.items() if value is not None}


def averages(source: str = "readme") -> list[Average]:
    """Every printed average whose parts are printed too."""
    results, found = _results(source), list[Average]()
    for bench, (metric, weights) in AVERAGES.items():
        for system, values in results.get(bench, {}).items():
            parts = [values.get(part) for part in weights]
            if values.get(metric) is not None and None not in parts:
                total = sum(weight * part for weight, part in zip(weights.values(), parts, strict=True))
                found.append(Average(bench, system, values[metric], total / sum(weights.values())))
    for bench, sets in _ASR.items():
        for system, values in results.get(bench, {}).items():
            ((metric, printed),) = values.items()
            parts = [results.get(f"asr.{name}", {}).get(system, {}).get(metric) for name in sets]
            if printed is not None and None not in parts:
                found.append(Average(bench, system, printed, sum(parts) / len(parts)))
    return found


def contradictions(bench: str = "") -> list[Mapping[str, Any]]:
    """What articles say and the tables do not; of one benchmark, what names its figures."""
    told: list[Mapping[str, Any]] = _published()["article_contradictions"]
    words = {"stepeval_audio_paralinguistic": "paralinguistic", "mmau_v05.15.25_test_mini": "MMAU",
             "covost2_s2tt": "CoVoST", "cvss_s2st": "Speech-to-Speech",
             "stepeval_audio_toolcall": "Toolcall"}  # fmt: skip
    word = words.get(bench, "URO" if bench.startswith("uro") else "WER" if bench.startswith("asr") else bench)
    return [one for one in told if not one["kind"].startswith("correct") and word in one["claim"]]


def _results(source: str) -> Mapping[str, Any]:
    if source not in SOURCES:
        raise ConfigError(f"there is no source {source!r} of published figures; the sources are {', '.join(SOURCES)}.")
    told = _published()
    found: Mapping[str, Any] = told["results"] if source == "readme" else told["other_sources"][SOURCES[source]]
    return found


@cache
def _published() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))
    return found
