"""Two runs side by side; published figures add up, and where they do not, that is known."""

from pathlib import Path

import pytest

from antiphon.errors import ConfigError
from antiphon.eval.compare import compare, distances, told, told_distances
from antiphon.eval.published import SOURCES, averages, contradictions, figures
from tests.eval.conftest import Measure


def test_published_averages_follow_from_their_parts_but_for_those_that_are_known() -> None:
    found = averages()
    outliers = {(one.bench, one.system) for one in found if not one.follows}
    assert outliers == {("uro_bench.zh.pro", "Step-Audio-AQAA"), ("mmau_v05.15.25_test_mini", "Audio Flamingo 3")}
    uro = [one for one in found if one.bench.startswith("uro_bench")]
    assert len(uro) == 24 and sum(one.follows for one in uro) == 23
    assert sum(one.bench.startswith("asr.avg") for one in found) == 18


def test_versions_are_kept_apart() -> None:
    systems = {name: figures("stepeval_audio_paralinguistic", "avg", name).get("Step-Audio 2") for name in SOURCES}
    assert systems["readme"] == 83.09 and systems["arxiv_v2"] == 76.55 and systems["kimi_kit"] is None
    older = [one for one in averages("arxiv_v2") if not one.follows]
    assert {one.bench for one in older} == {"uro_bench.zh.basic"}  # another track, of six sets
    assert figures("stepeval_audio_toolcall", "weather.type_accuracy")["Step-Audio 2"] == 90.5
    with pytest.raises(ConfigError, match="readme"):
        figures("x", "y", "blog")
    assert any("false superlative" in one["kind"] for one in contradictions("uro_bench.zh.pro"))
    assert not any(one["kind"].startswith("correct") for one in contradictions("covost2_s2tt"))


def test_a_run_against_itself_is_a_tie_and_against_a_worse_one_is_not(measure: Measure) -> None:
    names = ["asr.librispeech", "mmau", "covost2_s2tt", "uro_bench.en.basic", "stepeval_audio_paralinguistic"]
    good, deaf = measure(names), measure(names, "deaf")
    for one in compare(good, good):
        assert (one.verdict, one.difference.value, one.p, one.p_holm) == ("tie", 0.0, 1.0, 1.0)
    found = {one.bench: one for one in compare(good, deaf)}
    assert {one.verdict for name, one in found.items() if name.startswith("asr")} == {"first"}
    voice = found["stepeval_audio_paralinguistic"]
    assert voice.verdict == "first" and voice.p == pytest.approx(2 / 2**22) and voice.p_holm > voice.p
    assert found["uro_bench.en.basic"].difference.value == pytest.approx(80.0 - 0.0, abs=21)
    assert "| tie |" in told(compare(good, good)) and "| first |" in told(list(found.values()))


def test_other_questions_are_not_compared(measure: Measure, look: Path, tmp_path: Path) -> None:
    first = measure(["mmau"])
    second = dict(measure(["mmau"], "first-choice"))
    name = "mmau_v05.15.25_test_mini"
    from dataclasses import replace

    second[name] = replace(second[name], rows=second[name].rows[:3], answers=second[name].answers[:3])
    (one,) = compare(first, second)
    assert one.items == 3 and "3 common questions of 4 and 3" in one.warning


def test_distance_to_published_figures(measure: Measure) -> None:
    report = measure(["mmau", "asr.librispeech_clean"], "first-choice")
    found = {(one.bench, one.metric, one.system): one for one in distances(report)}
    mini = found["mmau_v05.15.25_test_mini", "accuracy (official)", "Step-Audio 2 mini"]
    assert mini.published == 73.2 and mini.is_inside
    assert mini.half_widths == pytest.approx(-1.8 / (75 - 30.0642), abs=1e-3)
    assert found["asr.librispeech_clean", "wer", "Kimi-Audio"].half_widths is None  # no spread, no width
    assert "CONTRADICTION" in told_distances(list(found.values()))
