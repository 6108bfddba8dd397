"""Nobody is imitated who did not agree, and what was agreed stays on record."""

import sqlite3
from pathlib import Path

import pytest

from antiphon.errors import InputError
from antiphon.voices.consent import ConsentLog, ConsentRecord
from antiphon.voices.store import FILE, Store

CLIP, OTHER = "a" * 64, "b" * 64
DAY = "2026-01-01T00:00:00+00:00"


def said(log: ConsentLog, *bases: str) -> None:
    for basis in bases:
        log.append(ConsentRecord(CLIP, basis, DAY, statement="I agree"))


def test_the_last_word_counts(tmp_path: Path) -> None:
    log = ConsentLog(Store(tmp_path))
    assert log.state(CLIP, DAY) == "unknown" and not list(log.problems())
    for basis in ("self", "withdrawn", "licensed"):
        said(log, basis)
        assert log.state(CLIP, DAY) == basis and log.state(OTHER, DAY) == "unknown"
    log.append(ConsentRecord(OTHER, "third_party", DAY, expires="2026-06-01"))
    assert log.state(OTHER, "2026-05-31T23:00:00+00:00") == "third_party"
    assert log.state(OTHER, "2026-06-01T00:00:00Z") == "expired"
    assert not list(log.problems())


def test_records_cannot_be_changed_through_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    said(ConsentLog(store), "self", "withdrawn")
    for statement in ("DELETE FROM consent", "UPDATE consent SET record = ''"):
        with pytest.raises(sqlite3.Error, match="append only"), store.writing() as db:
            db.execute(statement)
    assert ConsentLog(store).state(CLIP, DAY) == "withdrawn"


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE consent SET record = replace(record, 'I agree', 'I  agree') WHERE number = 2",
        f"UPDATE consent SET clip = '{OTHER}' WHERE number = 1",
        "DELETE FROM consent WHERE number = 2",
        "DELETE FROM consent WHERE number = 3",
        "DELETE FROM consent",
        "INSERT INTO consent SELECT 4, clip, record, previous, hash FROM consent WHERE number = 3",
    ],
)
def test_a_change_behind_its_back_is_seen(tmp_path: Path, harm: str) -> None:
    said(ConsentLog(Store(tmp_path)), "self", "withdrawn", "self")
    db = sqlite3.connect(tmp_path / FILE)
    for trigger in ("consent_stays", "consent_is_said"):
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(harm)
    db.commit()
    db.close()
    assert len(list(ConsentLog(Store(tmp_path)).problems())) == 1


def test_what_is_no_record_is_refused() -> None:
    for clip, basis, time, statement in (
        (CLIP, "because", DAY, ""),
        ("x", "self", DAY, ""),
        (CLIP, "self", "yesterday", ""),
        (CLIP, "self", DAY, "a\u202eb"),
        (CLIP, "self", DAY, "x" * 10_240),
    ):
        with pytest.raises(InputError):
            ConsentRecord(clip, basis, time, statement)
