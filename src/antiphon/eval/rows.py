"""Files of rows that are only ever added to, so that a killed run loses its last line and nothing else.

A row is a JSON object on a line of its own, with a `key`. It is written in one piece, and what was costly reaches the
disk before the next row is begun. A last line that was cut off is removed when the file is opened again, and said so; a
line in the middle that cannot be read is an error, since something else wrote there.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from antiphon.errors import InputError

__all__ = ["Rows", "locked", "read_rows", "write_whole"]

Row = dict[str, Any]


def read_rows(path: Path) -> tuple[list[Row], str]:
    """All rows of a file, and what its last line holds if that was cut off. No file has no rows.

    Raises:
        InputError: a line that is not the last is no JSON object.
    """
    rows, rest = list[Row](), ""
    if not path.exists():
        return rows, rest
    data = path.read_bytes()
    whole, _, tail = data.rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: found {line[:60]!r}, expected a JSON object; remove the line.")
        rows.append(row)
    return rows, tail.decode(errors="replace")


class Rows:
    """An open file of rows, for one writer; every so many rows, and at the end, all are safe on the disk."""

    def __init__(self, path: Path, safe_every: int = 1) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._safe_every, self._unsafe = path, safe_every, 0
        self.rows, self.cut_off = read_rows(path)
        if self.cut_off:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size - len(path.read_bytes().rpartition(b"\n")[2]))
        self.keys = {str(row["key"]) for row in self.rows}
        self._file = path.open("ab")

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row, unless one of its key is there."""
        key = str(row["key"])
        if key in self.keys:
            return
        self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self.keys.add(key)
        self._unsafe += 1
        if self._unsafe >= self._safe_every:
            self._make_safe()

    def _make_safe(self) -> None:
        os.fsync(self._file.fileno())
        self._unsafe = 0

    def __enter__(self) -> "Rows":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._make_safe()
        self._file.close()


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, now or as soon as it is free; a process that dies lets go of it.

    Raises:
        InputError: another process holds it.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            raise InputError(f"{path} is held by another process; wait for it or give another shard.") from error
        yield


def write_whole(path: Path, text: str) -> None:
    """Write a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
