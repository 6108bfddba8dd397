"""A data set on disk, read by its own layout; what is wrong with it is named, line by line.

Two kinds of trouble. A *note* is repaired and told: a byte-order mark, Windows line ends. A *fault* costs an item: a
recording that is missing, truncated or empty, a line with too many fields, an id that came before. Faults count as
errors of the result; nothing is left out in silence.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from antiphon.errors import InputError
from antiphon.eval.items import Sound
from antiphon.eval.sounds import looked_at, member_of

__all__ = ["Fields", "Problem", "Source"]

Fields = Mapping[str, type | tuple[type, ...]]  # names that a row must have, and of what kind


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What was found where something else was expected; `line` 0 is the whole file."""

    file: str
    line: int
    found: str
    expected: str
    is_fault: bool = True

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: found {self.found}, expected {self.expected}"

    def to_json(self) -> dict[str, Any]:
        """A row of `problems.jsonl`."""
        return {**asdict(self)}


@dataclass
class Source:
    """A folder that is being read."""

    root: Path
    problems: list[Problem] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    _known: dict[tuple[str, str], tuple[str, float, str]] = field(default_factory=dict)

    def fault(self, file: Path, line: int, found: str, expected: str) -> None:
        """An item is lost."""
        self.problems.append(Problem(file=str(file), line=line, found=found, expected=expected))

    def note(self, file: Path, line: int, found: str, expected: str) -> None:
        """Something was repaired."""
        self.problems.append(Problem(file=str(file), line=line, found=found, expected=expected, is_fault=False))

    def find(self, *names: str) -> Path:
        """The first of some paths that is there; a pattern will do.

        Raises:
            InputError: none is.
        """
        for name in names:
            if found := sorted(self.root.glob(name)):
                return found[0]
        raise InputError(f"{self.root} holds no {' or '.join(names)}; give the folder that holds the data set.")

    def tables(self, *patterns: str) -> list[Path]:
        """The files of the first of some patterns that fits any; none where no pattern does."""
        return next((found for pattern in patterns if (found := sorted(self.root.glob(pattern)))), [])

    def lines(self, path: Path) -> Iterator[tuple[int, str]]:
        """Lines that are not empty, with their numbers."""
        text = self._text(path)
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, line

    def pairs(self, path: Path) -> Iterator[tuple[int, str, str]]:
        """Lines of an id and the rest, divided by the first white space (Kaldi's way)."""
        for number, line in self.lines(path):
            key, *rest = line.split(maxsplit=1)
            yield number, key, rest[0].strip() if rest else ""

    def table(
        self, path: Path, needed: Sequence[str], header: Sequence[str] = (), escape: str | None = None
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Rows of a table with tabs, by the names of its columns; quotes are letters like any other."""
        names = list(header)
        for number, line in self.lines(path):
            cells = next(csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE, escapechar=escape))
            if not names:
                names = cells
                if missing := [name for name in needed if name not in names]:
                    raise InputError(f"{path}, line {number}: found columns {names}, expected {missing[0]!r} too.")
            elif len(cells) != len(names):
                self.fault(path, number, f"{len(cells)} fields", f"{len(names)}; a tab inside a field divides it")
            else:
                yield number, dict(zip(names, cells, strict=True))

    def json_lines(self, path: Path) -> Iterator[tuple[int, Any]]:
        """One value of JSON from every line."""
        for number, line in self.lines(path):
            try:
                yield number, json.loads(line)
            except ValueError:
                self.fault(path, number, f"{line[:40]!r}", "a value of JSON")

    def objects(self, path: Path, needed: Fields) -> Iterator[tuple[int, dict[str, Any]]]:
        """An object of JSON from every line, with the fields that are needed."""
        for number, row in self.json_lines(path):
            if self.fits(row, needed, path, number):
                yield number, row

    def entries(self, path: Path, needed: Fields, under: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of a list that is a whole file of JSON, or that lies under a name in it; numbered from 1.

        Raises:
            InputError: there is no such list.
        """
        told = self.json(path)
        told = told.get(under) if under and isinstance(told, dict) else told
        if not isinstance(told, list):
            raise InputError(f"{path}: found no list{f' under {under!r}' if under else ''}, expected one of items.")
        for number, row in enumerate(told, 1):
            if self.fits(row, needed, path, 0, f"entry {number}"):
                yield number, row

    def fits(self, row: Any, needed: Fields, file: Path, line: int, what: str = "") -> bool:
        """Whether a value is an object with the fields that are needed; else a fault of that line."""
        found, at = "", f" in {what}" if what else ""
        if not isinstance(row, dict):
            found = f"{row!r:.40}{at}"
        else:
            wrong = [name for name, kind in needed.items() if not isinstance(row.get(name), kind)]
            found = f"{wrong[0]} {row.get(wrong[0])!r:.40}{at}" if wrong else ""
        if found:
            self.fault(file, line, found, f"an object with {', '.join(needed)}")
        return not found

    def json(self, path: Path) -> Any:
        """A whole file of JSON.

        Raises:
            InputError: it is none.
        """
        try:
            return json.loads(self._text(path))
        except ValueError as error:
            raise InputError(f"{path}: found no JSON ({error}), expected the file as it was published.") from error

    def is_new(self, key: str, file: Path, line: int) -> bool:
        """Whether an id comes for the first time."""
        if key in self.seen:
            self.fault(file, line, f"the id {key!r} again", "every id once")
            return False
        self.seen.add(key)
        return True

    def sound(
        self, path: Path, file: Path, line: int, *, member: str = "", begin_s: float = 0.0, end_s: float | None = None
    ) -> Sound | None:
        """A recording, hashed and looked at; None, and a fault of that line, where something is wrong with it."""
        sha256, whole_s, wrong = self._looked_at(path, member)
        if wrong:
            self.fault(file, line, f"{wrong} at {member or path}", "the recording that it names")
            return None
        seconds = (whole_s if end_s is None else end_s) - begin_s
        return Sound(path=str(path), sha256=sha256, member=member, begin_s=begin_s, end_s=end_s, seconds=seconds)

    def _looked_at(self, path: Path, member: str) -> tuple[str, float, str]:
        """Hash and seconds of a recording, and what is wrong with it; each is read once."""
        key = (str(path), member)
        if key not in self._known:
            try:
                data = member_of(str(path), member) if member else path.read_bytes()
                self._known[key] = (hashlib.sha256(data).hexdigest(), *looked_at(data))
            except (OSError, KeyError):
                self._known[key] = "", 0.0, "no file"
        return self._known[key]

    def _text(self, path: Path) -> str:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); give the folder of the data set.") from error
        if data.startswith(b"\xef\xbb\xbf"):
            self.note(path, 1, "a byte-order mark", "none; it was left out")
            data = data[3:]
        if b"\r\n" in data:
            self.note(path, 0, "Windows line ends", "plain ones; they were read as such")
            data = data.replace(b"\r\n", b"\n")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise InputError(f"{path}, line {line}: found bytes that are no UTF-8; convert the file.") from error
