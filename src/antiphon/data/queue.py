"""A queue of jobs that survives anything: which are waiting, which are done, and what they came to, in SQLite.

Only the run that holds the folder writes here. A job that was running when the run was killed is simply waiting again:
jobs are idempotent, so doing one twice does no harm.
"""

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from antiphon.errors import CapacityError

SCHEMA = """
create table if not exists jobs (
    number integer primary key, id text not null, state text not null default 'waiting',
    clips integer not null default 0, refused integer not null default 0,
    audio_s real not null default 0, cpu_s real not null default 0
)
"""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a job came to: clips kept and refused, seconds of sound, and of CPU time with that of the engines."""

    number: int
    clips: int
    refused: int
    audio_s: float
    cpu_s: float


class Queue:
    """The jobs of one folder; a context that closes its file."""

    def __init__(self, path: Path):
        self.file = sqlite3.connect(path)
        self.file.execute(SCHEMA)

    def __enter__(self) -> "Queue":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def want(self, ids: Iterable[str]) -> None:
        """Have these jobs and no others, numbered in order; one whose id has changed waits again."""
        with self.file:
            wanted = list(enumerate(ids))
            self.file.execute("delete from jobs where number >= ?", (len(wanted),))
            for number, name in wanted:
                self.file.execute("delete from jobs where number = ? and id != ?", (number, name))
                self.file.execute("insert or ignore into jobs (number, id) values (?, ?)", (number, name))

    def again(self, number: int) -> None:
        """Let a job wait again, because what it made is not there any more, or not whole."""
        with self.file:
            self.file.execute("update jobs set state = 'waiting' where number = ?", (number,))

    def finish(self, done: Done) -> None:
        """Note that a job is done."""
        with self.file:
            self.file.execute(
                "update jobs set state = 'done', clips = ?, refused = ?, audio_s = ?, cpu_s = ? where number = ?",
                (done.clips, done.refused, done.audio_s, done.cpu_s, done.number),
            )

    def numbers(self, state: str) -> list[int]:
        """The jobs in a state, "waiting" or "done", in order."""
        return [n for (n,) in self.file.execute("select number from jobs where state = ? order by number", (state,))]

    def total(self) -> Done:
        """The sum of all jobs that are done; its `number` counts them."""
        row = self.file.execute(
            "select count(*), total(clips), total(refused), total(audio_s), total(cpu_s) from jobs where state = 'done'"
        ).fetchone()
        return Done(number=row[0], clips=int(row[1]), refused=int(row[2]), audio_s=row[3], cpu_s=row[4])


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no other run writes there; the hold ends with the process, however that ends.

    Raises:
        CapacityError: another run holds it.
    """
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CapacityError(f"another run is at work on {folder}; wait for it, or give another folder.") from error
        yield
