"""The exact index with a short cut for large libraries: faiss looks at a part of the vectors (extra `faiss`).

    snapshot   |─────────── indexed: an inverted file of 8-bit vectors ──────────|── newer: looked at one by one ──|
    a search   the best of the cells nearest to the vector, ranked exactly, and the newer ones; removed ones left out

Words, attributes and what is true stay with SQLite. The file beside the vectors is made from them, bears what it was
made of, and is made anew where it does not fit or too much is newer. Searches with attributes stay exact.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from antiphon.errors import ConfigError
from antiphon.voices.index import ExactIndex, Hit
from antiphon.voices.segments import FOLDER, Snapshot
from antiphon.voices.store import Filters

LEAST = 100_000  # voices below which looking at all of them is fast enough
NEWER = 10  # one part in so many may be newer than the file
PROBES = 48  # cells that are looked at
RANKED = 100  # candidates that are ranked exactly, at the least
TRAINED = 60_000  # vectors that the cells are found by


@dataclass(frozen=True)
class Cells:
    """What faiss made of the first rows of a library."""

    library: str
    rows: Int64[np.ndarray, " n"]
    index: Any


class FaissIndex(ExactIndex):
    """As `ExactIndex`; a likeness among very many is found by faiss, and may rarely miss one."""

    def __init__(self, folder: Path, net: str = "", *, least: int = LEAST, probes: int = PROBES) -> None:
        """Raises ConfigError where faiss is not installed."""
        super().__init__(folder, net)
        try:
            import faiss
        except ImportError:
            raise ConfigError("faiss is not installed; run: pip install 'antiphon[faiss]'") from None
        self._faiss, self._least, self._probes = faiss, least, probes
        self._file = folder / FOLDER / "faiss.cells"  # gone with every compaction, as removed vectors have to be
        self._cells: Cells | None = None

    def _nearest(self, vector: Float[np.ndarray, " d"], filters: Filters, k: int) -> list[Hit]:
        snapshot = self._segments.snapshot()
        if filters or len(snapshot.alive) < max(self._least, 1) or len(vector) != self.store.meta("width"):
            return super()._nearest(vector, filters, k)
        cells = self._fitting(snapshot)
        rows, tables = snapshot.rows, [segment.vectors for segment in snapshot.segments]
        starts = np.cumsum([0, *(len(table) for table in tables)])
        _, found = cells.index.search(vector[None].astype(np.float32), max(RANKED, 4 * k))
        places = np.concatenate([found[0][found[0] >= 0], np.arange(len(cells.rows), len(rows))])
        places = places[snapshot.alive[places]]
        if len(places) < k:
            return super()._nearest(vector, filters, k)
        part = np.searchsorted(starts, places, side="right") - 1
        near = np.stack([tables[t][p - starts[t]] for t, p in zip(part, places, strict=True)]).astype(np.float32)
        scores = near @ vector
        order = np.lexsort((rows[places], -scores))[:k]
        ids = self.store.ids_of_rows(rows[places[order]].tolist())
        return [Hit(ids[row], float(scores[i])) for i in order if (row := int(rows[places[i]])) in ids]

    def _fitting(self, snapshot: Snapshot) -> Cells:
        """Cells of the first rows of this very snapshot, nearly all of them."""
        rows = snapshot.rows
        for cells in (self._cells, self._read(snapshot)):
            if cells is None or cells.library != snapshot.library or len(cells.rows) > len(rows):
                continue
            is_newer = len(rows) - len(cells.rows)
            if np.array_equal(cells.rows, rows[: len(cells.rows)]) and is_newer * NEWER <= len(rows):
                self._cells = cells
                return cells
        self._cells = self._made(snapshot)
        return self._cells

    def _made(self, snapshot: Snapshot) -> Cells:
        faiss = self._faiss
        table = np.concatenate([segment.vectors for segment in snapshot.segments]).astype(np.float32)
        count = int(np.clip(4 * np.sqrt(len(table)), 1, max(len(table) // 39, 1)))  # faiss wants 39 vectors a cell
        quantizer = faiss.IndexFlatIP(table.shape[1])
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, table.shape[1], count, kind, faiss.METRIC_INNER_PRODUCT)
        step = max(len(table) // TRAINED, 1)
        index.train(table[::step])
        index.add(table)
        index.nprobe = min(self._probes, count)
        cells = Cells(snapshot.library, snapshot.rows, index)
        self._write(cells)
        return cells

    def _write(self, cells: Cells) -> None:
        """Keep it for others; a full disk is no harm."""
        part = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            held = self._faiss.serialize_index(cells.index)
            with open(part, "wb") as file:
                for part_of_it in (np.array(cells.library), cells.rows, held):
                    np.save(file, part_of_it)
            os.chmod(part, 0o600)
            os.replace(part, self._file)
        except OSError:
            part.unlink(missing_ok=True)

    def _read(self, snapshot: Snapshot) -> Cells | None:
        try:
            with open(self._file, "rb") as file:
                library, rows, held = (np.load(file, allow_pickle=False) for _ in range(3))
            index: Any = self._faiss.deserialize_index(held)
        except (OSError, ValueError, TypeError, RuntimeError, EOFError):
            return None
        if index.d != self.store.meta("width") or index.ntotal != len(rows):
            return None
        index.nprobe = min(self._probes, index.nlist)
        return Cells(str(library), rows, index)
