"""A process that writes batches into a library until it is killed:  python -m tests.voices.writer FOLDER FIRST INDEX"""

import sys
from pathlib import Path

from antiphon.voices.index import ExactIndex
from antiphon.voices.lance_index import LanceIndex
from tests.voices.conftest import entry, vector

BATCH = 7
INDEXES = {"exact": ExactIndex, "lancedb": LanceIndex}


def main(folder: Path, first: int, kind: str) -> None:
    """Each batch is told by its source; whoever reads must see all of it or nothing."""
    index = INDEXES[kind](folder, net="test")
    print("ready", flush=True)
    for start in range(first, first + 100_000, BATCH):
        index.upsert([(entry(n, source=f"batch {start}"), vector(n)) for n in range(start, start + BATCH)])
        index.search(vector=vector(start), k=3)
        if start % 3 == 0:
            index.upsert([(entry(start, source=f"batch {start}", name="Renamed"), vector(start + 1))])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
