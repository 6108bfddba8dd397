"""The user's own documents, to be searched without a network: one SQLite file, full text (FTS5), sections of files.

    documents = Documents(default_folder())
    documents.add(Path("notes"))            what is new or changed is read; what is gone goes
    documents.search("when does the ferry leave", 3, "en", None)

Chinese is found by pairs of characters (`voices.words`). The words of a question are quoted: none of them is syntax.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

from antiphon.errors import InputError, ToolError
from antiphon.tools.search.protocol import LONGEST_QUERY, Hit
from antiphon.tools.search.reading import KINDS, Document, read_document
from antiphon.voices.words import HAN, WORD, han_column, match_any, pairs

FILE = "documents.sqlite"
WAIT_S, SEARCH_STEPS = 30.0, 2_000_000  # for another writer; of SQLite's machine, for one question
MOST_WORDS = 24  # of one question
STOP = frozenset(
    "a an the of and or in on at to with for from by as is are was were be been it its this that these those i me my"
    " you your he she we they do does did can could will would shall should may might what when where who whom which"
    " why how please tell know about there here not no any some have has had find search look up".split()
)
STOP_HAN = frozenset("什么 怎么 多少 哪里 哪个 一下 请问 告诉 知道 可以 我们 你们 他们 这个 那个 就是 不是".split())
SCHEMA = """
CREATE TABLE IF NOT EXISTS file(path TEXT PRIMARY KEY, root TEXT NOT NULL, hash TEXT NOT NULL, changed REAL NOT NULL,
  title TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS section(row INTEGER PRIMARY KEY, path TEXT NOT NULL, heading TEXT NOT NULL,
  text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS section_path ON section(path);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(title, text, han, tokenize = 'porter unicode61');
"""
FIND = """
SELECT section.text, section.heading, file.title, file.path, file.changed, bm25(words, 4.0, 1.0, 1.0) AS rank
FROM words JOIN section ON section.row = words.rowid JOIN file ON file.path = section.path
WHERE words MATCH ? AND file.changed >= ? ORDER BY rank LIMIT ?
"""


@dataclass
class Tally:
    """What came of adding."""

    read: int = 0
    unchanged: int = 0
    gone: int = 0
    refused: int = 0


def default_folder() -> Path:
    """Where the documents' index is: $ANTIPHON_DOCUMENTS, or a folder among the user's data."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.environ.get("ANTIPHON_DOCUMENTS") or Path(data) / "antiphon" / "documents")


class Documents:
    """An index of documents; a `SearchProvider`. May be used by several threads."""

    name, needs_network = "documents", False

    def __init__(self, folder: Path) -> None:
        """Open or make the index in a folder. Raises InputError for a place that does not do."""
        self.file, self._lock = folder / FILE, threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.file, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"{self.file} cannot be opened as documents ({error}); give another folder.") from None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def add(self, place: Path, refuse: Callable[[str], None] = lambda told: None) -> Tally:
        """A file, or a folder with all below it; hidden files and links are left out. Raises InputError."""
        root = place.resolve()
        if not root.exists():
            raise InputError(f"{place} is not there; give a folder or a document.")
        tally, there = Tally(), set[str]()
        for path in [root] if root.is_file() else _below(root):
            there.add(str(path))
            self._take(path, root, tally, refuse)
        with self._writing() as db:
            known = [row[0] for row in db.execute("SELECT path FROM file WHERE root = ?", (str(root),))]
            for gone in set(known) - there:
                _remove(db, gone)
                tally.gone += 1
        return tally

    def remove(self, place: Path) -> int:
        """Forget a file, or a folder with all below it; how many files were known."""
        path = str(place.resolve())
        with self._writing() as db:
            rows = db.execute("SELECT path FROM file").fetchall()
            mine = [row[0] for row in rows if row[0] == path or row[0].startswith(path + os.sep)]
            for known in mine:
                _remove(db, known)
        return len(mine)

    def files(self) -> list[tuple[str, str, int]]:
        """Path, title and number of sections of every file."""
        with self._lock:
            return self._db.execute(
                "SELECT file.path, title, count(row) FROM file LEFT JOIN section ON section.path = file.path"
                " GROUP BY file.path ORDER BY file.path"
            ).fetchall()

    def search(self, query: str, k: int, language: str, fresh_days: int | None) -> Sequence[Hit]:
        """See `SearchProvider`: the best section of each file."""
        words = asked(query)
        if not words:
            return []
        oldest = 0.0
        if fresh_days is not None:
            oldest = (datetime.now(timezone.utc) - timedelta(days=fresh_days)).timestamp()
        with self._lock:
            steps = iter(range(SEARCH_STEPS // 1000))
            self._db.set_progress_handler(lambda: next(steps, None) is None, 1000)
            try:
                rows = self._db.execute(FIND, (match_any(words), oldest, 8 * k)).fetchall()
            except sqlite3.Error as error:
                raise ToolError("the documents cannot be searched.", code="failed", retryable=True) from error
            finally:
                self._db.set_progress_handler(None, 0)
        return _hits(rows, words, k)

    def _take(self, path: Path, root: Path, tally: Tally, refuse: Callable[[str], None]) -> None:
        try:
            changed, digest = path.stat().st_mtime, sha256(path.read_bytes()).hexdigest()
            known = self._db.execute("SELECT hash FROM file WHERE path = ?", (str(path),)).fetchone()
            if known is not None and known[0] == digest:
                tally.unchanged += 1
                return
            document = read_document(path)
        except (InputError, OSError) as error:
            tally.refused += 1
            refuse(str(error))
            return
        with self._writing() as db:
            _remove(db, str(path))
            _put(db, path, root, digest, changed, document)
        tally.read += 1

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def asked(query: str) -> tuple[str, ...]:
    """The words of a question that are worth looking for."""
    text = query[:LONGEST_QUERY].lower()
    han = [pair for run in HAN.findall(text) for pair in pairs(run, for_asking=True) if pair not in STOP_HAN]
    latin = [word for word in WORD.findall(HAN.sub(" ", text)) if word not in STOP]
    return tuple(dict.fromkeys(latin + han))[:MOST_WORDS]


def _below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix.lower() in KINDS and not name.startswith(".") and not path.is_symlink():
                yield path


def _put(db: sqlite3.Connection, path: Path, root: Path, digest: str, changed: float, document: Document) -> None:
    db.execute("INSERT INTO file VALUES(?, ?, ?, ?, ?)", (str(path), str(root), digest, changed, document.title))
    for section in document.sections:
        entry = (str(path), section.heading, section.text)
        row = db.execute("INSERT INTO section(path, heading, text) VALUES(?, ?, ?)", entry).lastrowid
        title = f"{document.title} {section.heading}"
        han = han_column(f"{title} {section.text}")
        db.execute("INSERT INTO words(rowid, title, text, han) VALUES(?, ?, ?, ?)", (row, title, section.text, han))


def _remove(db: sqlite3.Connection, path: str) -> None:
    db.execute("DELETE FROM words WHERE rowid IN (SELECT row FROM section WHERE path = ?)", (path,))
    db.execute("DELETE FROM section WHERE path = ?", (path,))
    db.execute("DELETE FROM file WHERE path = ?", (path,))


def _hits(rows: list[tuple[str, str, str, str, float, float]], words: tuple[str, ...], k: int) -> list[Hit]:
    best = dict[str, Hit]()
    for text, heading, title, path, changed, rank in rows:
        named = f"{title}, {heading}" if heading and heading != title else title
        best.setdefault(path, Hit(
            title=named, url=Path(path).as_uri(), snippet=_around(text, words), source="own document",
            published=datetime.fromtimestamp(changed, timezone.utc), score=-rank, trust="local",
        ))  # fmt: skip
    return list(best.values())[:k]


def _around(text: str, words: tuple[str, ...]) -> str:
    """The sentences of a section from the first that answers on."""
    low = text.lower()
    at = min((found for word in words if (found := low.find(word)) >= 0), default=0)
    begin = max(text.rfind(mark, 0, at) for mark in (". ", "。", "! ", "? ", "！", "？", "\n"))
    return text[begin + 1 :].strip()
