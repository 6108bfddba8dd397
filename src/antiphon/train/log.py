"""What a run tells while it goes: JSON lines always, TensorBoard where it is installed, a bar for whoever watches.

A run that goes on from a checkpoint first cuts its log back to that step, so the log of a run that was killed and
started again holds every step once.

The lines are the log, and a run whose lines cannot be written ends. The board and the bar only show them once more:
where these fail (TensorBoard writes from a thread of its own, which finds a full disk at any time) the run goes on.
"""

import json
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from antiphon.train.room import room_for
from antiphon.train.stage import Sample

FILE, SAMPLES, BOARD = "log.jsonl", "samples", "tensorboard"
Line = Mapping[str, Any]


class Log:
    """The log of one run; on ranks that are not the first it says nothing."""

    def __init__(self, folder: Path, *, name: str, step: int, steps: int, speaks: bool) -> None:
        self.folder, self.speaks = folder, speaks
        self.path = folder / FILE
        self.begun = time.monotonic()
        if speaks:
            with room_for(self.path):
                _cut_back(self.path, step)
        self.board = _board(folder, step) if speaks else None
        # without a terminal there is no bar; with one it shows the time left
        self.bar = tqdm(total=steps, initial=step, desc=name, unit="step", disable=None if speaks else True)

    def write(self, step: int, line: Line) -> None:
        """One line, with the step and the seconds since this process began. Raises CapacityError on a full disk."""
        if not self.speaks:
            return
        held = {"step": step, **line, "seconds": round(time.monotonic() - self.begun, 2)}
        with room_for(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(held, ensure_ascii=False) + "\n")
        self._show(step, line)
        if losses := line.get("loss"):
            self.bar.set_postfix({name: f"{value:.3f}" for name, value in losses.items()}, refresh=False)

    def _show(self, step: int, line: Line) -> None:
        """A line on the board, if there is one; a board that fails is given up."""
        if self.board is None:
            return
        try:
            for name, value in flat(line):
                self.board.add_scalar(name, value, step)
        except OSError as error:
            warnings.warn(f"TensorBoard cannot write ({error}); from step {step} on only {FILE} tells.", stacklevel=2)
            self.board = None

    def write_samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Each sample as a sound and a text beside it, and one line in the log. Raises CapacityError on a full disk."""
        if not self.speaks or not samples:
            return
        folder = self.folder / SAMPLES / f"step-{step:08d}"
        with room_for(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for s in samples:
                name = s.name.replace("/", "-")
                told = {"expected": s.expected, "text": s.text, "error_rate": s.error_rate}
                (folder / f"{name}.json").write_text(json.dumps(told, ensure_ascii=False, indent=2), encoding="utf-8")
                if s.audio is not None:
                    s.audio.write(folder / f"{name}.wav")
        rates = [s.error_rate for s in samples if s.error_rate is not None]
        mean = {"error_rate": sum(rates) / len(rates)} if rates else {}
        self.write(step, {"samples": {"written": len(samples), **mean}})

    def advance(self) -> None:
        """One step more on the bar."""
        self.bar.update()

    def close(self) -> None:
        """The end of the run, or of this process's part in it. It may end for want of room: nothing may hide that."""
        with suppress(OSError):
            self.bar.close()
        with suppress(OSError):
            if self.board:
                self.board.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log; a last line that was cut off by a kill is left out."""
    path = folder / FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def flat(line: Line, prefix: str = "") -> list[tuple[str, float]]:
    """The numbers of a line, by path."""
    found: list[tuple[str, float]] = []
    for name, value in line.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            found.append((f"{prefix}{name}", float(value)))
    return found


def _cut_back(path: Path, step: int) -> None:
    if path.exists():
        kept = [line for line in read_log(path.parent) if line["step"] <= step and step]
        part = path.with_suffix(".part")
        part.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept), encoding="utf-8")
        os.replace(part, path)


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:  # an extra
        return None
    with room_for(folder / BOARD):
        return SummaryWriter(str(folder / BOARD), purge_step=step)
