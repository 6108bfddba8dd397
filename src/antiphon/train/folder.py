"""The folder of a run: one training at a time, of one recipe.

    run.json  the run            log.jsonl  losses.png  tensorboard/  samples/  what it is like
    checkpoints/  to go on from      model.safetensors  its finished weights
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from antiphon.errors import AntiphonError, CapacityError, ConfigError, InputError
from antiphon.train.ranks import Ranks
from antiphon.train.run import Run, differences
from antiphon.train.weights import FILE, RUN

LOCK, CHECKPOINTS = "lock", "checkpoints"
FREE = {"log_every", "save_every", "eval_every", "sample_every", "keep", "patience"}  # may differ when a run goes on


@contextmanager
def claimed(folder: Path, run: Run, ranks: Ranks) -> Iterator[None]:
    """Hold a run's folder against other trainings until the end of the block, or of the process.

    Raises InputError if another training is at work there, ConfigError if what is there is of another recipe.
    """
    trouble: AntiphonError | None = None
    handle: int | None = None
    if ranks.is_first:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _be_the_same(folder, run)
        except BlockingIOError:
            trouble = InputError(f"another training is at work in {folder}; wait for its end, or name another folder.")
        except OSError as error:
            trouble = CapacityError(f"{folder} cannot be written ({error.strerror}); make room or name another folder.")
        except AntiphonError as error:
            trouble = error
    try:
        ranks.agree(trouble)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def is_finished(folder: Path) -> bool:
    """Whether a run has come to its end."""
    return (folder / FILE).exists()


def _be_the_same(folder: Path, run: Run) -> None:
    """Refuse to go on from another recipe; else write down the run."""
    path = folder / RUN
    begun = is_finished(folder) or any((folder / CHECKPOINTS).glob("step-*"))
    if begun and path.exists():
        found = differences(json.loads(path.read_text(encoding="utf-8")), json.loads(run.to_json()))
        found = [d for d in found if d[0] not in FREE]
        if found:
            name, there, here = found[0]
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise ConfigError(
                f"{folder} holds another recipe's checkpoints: {name} is {there!r} there and {here!r} here{more}; "
                "name another folder, or undo the change."
            )
    part = path.with_suffix(".part")
    part.write_text(run.to_json(), encoding="utf-8")
    os.replace(part, path)
