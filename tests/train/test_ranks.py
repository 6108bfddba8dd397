"""Two ranks are one: the same examples, the same losses, every decision taken by both."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from antiphon.train.log import read_log
from antiphon.train.loop import Trainer
from antiphon.train.pack import micro_batches, share
from antiphon.train.ranks import Ranks
from antiphon.train.run import Run
from antiphon.train.weights import FILE
from tests.train import children
from tests.train.tiny import Options, run

ROOT = Path(__file__).parents[2]
CALM = Options(per_step=2)  # dropout differs between ranks


def told(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_log(folder) if "loss" in line]


def agree(one: Path, two: Path) -> None:
    for a, b in zip(told(one), told(two), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-5)
        assert (a["seen"], a["count"], a["skipped"]) == (b["seen"], b["count"], b["skipped"])
    weights = load_file(one / FILE), load_file(two / FILE)
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0].keys() - {"heard"}:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=0, atol=1e-4, msg=name)


def heard_by(what: Run, tmp_path: Path) -> list[list[set[str]]]:
    """For each step, the sources that each of two ranks has."""
    trainer = Trainer(what, tmp_path / "look", Ranks())
    groups = [micro_batches(trainer.stage.items(step), what.micro_size) for step in range(what.steps)]
    sources = [[share(g, rank, 2) for rank in range(2)] for g in groups]
    return [[{i.id.split("-")[0] for m in micros for i in m.items} for micros in step] for step in sources]


@pytest.mark.slow
def test_one_rank_and_two_see_and_learn_the_same(tmp_path: Path) -> None:
    what = run(options=CALM)
    heard = heard_by(what, tmp_path)
    assert [{"text"}, {"audio"}] in heard and [{"audio"}, {"text"}] in heard  # one has no sound, one no text
    assert children.train(what, tmp_path / "one") == []
    assert children.train(what, tmp_path / "two", size=2) == []
    agree(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_fewer_micro_batches_than_ranks(tmp_path: Path) -> None:
    what = run(options=Options(per_step=1), steps=4)
    assert children.train(what, tmp_path / "one") == []
    assert children.train(what, tmp_path / "two", size=2) == []
    agree(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_what_two_ranks_saved_one_goes_on_from(tmp_path: Path) -> None:
    what = run(options=CALM)
    assert children.train(what, tmp_path / "one") == []
    arm = (children.kill_at, ("update", 7, 1))
    assert children.train(what, tmp_path / "two", size=2, arm=arm) == [str(children.KILLED)]
    assert children.train(what, tmp_path / "two", size=1) == []
    agree(tmp_path / "one", tmp_path / "two")


def poison(rank: int, steps: tuple[int, ...]) -> Callable[[Trainer], None]:
    """Losses of these steps are no numbers, on one rank only (-1: on all)."""

    def arm(trainer: Trainer) -> None:
        real = trainer.stage.losses

        def losses(batch: Any, turn: str, step: int) -> Any:
            bad = step in steps and rank in (-1, trainer.ranks.rank)
            return {n: t * (float("nan") if bad else 1.0) for n, t in real(batch, turn, step).items()}

        trainer.stage.losses = losses  # type: ignore[method-assign]

    return arm


@pytest.mark.slow
def test_what_is_not_finite_on_one_rank_is_skipped_by_both(tmp_path: Path) -> None:
    what = run(options=CALM, steps=6)
    assert children.train(what, tmp_path / "one", arm=(poison, (-1, (2, 3)))) == []
    assert children.train(what, tmp_path / "two", size=2, arm=(poison, (1, (2, 3)))) == []
    agree(tmp_path / "one", tmp_path / "two")
    assert told(tmp_path / "two")[-1]["skipped"] == 2
    endless = (poison, (1, tuple(range(99))))
    errors = children.train(run(options=CALM, patience=4), tmp_path / "end", size=2, arm=endless)
    assert len(errors) == 2 and all("4 steps in a row" in e for e in errors)


@pytest.mark.slow
def test_two_turns_on_two_ranks(tmp_path: Path) -> None:
    what = run(options=Options(turns=2), steps=4)
    assert children.train(what, tmp_path / "one") == []
    assert children.train(what, tmp_path / "two", size=2) == []
    agree(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    options = ["--folder", str(tmp_path), "--set", "steps=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def torchrun(recipe: str) -> subprocess.CompletedProcess[str]:
        command = [*start, "antiphon.train", recipe, *options]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)

    done = torchrun("tests/train/tiny.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "trained: tiny, more"
    assert (tmp_path / "more" / FILE).exists() and [line["step"] for line in told(tmp_path / "tiny")] == [1, 2]
    wrong = torchrun("tests/train/tinny.py")
    assert wrong.returncode != 0 and wrong.stderr.count("antiphon: found no recipe at") == 1
