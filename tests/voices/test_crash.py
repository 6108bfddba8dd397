"""Two real processes write at once and are killed: nothing is broken, nothing is half there."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from antiphon.voices.index import ExactIndex
from tests.voices.conftest import vector
from tests.voices.writer import BATCH

ROOT = Path(__file__).parents[2]


def test_two_writers_killed_in_the_middle(tmp_path: Path) -> None:
    before = 0
    for round_ in range(3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.voices.writer", tmp_path, str(1_000_000 * (2 * round_ + n))],
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
        index = ExactIndex(tmp_path, net="test")
        assert_batches_are_whole(index)
        assert index.verify() == []
        assert index.search(vector=vector(1), k=10)
        before = index.generation()


def assert_batches_are_whole(index: ExactIndex) -> None:
    with index.store.reading() as db:
        sources = Counter(row[0] for row in db.execute("SELECT json_extract(entry, '$.source') FROM voice"))
        words = db.execute("SELECT count(*) FROM words").fetchone()[0]
        tagged = db.execute("SELECT count(DISTINCT row) FROM tag").fetchone()[0]
    assert set(sources.values()) <= {BATCH}
    assert words == tagged == sum(sources.values())
