"""What finds voices: one protocol for every kind of index, and the one that needs nothing but SQLite and numpy.

The exact index looks at every vector. At 50 000 voices that is a few milliseconds, nothing is ever missed, and what
was written is found at once. Another index may stand behind the same protocol if `tests/voices/test_index.py` passes.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from antiphon.errors import InputError
from antiphon.voices.segments import Segments
from antiphon.voices.store import Batch, Filters, Store, unit
from antiphon.voices.words import content_words

MOST = 1000  # hits of one search


@dataclass(frozen=True)
class Hit:
    """An entry that was found. The score is a cosine for a vector, BM25 for a text, 0 for attributes alone."""

    voice_id: str
    score: float


@runtime_checkable
class VoiceIndex(Protocol):
    """Entries that come, go, and are found by text, by vector, or by attributes."""

    def upsert(self, batch: Batch) -> None:
        """Put entries and their vectors in, or in the place of those with the same ids: all of them, or none."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Take entries out, vectors too; how many there were."""
        ...

    def search(
        self,
        *,
        text: str = "",
        vector: Float[np.ndarray, " d"] | None = None,
        filters: Filters = (),
        k: int = 10,
    ) -> list[Hit]:
        """The best `k` of the entries that have all attributes in `filters`, the best first."""
        ...

    def generation(self) -> int:
        """A number that every write makes larger."""
        ...

    def verify(self) -> list[str]:
        """Whatever is broken, a sentence each; nothing if all is well."""
        ...


class ExactIndex:
    """SQLite for words and attributes, all vectors one after another for likeness."""

    def __init__(self, folder: Path, net: str = "", dtype: str = "float32") -> None:
        """`net` names the speaker net whose vectors are kept; a library has those of one."""
        self.store, self.net = Store(folder), net
        self._segments = Segments(self.store, folder, dtype)

    def upsert(self, batch: Batch) -> None:
        """As the protocol says. Raises InputError for an entry that cannot be kept."""
        self.store.upsert(batch, self.net)

    def delete(self, ids: Sequence[str]) -> int:
        """As the protocol says; the vectors are gone from the disk, too, when this returns."""
        count = self.store.delete(ids)
        if count:
            self._segments.compact()
        return count

    def generation(self) -> int:
        """As the protocol says."""
        return self.store.generation()

    def search(
        self,
        *,
        text: str = "",
        vector: Float[np.ndarray, " d"] | None = None,
        filters: Filters = (),
        k: int = 10,
    ) -> list[Hit]:
        """As the protocol says. Raises InputError for a text and a vector at once, another width, a wrong k."""
        if not 1 <= k <= MOST:
            raise InputError(f"{k} voices were asked for; ask for 1 to {MOST}.")
        if text and vector is not None:
            raise InputError("a text and a vector were given at once; search by one of them.")
        if vector is not None:
            return self._nearest(unit(vector), filters, k)
        if not text or (filters and not self._with(filters, 1)):
            return self._with(filters, k)
        words = content_words(text.lower())
        return [Hit(*found) for found in self.store.find_words(words, filters, k)] if words else []

    def verify(self) -> list[str]:
        """As the protocol says: SQLite's own checks, tables against tables, every vector against the store."""
        with self.store.reading() as db:
            found = [f"SQLite says: {row[0]}" for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("voice", "words")]
            lost = db.execute("SELECT count(*) FROM tag WHERE row NOT IN (SELECT row FROM voice)").fetchone()[0]
        if counts[0] != counts[1]:
            found.append(f"{counts[0]} voices have the words of {counts[1]}")
        if lost:
            found.append(f"{lost} attributes belong to no voice")
        with self.store.writing() as db:  # the check of the words is written as an insertion
            try:
                db.execute("INSERT INTO words(words) VALUES('integrity-check')")
            except sqlite3.Error as error:
                found.append(f"the words are broken: {error}")
        return found + self._segments.problems()

    def _with(self, filters: Filters, k: int) -> list[Hit]:
        """The oldest that have all attributes; by masks, since a combination may be rare where each of it is common."""
        snapshot = self._segments.snapshot()
        rows = snapshot.rows[snapshot.allowed(self.store, filters)][:k]
        ids = self.store.ids_of_rows(rows.tolist())
        return [Hit(ids[row], 0.0) for row in rows.tolist() if row in ids]

    def _nearest(self, vector: Float[np.ndarray, " d"], filters: Filters, k: int) -> list[Hit]:
        snapshot = self._segments.snapshot()
        width = self.store.meta("width")
        if not len(snapshot.alive):
            return []
        if width != len(vector):
            raise InputError(f"a vector of {len(vector)} numbers was looked for among those of {width}; use their net.")
        scores = np.where(snapshot.allowed(self.store, filters), snapshot.scores(vector), -np.inf)
        count = min(k, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        rows = snapshot.rows[best]
        order = np.lexsort((rows, -scores[best]))
        ids = self.store.ids_of_rows(rows.tolist())
        found = [(int(rows[i]), float(scores[best[i]])) for i in order]
        return [Hit(ids[row], score) for row, score in found if score > -np.inf and row in ids]
