"""Small data sets in every layout, made once; a run of some of them in a few words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from antiphon.eval.lookalike import build
from antiphon.eval.running import run_benches, score_run
from antiphon.eval.scoring import Report

Measure = Callable[..., Report]


@pytest.fixture(scope="session")
def look(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets and their oracle."""
    folder = tmp_path_factory.mktemp("lookalikes")
    build(folder)
    return folder


@pytest.fixture
def measure(look: Path, tmp_path: Path) -> Measure:
    """Run and score benchmarks with an oracle that errs in some way."""

    def made(names: list[str], way: str = "perfect", data: Path = look, judge: str = "stub") -> Report:
        out = tmp_path / f"run-{way}"
        run_benches(data, out, names, f"oracle:{look / 'oracle.jsonl'}#{way}", cache=tmp_path / "cache", quiet=True)
        return score_run(out, judge, "oracle", cache=tmp_path / "cache")

    return made
