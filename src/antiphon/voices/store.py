"""The truth of a library: one SQLite file, in which an entry, its words, attributes and vector come and go at once.

Any number of processes read, one at a time writes, and whoever is killed leaves the last whole transaction. Every write
adds one to the *generation*; what is derived from the store (the vectors of `segments.py`) bears the number that it was
made from. Rows are never numbered twice, so new ones are those beyond the last that is known.
"""

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from antiphon.errors import InputError
from antiphon.voices.entry import VoiceEntry
from antiphon.voices.words import han_column, match_any

FILE = "voices.sqlite"
WAIT_S = 60.0  # for another writer
FORMAT = 1
Filters = Sequence[tuple[str, str]]
Batch = Sequence[tuple[VoiceEntry, np.ndarray]]

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS voice(row INTEGER PRIMARY KEY AUTOINCREMENT, voice_id TEXT NOT NULL UNIQUE,
  clip TEXT NOT NULL UNIQUE, name TEXT NOT NULL, entry TEXT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS voice_name ON voice(name);
CREATE TABLE IF NOT EXISTS tag(attribute TEXT, value TEXT, row INTEGER,
  PRIMARY KEY(attribute, value, row)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tag_row ON tag(row);
CREATE TABLE IF NOT EXISTS gone(row INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS consent(number INTEGER PRIMARY KEY, clip TEXT NOT NULL, record TEXT NOT NULL,
  previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS consent_clip ON consent(clip);
CREATE TRIGGER IF NOT EXISTS consent_stays BEFORE DELETE ON consent BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS consent_is_said BEFORE UPDATE ON consent BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, han, tokenize = 'porter unicode61');
"""
HAS_TAG = " AND EXISTS(SELECT 1 FROM tag WHERE tag.attribute = ? AND tag.value = ? AND tag.row = {row})"


class Store:
    """One library's SQLite file; may be used by several threads."""

    def __init__(self, folder: Path) -> None:
        """Open or make the store of a folder. Raises InputError for a place or a file that does not do."""
        self.file = folder / FILE
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.file, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            os.chmod(self.file, 0o600)  # a vector can identify a person
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"{self.file} cannot be opened as a library of voices ({error}); give another.") from error

    def _prepare(self) -> None:
        self._keep_a_log()
        for setting in ("synchronous = FULL", "secure_delete = ON", "cache_size = -32000"):
            self._db.execute(f"PRAGMA {setting}")
        if self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'words'").fetchone()[0] == 0:
            with self.writing() as db:
                for statement in _statements(SCHEMA):
                    db.execute(statement)
                first = {"format": FORMAT, "library": uuid.uuid4().hex, "generation": 0, "consents": 0, "head": ""}
                db.executemany("INSERT OR IGNORE INTO meta VALUES(?, ?)", first.items())
        if self.meta("format") != FORMAT:
            raise InputError(f"{self.file} has format {self.meta('format')!r}; this version reads {FORMAT}.")

    def _keep_a_log(self) -> None:
        """Write ahead. SQLite does not wait for this by itself when another process opens the file at the same time."""
        ends = time.monotonic() + WAIT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > ends:
                    raise
                time.sleep(0.01)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, or nothing."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise InputError(f"{self.file} cannot be written ({error}); try again.") from error
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of the store, whatever others write meanwhile."""
        with self._lock:
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("COMMIT")

    def meta(self, key: str) -> object:
        """A fact about the whole library, or None."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def generation(self) -> int:
        """How many writes there were."""
        value = self.meta("generation")
        assert isinstance(value, int)
        return value

    def upsert(self, batch: Batch, net: str) -> None:
        """Put entries in, or in the place of those with the same ids: all or none.

        Raises InputError for a clip that another entry has, a vector without direction, or one by another speaker net.
        """
        vectors = [unit(vector) for _, vector in batch]
        widths = {len(vector) for vector in vectors}
        if len({entry.voice_id for entry, _ in batch}) < len(batch):
            raise InputError("two entries of one batch have the same id; give each its own.")
        if not batch:
            return
        with self.writing() as db:
            self._bind_net(db, net, widths)
            generation = _next_generation(db)
            for (entry, _), vector in zip(batch, vectors, strict=True):
                _remove(db, entry.voice_id, generation)
                _insert(db, entry, vector)

    def _bind_net(self, db: sqlite3.Connection, net: str, widths: set[int]) -> None:
        """The first vectors decide which net and width a library has."""
        db.executemany("INSERT OR IGNORE INTO meta VALUES(?, ?)", [("net", net), ("width", max(widths))])
        known, width = self.meta("net"), self.meta("width")
        if known != net or widths != {width}:
            raise InputError(
                f"vectors of width {sorted(widths)} by the speaker net {net!r} were given to a library of {width} by"
                f" {known!r}; use its model, or a new library."
            )

    def delete(self, ids: Sequence[str]) -> int:
        """Take entries out; how many of them there were."""
        with self.writing() as db:
            generation = _next_generation(db)
            return sum(_remove(db, voice_id, generation) for voice_id in ids)

    def entries(self, ids: Sequence[str]) -> dict[str, VoiceEntry]:
        """The entries of those ids that are there."""
        found = {}
        with self._lock:
            for voice_id in ids:
                row = self._db.execute("SELECT entry FROM voice WHERE voice_id = ?", (voice_id,)).fetchone()
                if row:
                    found[voice_id] = VoiceEntry.from_json(row[0])
        return found

    def ids(self, **named: str) -> list[str]:
        """All ids in their order of coming, or those with a certain `clip` or `name`."""
        assert set(named) <= {"clip", "name"}
        condition = " AND ".join(f"{column} = ?" for column in named) or "1"
        with self._lock:
            rows = self._db.execute(f"SELECT voice_id FROM voice WHERE {condition} ORDER BY row", [*named.values()])
            return [row[0] for row in rows]

    def facets(self) -> dict[str, dict[str, int]]:
        """Attributes, their values, and how many voices have each."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for name, value, count in self._db.execute("SELECT attribute, value, count(*) FROM tag GROUP BY 1, 2"):
                found.setdefault(name, {})[value] = count
        return found

    def find_words(self, words: tuple[str, ...], filters: Filters, k: int) -> list[tuple[str, float]]:
        """Ids whose text has any of the words, by BM25: the best first, larger is better."""
        if self._nobody_has(filters):
            return []
        query = "SELECT v.voice_id, -f.rank FROM (SELECT rowid, rank FROM words WHERE words MATCH ?"
        query += HAS_TAG.format(row="words.rowid") * len(filters)
        query += " ORDER BY rank, rowid LIMIT ?) f JOIN voice v ON v.row = f.rowid ORDER BY f.rank, f.rowid"
        with self._lock:
            return self._db.execute(query, [match_any(words), *_flat(filters), k]).fetchall()

    def _nobody_has(self, filters: Filters) -> bool:
        """Whether one of the attributes is of no voice at all, so that none has to be looked at."""
        query = "SELECT 1 FROM tag WHERE attribute = ? AND value = ? LIMIT 1"
        with self._lock:
            return any(self._db.execute(query, pair).fetchone() is None for pair in filters)

    def ids_of_rows(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids that rows have."""
        marks = ",".join("?" * len(rows))
        with self._lock:
            return dict(self._db.execute(f"SELECT row, voice_id FROM voice WHERE row IN ({marks})", list(rows)))

    def rows_with(self, attribute: str, value: str) -> Int64[np.ndarray, " n"]:
        """Rows that have an attribute, in order."""
        with self._lock:
            rows = self._db.execute("SELECT row FROM tag WHERE attribute = ? AND value = ?", (attribute, value))
            return np.array([row[0] for row in rows], dtype=np.int64)


def unit(vector: np.ndarray) -> Float[np.ndarray, " d"]:
    """A vector of length 1. Raises InputError for one without a direction."""
    flat = np.asarray(vector, dtype=np.float32).reshape(-1)
    length = float(np.linalg.norm(flat.astype(np.float64)))
    if not (flat.size and np.isfinite(length) and length > 1e-6):
        raise InputError("the vector of a voice is zero or no number; give the speaker net a clip with a voice in it.")
    return (flat / length).astype(np.float32)


def _insert(db: sqlite3.Connection, entry: VoiceEntry, vector: np.ndarray) -> None:
    other = db.execute("SELECT voice_id FROM voice WHERE clip = ?", (entry.clip,)).fetchone()
    if other:
        raise InputError(f"the clip of {entry.voice_id!r} is already in the library as {other[0]!r}; keep that one.")
    row = db.execute(
        "INSERT INTO voice(voice_id, clip, name, entry, vector) VALUES(?, ?, ?, ?, ?)",
        (entry.voice_id, entry.clip, entry.name, entry.to_json(), vector.astype("<f4").tobytes()),
    ).lastrowid
    text = f"{entry.name}\n{entry.description}"
    db.execute("INSERT INTO words(rowid, text, han) VALUES(?, ?, ?)", (row, text, han_column(text)))
    db.executemany("INSERT OR IGNORE INTO tag VALUES(?, ?, ?)", [(*pair, row) for pair in entry.tags])


def _remove(db: sqlite3.Connection, voice_id: str, generation: int) -> int:
    found = db.execute("SELECT row FROM voice WHERE voice_id = ?", (voice_id,)).fetchone()
    if not found:
        return 0
    for place in ("voice WHERE row", "tag WHERE row", "words WHERE rowid"):
        db.execute(f"DELETE FROM {place} = ?", found)
    db.execute("INSERT INTO gone VALUES(?, ?)", (found[0], generation))
    return 1


def _next_generation(db: sqlite3.Connection) -> int:
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
    (value,) = db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
    return int(value)


def _flat(filters: Filters) -> list[str]:
    return [part for pair in filters for part in pair]


def _statements(script: str) -> list[str]:
    """The statements of a script, which `executescript` would not keep in one transaction."""
    found, held = [], ""
    for line in script.strip().splitlines():
        held += line + "\n"
        if sqlite3.complete_statement(held):
            found.append(held)
            held = ""
    return found
