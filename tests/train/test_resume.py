"""Whatever kills a run, at any point, on one rank or two: started again, it ends with the same weights to the bit."""

import hashlib
from pathlib import Path

import pytest

from antiphon.train.log import read_log
from antiphon.train.run import Run
from antiphon.train.weights import FILE
from tests.train import children
from tests.train.children import KILLED, kill_at
from tests.train.tiny import Options, run

# between checkpoints, which are made after 3, 6, 9 and 12 steps; the first, the last and both sides of a boundary
DEATHS = [("forward", 0), ("forward", 1), ("update", 2), ("save", 3), ("update", 4), ("rename", 6)]
DEATHS += [("prune", 9), ("forward", 9), ("update", 11), ("save", 12), ("weights", 12)]


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def told(folder: Path) -> list[dict[str, object]]:
    """The log without its times."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_log(folder)]


def torn(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.name.startswith(("tmp-", "old-")) or p.suffix == ".part"]


def survive(whole: Path, killed: Path, what: Run, size: int, deaths: list[tuple[str, int]]) -> None:
    assert children.train(what, whole, size=size) == []
    for number, (where, step) in enumerate(deaths):
        rank = 0 if where in ("save", "rename", "prune", "weights") else number % size  # the first rank's work
        assert children.train(what, killed, size=size, arm=(kill_at, (where, step, rank))) == [str(KILLED)], where
        assert not (killed / FILE).exists()
    assert children.train(what, killed, size=size) == []
    assert digest(killed) == digest(whole)
    assert told(killed) == told(whole)
    assert torn(killed) == []


def test_one_rank_killed_anywhere(tmp_path: Path) -> None:
    survive(tmp_path / "whole", tmp_path / "killed", run(), 1, DEATHS)


def test_two_turns_killed_between_their_updates(tmp_path: Path) -> None:
    what = run(options=Options(turns=2, dropout=0.1), steps=5)
    survive(tmp_path / "whole", tmp_path / "killed", what, 1, [("update", 1), ("update", 4)])


@pytest.mark.slow
def test_two_ranks_killed_anywhere(tmp_path: Path) -> None:
    survive(tmp_path / "whole", tmp_path / "killed", run(), 2, DEATHS)


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    what = run(steps=2)
    assert children.train(what, tmp_path) == []
    before = (digest(tmp_path), read_log(tmp_path))
    assert children.train(what, tmp_path) == []
    assert (digest(tmp_path), read_log(tmp_path)) == before
