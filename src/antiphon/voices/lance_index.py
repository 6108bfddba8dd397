"""The exact index with LanceDB for likeness: vectors in a table that need not be in memory (extra `lancedb`).

    a search   the table is brought up to the store, asked for the nearest, and those are ranked exactly

Words, attributes and what is true stay with SQLite. The table holds rows and vectors, is made from the store, and made
anew where it is broken. Whoever brings it up to date holds the store's write lock, so two processes never add a row
twice; each change is one version of the table, so whoever is killed leaves a whole one; and what is found is asked of
the store once more, so a row that is gone is never told. Searches with attributes stay exact.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from antiphon.errors import ConfigError
from antiphon.voices.index import ExactIndex, Hit
from antiphon.voices.store import Filters

FOLDER = "vectors.lance"
LEAST = 100_000  # voices below which the table is read from end to end
NEWER = 10  # one part in so many may be in no cell; those are looked at one by one
PROBES = 128  # cells that are looked at
RANKED = 100  # candidates that are ranked exactly, at the least
BROKEN = (OSError, RuntimeError, ValueError)  # what LanceDB raises for a table of which something is missing


class LanceIndex(ExactIndex):
    """As `ExactIndex`; a likeness is found by LanceDB: below `least` voices none is missed, above one may rarely be."""

    def __init__(self, folder: Path, net: str = "", *, least: int = LEAST, probes: int = PROBES) -> None:
        """Raises ConfigError where LanceDB is not installed."""
        super().__init__(folder, net)
        try:
            import lancedb
            import pyarrow
            from lancedb.index import IvfFlat
        except ImportError:
            raise ConfigError("LanceDB is not installed; run: pip install 'antiphon[lancedb]'") from None
        self._lancedb, self._arrow, self._flat = lancedb, pyarrow, IvfFlat
        self._least, self._probes = least, probes
        self._folder = folder / FOLDER
        self._table: Any = None
        self._generation = -1  # of the store that the table was last seen equal to

    def delete(self, ids: Sequence[str]) -> int:
        """As the protocol says; LanceDB keeps what is deleted in older versions, so the table is made anew."""
        count = super().delete(ids)
        if count:
            with self.store.writing():
                self._drop()
        return count

    def verify(self) -> list[str]:
        """As the protocol says, and every vector of the table against the store."""
        found = super().verify()
        if not self._folder.exists():
            return found
        with self.store.writing() as db:
            truth = dict(db.execute("SELECT row, vector FROM voice"))
            try:
                held = self._opened(self._width()).search().limit(None).to_arrow() if truth else None
            except BROKEN as error:
                return [*found, f"the table of LanceDB is broken: {error}"]
        if held is not None:
            rows, vectors = held["row"].to_pylist(), _vectors(held)
            wrong = [r for r, v in zip(rows, vectors, strict=True) if r in truth and v.tobytes() != truth[r]]
            found += [f"the vector of row {row} differs in the table of LanceDB" for row in wrong]
            found += ["the table of LanceDB has a row twice"] if len(set(rows)) < len(rows) else []
        return found

    def _nearest(self, vector: Float[np.ndarray, " d"], filters: Filters, k: int) -> list[Hit]:
        if filters or len(vector) != self.store.meta("width"):
            return super()._nearest(vector, filters, k)
        try:
            return self._found(vector, k)
        except BROKEN:
            with self.store.writing():
                self._drop()
            return self._found(vector, k)

    def _found(self, vector: Float[np.ndarray, " d"], k: int) -> list[Hit]:
        query = self._fitting().search(vector).distance_type("dot").nprobes(self._probes)
        held = query.limit(max(RANKED, 4 * k)).to_arrow()
        rows: Int64[np.ndarray, " n"] = held["row"].to_numpy()
        ids = self.store.ids_of_rows(rows.tolist())
        scores = _vectors(held) @ vector
        order = [place for place in np.lexsort((rows, -scores)) if int(rows[place]) in ids][:k]
        return [Hit(ids[int(rows[place])], float(scores[place])) for place in order]

    def _fitting(self) -> Any:
        """The table, with every row of the store and no other."""
        if self._table is not None and self._generation == self.store.generation():
            return self._table
        with self.store.writing() as db:  # one at a time, and the store stands still
            table = self._opened(self._width())
            there = np.array([row for (row,) in db.execute("SELECT row FROM voice ORDER BY row")], dtype=np.int64)
            held = table.search().select(["row"]).limit(None).to_arrow()["row"].to_numpy()
            if gone := np.setdiff1d(held, there).tolist():
                table.delete(f"row IN ({', '.join(map(str, gone))})")
            new = np.setdiff1d(there, held)
            if len(new):
                first = int(new[0])  # rows only come at the end: all from there on, less those that are there
                found = dict(db.execute("SELECT row, vector FROM voice WHERE row >= ?", (first,)))
                table.add(self._batch(new, b"".join(found[row] for row in new.tolist())))
            self._divide(table, len(there))
            self._table, self._generation = table, self.store.generation()
        return self._table

    def _divide(self, table: Any, count: int) -> None:
        """Cells for very many: made once there are enough, and new rows put into them once they are many."""
        if count < self._least:
            return
        found = table.list_indices()
        if not found:
            cells = max(int(np.sqrt(count)), 1)
            table.create_index("vector", config=self._flat(distance_type="dot", num_partitions=cells))
        elif table.index_stats(found[0].name).num_unindexed_rows * NEWER > count:
            table.optimize()

    def _width(self) -> int:
        width = self.store.meta("width")
        return width if isinstance(width, int) else 1

    def _opened(self, width: int) -> Any:
        """The table of this very library; called with the store's write lock."""
        name = str(self.store.meta("library"))
        vector = self._arrow.list_(self._arrow.float32(), width)
        schema = self._arrow.schema([("row", self._arrow.int64()), ("vector", vector)])
        self._folder.mkdir(mode=0o700, exist_ok=True)  # a vector can identify a person
        return self._lancedb.connect(self._folder).create_table(name, schema=schema, exist_ok=True)

    def _batch(self, rows: Int64[np.ndarray, " n"], vectors: bytes) -> Any:
        flat = self._arrow.array(np.frombuffer(vectors, dtype="<f4"))
        wide = self._arrow.FixedSizeListArray.from_arrays(flat, self._width())
        return self._arrow.table({"row": self._arrow.array(rows), "vector": wide})

    def _drop(self) -> None:
        self._table, self._generation = None, -1
        shutil.rmtree(self._folder, ignore_errors=True)


def _vectors(held: Any) -> Float[np.ndarray, "n d"]:
    column = held["vector"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), -1) if len(column) else np.zeros((0, 1), np.float32)
