"""A disk that is full while a checkpoint is written: one sentence, nothing half-written, the last good one intact."""

import errno
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from antiphon.errors import CapacityError
from antiphon.train import checkpoint
from antiphon.train.log import Log, read_log
from antiphon.train.loop import Trainer
from antiphon.train.weights import FILE, write_weights
from tests.train import children
from tests.train.test_resume import digest, told, torn
from tests.train.tiny import run


def no_room(step: int, num_bytes: int) -> Callable[[Trainer], None]:
    """From the checkpoint of `step` on the system lets no file grow beyond `num_bytes`."""

    def arm(trainer: Trainer) -> None:
        real = trainer.checkpoints.save

        def save(at: int, *args: Any) -> None:
            if at == step:
                resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))
            real(at, *args)

        object.__setattr__(trainer.checkpoints, "save", save)

    return arm


def no_space(name: str, step: int) -> Callable[[Trainer], None]:
    """One function of the save finds the disk full, at `step`."""

    def arm(trainer: Trainer) -> None:
        def fail(*args: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        real = getattr(checkpoint, name)
        setattr(checkpoint, name, lambda *args: (fail if trainer.step == step else real)(*args))

    return arm


def lost(name: str, step: int) -> Callable[[Trainer], None]:
    """The disk is full at `step`, and the board and the bar find that out before the run does."""

    def arm(trainer: Trainer) -> None:
        def fail(*args: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        real = Log.__init__

        def opened(self: Log, *args: Any, **kwargs: Any) -> None:
            real(self, *args, **kwargs)
            self.board, self.bar.close = SimpleNamespace(add_scalar=fail, close=fail), fail

        Log.__init__ = opened  # type: ignore[method-assign]
        no_space(name, step)(trainer)

    return arm


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with room enough."""
    folder = tmp_path_factory.mktemp("whole")
    assert children.train(run(), folder) == []
    return folder


@pytest.mark.parametrize(
    "arm",
    [
        (no_room, (6, 4000)),
        (no_room, (6, 0)),
        (no_space, ("seal", 6)),
        (no_space, ("sync_folder", 6)),
        (lost, ("seal", 6)),
    ],
)
def test_one_rank(tmp_path: Path, whole: Path, arm: children.Arm) -> None:
    (error,) = children.train(run(), tmp_path / "full", arm=arm)
    assert error.startswith("CapacityError: the checkpoint of step 6 could not be written")
    assert "the last good one is of step 3: make room" in error and "\n" not in error
    assert "File too large" in error or "No space left on device" in error
    assert [p.name for p in (tmp_path / "full" / "checkpoints").iterdir()] == ["step-00000003"] and not torn(tmp_path)
    assert children.train(run(), tmp_path / "full") == []
    assert digest(tmp_path / "full") == digest(whole) and told(tmp_path / "full") == told(whole)


def test_the_log_and_the_weights(tmp_path: Path) -> None:
    """What cannot be written is named; nothing half-written is left under its name."""
    (tmp_path / "gone").mkdir()
    log = Log(tmp_path / "gone", name="x", step=0, steps=1, speaks=True)
    if log.board:  # its own thread would find the folder gone, now or later
        log.board.close()
    shutil.rmtree(tmp_path / "gone")
    for write in (lambda: log.write(1, {}), lambda: write_weights(tmp_path / "gone", {"a": torch.zeros(2)})):
        with pytest.raises(CapacityError, match=r"gone/(log.jsonl|model.safetensors) could not be written .*make room"):
            write()
    log.close()


def test_without_a_board_the_run_goes_on(tmp_path: Path) -> None:
    log = Log(tmp_path, name="x", step=0, steps=2, speaks=True)

    def fail(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log.board = SimpleNamespace(add_scalar=fail, close=fail)
    with pytest.warns(UserWarning, match="from step 1 on only log.jsonl tells"):
        log.write(1, {"loss": {"a": 1.0}})
    log.write(2, {"loss": {"a": 0.5}})
    log.close()
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2]


@pytest.mark.slow
def test_two_ranks(tmp_path: Path) -> None:
    errors = children.train(run(), tmp_path, size=2, arm=(no_room, (6, 0)))
    assert len(errors) == 2 and all("the last good one is of step 3" in e for e in errors)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    assert children.train(run(), tmp_path, size=2) == [] and (tmp_path / FILE).exists()
