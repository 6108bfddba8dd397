"""Two real processes write at once and are killed: nothing is broken, nothing is half there."""

import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from antiphon.voices.index import ExactIndex
from tests.voices.conftest import vector
from tests.voices.writer import BATCH, INDEXES

ROOT = Path(__file__).parents[2]
LANCEDB = pytest.mark.skipif(not find_spec("lancedb"), reason="the extra lancedb is not installed")


@pytest.mark.parametrize("kind", ["exact", pytest.param("lancedb", marks=[LANCEDB, pytest.mark.slow])])
def test_two_writers_killed_in_the_middle(kind: str, tmp_path: Path) -> None:
    before = 0
    for round_ in range(3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.voices.writer", tmp_path, str(1_000_000 * (2 * round_ + n)), kind],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            for n in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        reader = ExactIndex(tmp_path, net="test")
        while reader.generation() < before + 20:
            time.sleep(0.01)
            assert_batches_are_whole(reader)
        for writer in writers:
            assert writer.poll() is None, "it was to be killed, not to fail"
            writer.kill()
            writer.communicate()
        index = INDEXES[kind](tmp_path, net="test")
        assert_batches_are_whole(index)
        assert index.verify() == []
        assert index.search(vector=vector(1), k=10) == ExactIndex(tmp_path, net="test").search(vector=vector(1), k=10)
        assert index.verify() == []
        before = index.generation()


def assert_batches_are_whole(index: ExactIndex) -> None:
    with index.store.reading() as db:
        sources = Counter(row[0] for row in db.execute("SELECT json_extract(entry, '$.source') FROM voice"))
        words = db.execute("SELECT count(*) FROM words").fetchone()[0]
        tagged = db.execute("SELECT count(DISTINCT row) FROM tag").fetchone()[0]
    assert set(sources.values()) <= {BATCH}
    assert words == tagged == sum(sources.values())
