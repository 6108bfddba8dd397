"""Checkpoints that are whole or not there, written by all ranks together.

    tmp-00000020/  every rank's tensors, synced ── COMPLETE ── rename ──> step-00000020/ ── then old ones go

Whoever dies at any point leaves the last `step-*` that holds COMPLETE, and remains (`tmp-*`, `old-*`) that the next
start clears away. An old checkpoint is renamed before it is deleted, so that a half-deleted one is never read. Tensors
are sharded by torch's distributed checkpoint: what two ranks wrote, one can read.
"""

import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter

from antiphon.errors import AntiphonError, CapacityError, WeightsError
from antiphon.train.ranks import Ranks

COMPLETE, FACTS = "COMPLETE", "facts.json"
Facts = dict[str, Any]  # what is no tensor: the step, counters, the history's hash


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The checkpoints of one run."""

    folder: Path
    ranks: Ranks
    keep: int = 2

    def steps(self) -> list[int]:
        """The steps of all complete checkpoints, in order."""
        return sorted(int(p.name.split("-")[1]) for p in self.folder.glob("step-*") if (p / COMPLETE).exists())

    def clear(self) -> None:
        """Remove what an interrupted save or prune left; by the first rank, before anything else."""
        for path in [*self.folder.glob("tmp-*"), *self.folder.glob("old-*")]:
            shutil.rmtree(path)

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Facts) -> None:
        """Write a checkpoint; all ranks call this. Raises CapacityError on all if one cannot write."""
        tmp, final = self.folder / f"tmp-{step:08d}", self._path(step)
        trouble: AntiphonError | None = None
        try:
            if self.ranks.is_first:
                shutil.rmtree(tmp, ignore_errors=True)
                tmp.mkdir(parents=True)
        except OSError as error:
            trouble = self._full(step, error)
        self._agree(trouble, tmp)
        try:
            write_tensors(tmp, tensors, self.ranks)
            if self.ranks.is_first:
                seal(tmp, facts)
                publish(tmp, final)
        except (OSError, RuntimeError, CheckpointException) as error:
            trouble = self._full(step, error)
        self._agree(trouble, tmp)

    def load(self, step: int, tensors: Mapping[str, Tensor]) -> Facts:
        """Fill `tensors` in place from a checkpoint, whatever number of ranks wrote it. Raises WeightsError."""
        path = self._path(step)
        try:
            read_tensors(path, tensors, self.ranks)
            facts: Facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
        except (OSError, RuntimeError, ValueError, CheckpointException) as error:
            raise WeightsError(
                f"the checkpoint {path} cannot be read ({_reason(error)}); move it away to go on from the one before."
            ) from error
        return facts

    def prune(self, best: int | None) -> None:
        """Remove all but the newest `keep` and the best; by the first rank."""
        if self.ranks.is_first:
            for step in self.steps()[: -self.keep]:
                if step != best:
                    remove(self._path(step))

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def _agree(self, trouble: AntiphonError | None, tmp: Path) -> None:
        try:
            self.ranks.agree(trouble)
        except AntiphonError:
            if self.ranks.is_first:
                shutil.rmtree(tmp, ignore_errors=True)
            raise

    def _full(self, step: int, error: BaseException) -> CapacityError:
        held = self.steps()
        last = f"the last good one is of step {held[-1]}" if held else "there is none before it"
        return CapacityError(
            f"the checkpoint of step {step} could not be written to {self.folder} ({_reason(error)}); {last}: make "
            "room and start the same command again."
        )


def write_tensors(folder: Path, tensors: Mapping[str, Tensor], ranks: Ranks) -> None:
    """Every rank's share, synced to the disk."""
    writer = FileSystemWriter(folder, single_file_per_rank=True, sync_files=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # one rank: yes
        state_dict_saver.save(dict(tensors), storage_writer=writer, no_dist=ranks.size == 1)


def read_tensors(folder: Path, tensors: Mapping[str, Tensor], ranks: Ranks) -> None:
    """This rank's share of what any number of ranks wrote, into `tensors`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        state_dict_loader.load(dict(tensors), storage_reader=FileSystemReader(folder), no_dist=ranks.size == 1)


def seal(folder: Path, facts: Facts) -> None:
    """Say that a folder is complete; all else in it is on the disk by then."""
    for name, text in ((FACTS, json.dumps(facts)), (COMPLETE, "")):
        with open(folder / name, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)


def publish(tmp: Path, final: Path) -> None:
    """Give a sealed folder its name, in one move."""
    if final.exists():  # a folder without COMPLETE is not a checkpoint
        remove(final)
    os.rename(tmp, final)
    sync_folder(final.parent)


def remove(path: Path) -> None:
    """Take a checkpoint's name away, then delete it."""
    old = path.with_name(path.name.replace("step-", "old-"))
    os.rename(path, old)
    shutil.rmtree(old)


def sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: BaseException) -> str:
    """What went wrong, in the words of whoever noticed first."""
    if isinstance(error, CheckpointException):
        error = next(iter(error.failures.values()))[0]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).splitlines()[0] if str(error) else type(error).__name__
