"""nano's held-out sets in the stages of every benchmark: what is right is right, what is deaf is wrong."""

from pathlib import Path

import pytest

from antiphon.data.engines import catalogue
from antiphon.eval.benchmarks.catalogue import chosen
from antiphon.eval.running import run_benches, score_run
from antiphon.eval.sets import build
from antiphon.eval.sounds import audio_of
from antiphon.eval.stages import read_bench, read_data

NAMES = ["nano.tools", "nano.answers", "nano.asr_en"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not catalogue.find("espeak").installed() or not catalogue.find("flite").installed():
        pytest.skip("the Debian packages espeak-ng and flite are not installed")
    made = tmp_path_factory.mktemp("data")
    sets = ["tools-yes-slots", "tools-no-slots", "memory-slots", "asr-seen-en"]
    assert all(done.clips == 2 for _, done in build(made / "nano", 2, sets))
    return made


def test_sets_are_read_and_judged(data: Path, tmp_path: Path) -> None:
    for way in ("perfect", "deaf"):
        run_benches(data, tmp_path / way, NAMES, f"oracle#{way}", cache=tmp_path / "cache", quiet=True)
        report = score_run(tmp_path / way, "none", "oracle", cache=tmp_path / "cache")
        found = {name: next(one for one in scored.results if one.is_headline) for name, scored in report.items()}
        assert {name: one.n for name, one in found.items()} == {"nano.tools": 4, "nano.answers": 2, "nano.asr_en": 2}
        right = (100.0, 100.0) if way == "perfect" else (50.0, 0.0)  # a deaf one calls no tool, which is right at times
        assert (found["nano.tools"].value, found["nano.answers"].value) == right
        assert (found["nano.asr_en"].value == 0.0) == (way == "perfect")


def test_turns_are_heard_one_by_one(data: Path) -> None:
    (bench,) = chosen(["nano.answers"])
    items, problems = read_bench(bench, read_data(data))
    assert not problems and all(item.asked == tuple(range(len(item.turns))) and len(item.turns) > 1 for item in items)
    for item in items:
        for turn in item.turns:
            assert turn.sound is not None and audio_of(turn.sound).duration_s == pytest.approx(turn.sound.seconds)
