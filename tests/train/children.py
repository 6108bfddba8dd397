"""Processes that train and may be killed: forked from one server that has torch loaded, so that each starts at once."""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from antiphon.errors import AntiphonError
from antiphon.train import checkpoint, loop
from antiphon.train.loop import Trainer
from antiphon.train.ranks import joined
from antiphon.train.run import Run

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.train.tiny", "tests.train.children", "torch.distributed.fsdp", "torch._dynamo"])
PATIENCE = 300  # seconds; a hang is a failure
KILLED = -signal.SIGKILL
Arm = tuple[Callable[..., Callable[[Trainer], None]], tuple[Any, ...]]  # makes what is done to a new trainer


def die() -> None:
    """What a machine that loses its power does."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(where: str, step: int, rank: int) -> Callable[[Trainer], None]:
    """Arrange for this process to die at one point of one step. The point is wrapped from outside."""

    def arm(trainer: Trainer) -> None:
        if rank != trainer.ranks.rank:
            return
        if where == "forward":
            _before(trainer.stage, "losses", lambda: trainer.step == step)
        elif where == "update":
            for optimizer in trainer.optimizers.values():
                _before(optimizer, "step", lambda: trainer.step == step)
        elif where == "save":  # the tensors are written, nothing says so yet
            _before(checkpoint, "seal", lambda: trainer.step == step)
        elif where == "rename":
            _before(checkpoint.os, "rename", lambda: trainer.step == step)
        elif where == "prune":  # the old one has lost its name, and its files are there
            _before(checkpoint.shutil, "rmtree", lambda: trainer.step == step and _has_old(trainer))
        elif where == "weights":
            _before(loop, "write_weights", lambda: True)
        else:
            raise ValueError(where)

    return arm


def _has_old(trainer: Trainer) -> bool:
    return any(trainer.checkpoints.folder.glob("old-*"))


def _before(owner: Any, name: str, when: Callable[[], bool]) -> None:
    real = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when():
            die()
        return real(*args, **kwargs)

    setattr(owner, name, wrapped)


def _child(run: Run, folder: Path, rank: int, size: int, port: int, arm: Arm | None, said: Any) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    if arm is not None:
        real = Trainer.__init__

        def armed(self: Trainer, *args: Any) -> None:
            real(self, *args)
            arm[0](*arm[1])(self)

        Trainer.__init__ = armed  # type: ignore[method-assign]
    loop.plot = lambda folder: folder  # type: ignore[assignment]  # drawing costs more than training
    try:
        with joined() as ranks:
            loop.train(run, folder, ranks)
    except AntiphonError as error:
        said.put(f"{type(error).__name__}: {error}")


def train(run: Run, folder: Path, *, size: int = 1, arm: Arm | None = None) -> list[str]:
    """Train in `size` processes to the end, or to the death of one, which ends the others. Their errors, as text."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    said = CONTEXT.Queue()
    children = [
        CONTEXT.Process(target=_child, args=(run, folder, rank, size, port, arm, said), daemon=True)
        for rank in range(size)
    ]
    for child in children:
        child.start()
    try:
        code = _wait(children)
    finally:
        for child in children:
            child.kill()
            child.join()
    errors = []
    while not said.empty():
        errors.append(said.get())
    return errors or ([str(code)] if code else [])


def _wait(children: list[Any]) -> int:
    """Until all have ended or one has died, and the rest waits for what will not come; how the first to die died."""
    end = time.monotonic() + PATIENCE
    while True:
        running = any(child.is_alive() for child in children)
        code: int = min((child.exitcode or 0 for child in children), key=lambda c: (c >= 0, -c))
        if code or not running:
            return code
        assert time.monotonic() < end, "the ranks hang"
        time.sleep(0.01)
