"""The record of one verification: hands out stored arrays, takes results, and knows at the end what nobody compared."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from antiphon.errors import AntiphonError, WeightsError
from antiphon.verify.inventory import COMPARED, INFORMATIVE, INPUT, Line, find_line
from antiphon.verify.report import Report, Row
from antiphon.verify.tolerances import TOLERANCES


class Record:
    """One folder under verification."""

    def __init__(self, folder: Path, lines: tuple[Line, ...], device: str, dtype: str) -> None:
        self.folder, self.lines, self.device, self.dtype_name = folder, lines, device, dtype
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.rows: list[Row] = []

    # --- what is stored ----------------------------------------------------------------------------------------------

    @cached_property
    def arrays(self) -> dict[tuple[str, str], Any]:
        """Every stored array and JSON value by (file, key); a checkpoint or recording has the key "" and its path."""
        found: dict[tuple[str, str], Any] = {}
        for path in sorted(self.folder.iterdir()):
            for key, value in self._units(path):
                found[path.name, key] = value
        return found

    def _units(self, path: Path) -> Iterator[tuple[str, Any]]:
        lines = [line for line in self.lines if line.file == path.name]
        try:
            if path.suffix == ".npz":
                with np.load(path, allow_pickle=False) as stored:
                    yield from [(key, stored[key]) for key in stored.files]
            elif path.suffix == ".json" and lines and lines[0].keys:
                yield from _flat(json.loads(path.read_text(encoding="utf8")), lines[0].depth)
            else:
                yield "", path
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            self._fail(path.name, f"could not be read ({error})")

    def get(self, file: str, key: str = "") -> Any:
        """A stored value; a missing one is a sentence."""
        if (file, key) not in self.arrays:
            raise WeightsError(f"{self.folder} lacks {_name(file, key)}; it was expected in this layout.")
        return self.arrays[file, key]

    def tensor(self, file: str, key: str, dtype: torch.dtype | None = None) -> Tensor:
        """A stored array on the device, floats in `dtype` (the model's by default)."""
        tensor = torch.from_numpy(np.array(self.get(file, key)))
        if tensor.is_floating_point():
            return tensor.to(self.device, self.dtype if dtype is None else dtype)
        return tensor.to(self.device, torch.int64)

    def keys(self, file: str, pattern: str = ".*") -> list[str]:
        """The keys of a file that match, in stored order."""
        return [key for name, key in self.arrays if name == file and re.fullmatch(pattern, key)]

    # --- what was found ----------------------------------------------------------------------------------------------

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage that ends early fails by one row and does not keep the others from being checked."""
        try:
            yield
        except (AntiphonError, RuntimeError, ValueError, LookupError, TypeError, AssertionError) as error:
            self.rows.append(Row(name, "", float("inf"), 0.0, False, f"{type(error).__name__}: {error}"[:300]))

    def compare(self, file: str, key: str, got: Tensor | np.ndarray | Any, where: Tensor | None = None) -> None:
        """Compare a result with the stored array; `where` (bool) says which of its positions mean something."""
        want = np.asarray(self.get(file, key))
        have = got.detach().to("cpu") if isinstance(got, Tensor) else torch.as_tensor(np.asarray(got))
        if tuple(have.shape) != want.shape:
            note = f"shape {list(have.shape)} instead of {list(want.shape)}"
            self.rows.append(Row(_name(file, key), str(list(want.shape)), float("inf"), 0.0, False, note))
            return
        wide, stored = have.double(), torch.from_numpy(want.astype(np.float64))
        if where is not None:
            keep = where.cpu()
            wide, stored = wide[keep], stored[keep]
        gap = (wide - stored).abs()
        difference = float(gap.max()) if gap.numel() else 0.0
        self.judge(file, key, difference, peak=float(stored.abs().max()) if stored.numel() else 0.0)

    def judge(self, file: str, key: str, difference: float, peak: float = 0.0) -> None:
        """Put down a difference that the caller worked out itself."""
        line = find_line(self.lines, file, key)
        assert line is not None and line.role == COMPARED, f"{_name(file, key)} is not in the inventory as compared"
        bound = TOLERANCES[line.tolerance].bound(self.dtype_name, peak)
        passed = bool(difference <= bound)  # NaN does not pass
        shape = str(list(np.shape(self.get(file, key)))) if file.endswith(".npz") else "-"
        self.rows.append(Row(_name(file, key), shape, difference, bound, passed))

    def same(self, file: str, key: str, got: Any) -> None:
        """Compare a JSON value for equality."""
        self.judge(file, key, 0.0 if got == self.get(file, key) else 1.0)

    def report(self) -> Report:
        """All rows, with one more for every array that is not listed, not there, or was compared by nobody."""
        counts = {INPUT: 0, COMPARED: 0, INFORMATIVE: 0}
        done = {row.array for row in self.rows}
        files = {file for file, _ in self.arrays} | done
        for file in dict.fromkeys(line.file for line in self.lines if not line.optional):
            if file not in files:
                self._fail(file, "the file is missing")
        for file, key in self.arrays:
            line = find_line(self.lines, file, key)
            if line is None:
                self._fail(_name(file, key), "neither an input nor compared nor informative: not in the inventory")
                continue
            counts[line.role] += 1
            if line.role == COMPARED and _name(file, key) not in done:
                self._fail(_name(file, key), "was not compared")
        return Report(tuple(self.rows), counts[INPUT], counts[INFORMATIVE])

    def _fail(self, array: str, note: str) -> None:
        self.rows.append(Row(array, "", float("inf"), 0.0, False, note))


def _name(file: str, key: str) -> str:
    return f"{file}:{key}" if key else file


def _flat(value: Any, depth: int, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Entries of nested objects and lists of objects, `depth` levels down."""
    if depth and isinstance(value, Mapping):
        entries = [(str(k), v) for k, v in value.items()]
    elif depth and prefix and isinstance(value, list) and value and isinstance(value[0], Mapping | list):
        entries = [(str(i), v) for i, v in enumerate(value)]
    else:
        yield prefix, value
        return
    for key, inner in entries:
        yield from _flat(inner, depth - 1, f"{prefix}/{key}" if prefix else key)


def rate_of(name: str) -> int:
    """A sampling rate as the keys spell it: 24k, 44k1, 8000."""
    match = re.fullmatch(r"(\d+)k(\d*)", name)
    return int(name) if match is None else int(match[1]) * 1000 + int((match[2] + "000")[:3])
