"""Who agreed that a voice be imitated: a chain of records that is only ever added to.

A record speaks of a clip, by the hash of its file: that is given once, and holds for whatever entry has the clip. Each
record's hash covers the one before it, and the store refuses to change or delete any, so a change made behind its back
is seen by `problems`. Whoever may write the file can forge a whole chain: it shows what was said here, and does not
prove who said it. A withdrawal is one more record.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from antiphon.errors import InputError
from antiphon.voices.entry import HASH, clean
from antiphon.voices.store import Store

BASES = {
    "self": "it is the voice of whoever says so",
    "third_party": "its speaker agreed",
    "licensed": "a licence allows imitation",
    "synthetic": "nobody's: a machine made it",
    "withdrawn": "no longer",
}
LONGEST = 500  # characters of a statement


@dataclass(frozen=True)
class ConsentRecord:
    """One statement about one clip."""

    clip: str
    basis: str
    time: str  # when it was recorded: ISO 8601, UTC
    statement: str = ""  # in whose words, or which licence
    recorder: str = ""  # who wrote it down
    scope: str = ""  # what for; empty: anything
    expires: str = ""  # ISO 8601, UTC; empty: never

    def __post_init__(self) -> None:
        if self.basis not in BASES:
            raise InputError(f"{self.basis[:40]!r} is no ground for consent; there are {', '.join(BASES)}.")
        if not HASH.fullmatch(self.clip):
            raise InputError(f"{self.clip[:80]!r} is no hash of a clip; give 64 hexadecimal digits.")
        for text in (self.statement, self.recorder, self.scope):
            if len(text) > LONGEST or clean(text) != text or not text.isprintable():
                raise InputError(f"a record of consent holds {text[:40]!r}; give up to {LONGEST} printable characters.")
        for moment in filter(None, (self.time, self.expires)):
            _moment(moment)

    def holds_at(self, now: str) -> bool:
        """Whether the clip may be imitated at a moment."""
        return self.basis != "withdrawn" and (not self.expires or _moment(now) < _moment(self.expires))


def now_utc() -> str:
    """This moment, as records write it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class ConsentLog:
    """The chain of one library."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, *records: ConsentRecord) -> None:
        """Add records to the end of the chain, all or none."""
        with self._store.writing() as db:
            number, head = _ends(db)
            for record in records:
                text = json.dumps(asdict(record), ensure_ascii=False, sort_keys=True)
                number, previous, head = number + 1, head, _link(head, text)
                db.execute("INSERT INTO consent VALUES(?, ?, ?, ?, ?)", (number, record.clip, text, previous, head))
            db.executemany("UPDATE meta SET value = ? WHERE key = ?", zip((number, head), _ENDS, strict=True))

    def latest(self, clip: str) -> ConsentRecord | None:
        """The last word about a clip, if there is any."""
        with self._store.reading() as db:
            query = "SELECT record FROM consent WHERE clip = ? ORDER BY number DESC LIMIT 1"
            row = db.execute(query, (clip,)).fetchone()
        return ConsentRecord(**json.loads(row[0])) if row else None

    def state(self, clip: str, now: str) -> str:
        """The ground on which a clip may be imitated; "expired", "withdrawn" or "unknown" where it may not."""
        record = self.latest(clip)
        if record is None:
            return "unknown"
        return record.basis if record.holds_at(now) or record.basis == "withdrawn" else "expired"

    def problems(self) -> Iterator[str]:
        """Where the chain is broken: a record changed, put in, taken out, or its end cut off."""
        number, previous = 0, ""
        with self._store.reading() as db:
            rows = db.execute("SELECT number, clip, record, previous, hash FROM consent ORDER BY number").fetchall()
            ends = _ends(db)
        for found, clip, text, before, link in rows:
            number += 1
            if found != number or before != previous or link != _link(previous, text) or f'"{clip}"' not in text:
                yield f"the chain of consent is broken at record {number}"
                return
            previous = link
        if (number, previous) != ends:
            yield f"the chain of consent ends after {number} records where {ends[0]} were written"


_ENDS = ("consents", "head")  # how many records there are, and the hash of the last


def _ends(db: sqlite3.Connection) -> tuple[int, str]:
    number, head = (db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0] for key in _ENDS)
    return int(number), str(head)


def _link(previous: str, text: str) -> str:
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is no time; write it like 2030-12-31 or 2030-12-31T23:59:59+00:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
