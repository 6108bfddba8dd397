"""The vectors of a library as tables in mapped files, so that searching all of them is one product.

    vectors/stamp.json                      library, generation, width, and the segments in their order
    vectors/GENERATION-PROCESS.rows.npy     the rows of the store, rising
    vectors/GENERATION-PROCESS.vectors.npy  their vectors, float32 or float16

All of it is derived from the store and may be thrown away: files that are missing, broken, of another library or ahead
of the store are made anew. A segment is never changed. New rows are appended in memory and written once there are many,
removed ones are marked until a compaction leaves them out.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64

from antiphon.voices.store import Filters, Store

FOLDER = "vectors"
STAMP = "stamp.json"
SEGMENT_ROWS = 65_536  # at most in one file
TAIL_ROWS = 4_096  # unwritten ones that are worth a file
MOST_SEGMENTS = 16  # small files that are worth one large one
BLOCK_ROWS = 8_192  # of float16, turned into float32 at a time
DTYPES = {"float32": np.float32, "float16": np.float16}


@dataclass(frozen=True)
class Segment:
    """A table of vectors; `name` is that of its files, or empty for one in memory."""

    rows: Int64[np.ndarray, " n"]
    vectors: Float[np.ndarray, "n d"]
    name: str = ""


@dataclass(frozen=True)
class Snapshot:
    """All vectors of one generation. Masks of attributes are made when first asked for, and go with it."""

    library: str
    generation: int
    segments: tuple[Segment, ...]
    alive: Bool[np.ndarray, " n"]
    masks: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @property
    def rows(self) -> Int64[np.ndarray, " n"]:
        """The rows of all segments, rising."""
        return np.concatenate([s.rows for s in self.segments]) if self.segments else np.zeros(0, np.int64)

    def scores(self, vector: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
        """Cosine of every row with a vector of length 1."""
        parts = [block @ vector for segment in self.segments for block in _blocks(segment.vectors)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def allowed(self, store: Store, filters: Filters) -> Bool[np.ndarray, " n"]:
        """Which rows are alive and have all attributes."""
        mask = self.alive
        for pair in filters:
            if pair not in self.masks:
                self.masks[pair] = np.isin(self.rows, store.rows_with(*pair), assume_unique=True)
            mask = mask & self.masks[pair]
        return mask


class Segments:
    """The vectors of a store, as new as the store is whenever they are asked for."""

    def __init__(self, store: Store, folder: Path, dtype: str = "float32") -> None:
        assert dtype in DTYPES, dtype
        self._store, self._folder, self._dtype = store, folder / FOLDER, DTYPES[dtype]
        self._held: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """All vectors of the store's present generation; what is new is read from it, what is much is written down."""
        held = self._held
        if held is None or held.generation != self._store.generation():
            held = self._renewed(held or self._load())
            unwritten = sum(len(s.rows) for s in held.segments if not s.name)
            dead = len(held.alive) - int(held.alive.sum())
            if dead > len(held.alive) // 8 or len(held.segments) > MOST_SEGMENTS + len(held.alive) // SEGMENT_ROWS:
                held = self._compacted()
            elif unwritten >= TAIL_ROWS:
                held = self._written(held)
            self._held = held
        return held

    def compact(self) -> None:
        """Write everything anew, without what was removed, so that nothing of it stays on disk."""
        if self._folder.exists():
            (self._folder / STAMP).unlink(missing_ok=True)
            self._tidy(set(), everything=True)
        self._held = self._compacted()

    def problems(self) -> list[str]:
        """What differs between the written segments and the store."""
        snapshot = self.snapshot()
        with self._store.reading() as db:
            truth = dict(db.execute("SELECT row, vector FROM voice"))
            generation = self._store.generation()
        if generation != snapshot.generation:
            return []  # somebody wrote meanwhile
        rows = snapshot.rows
        is_whole = set(rows[snapshot.alive].tolist()) == set(truth)
        found = [] if is_whole else ["the vectors are of other rows than the store"]
        table = [row for segment in snapshot.segments for row in segment.vectors]
        for row, vector, is_alive in zip(rows.tolist(), table, snapshot.alive, strict=True):
            if is_alive and row in truth:
                wanted = np.frombuffer(truth[row], dtype="<f4").astype(self._dtype)
                if not np.array_equal(wanted, vector):
                    found.append(f"the vector of row {row} differs from the store")
        return found

    def _empty(self) -> Snapshot:
        return Snapshot(str(self._store.meta("library")), -1, (), np.zeros(0, bool))

    def _renewed(self, held: Snapshot) -> Snapshot:
        """A snapshot brought up to the store's generation, in memory."""
        with self._store.reading() as db:
            generation = self._store.generation()
            if held.library != self._store.meta("library") or held.generation > generation:
                held = self._empty()
            rows = held.rows
            last = int(rows[-1]) if len(rows) else 0
            new = db.execute("SELECT row, vector FROM voice WHERE row > ? ORDER BY row", (last,)).fetchall()
            gone = db.execute("SELECT row FROM gone WHERE generation > ?", (held.generation,)).fetchall()
        segments, alive = held.segments, held.alive
        if gone:
            alive = alive & ~np.isin(rows, np.array([row[0] for row in gone], dtype=np.int64))
        if new:
            tail = [s for s in segments if not s.name]
            joined = [*tail, _segment(new, self._dtype)]
            segments = (*(s for s in segments if s.name), _joined(joined))
            alive = np.concatenate([alive, np.ones(len(new), bool)])
        return Snapshot(held.library, generation, segments, alive)

    def _compacted(self) -> Snapshot:
        return self._written(self._renewed(self._empty()), everything=True)

    def _written(self, held: Snapshot, everything: bool = False) -> Snapshot:
        """Write the segments that are in memory, then the stamp that names all; a full disk leaves them in memory."""
        segments: list[Segment] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for segment in held.segments:
                if segment.name:
                    segments.append(segment)
                for start in range(0, 0 if segment.name else len(segment.rows), SEGMENT_ROWS):
                    part = slice(start, start + SEGMENT_ROWS)
                    name = f"{held.generation:012d}-{os.getpid()}-{len(segments)}"
                    segments.append(self._write(Segment(segment.rows[part], segment.vectors[part], name)))
            self._write_stamp(held, [s.name for s in segments])
            self._tidy({s.name for s in segments}, everything)
        except OSError:
            return held
        return replace(held, segments=tuple(segments))

    def _write(self, segment: Segment) -> Segment:
        for kind, table in (("rows", segment.rows), ("vectors", segment.vectors)):
            part = self._folder / f"{segment.name}.{kind}.part"
            with open(part, "wb") as file:
                np.save(file, table)
            os.chmod(part, 0o600)
            os.replace(part, self._folder / f"{segment.name}.{kind}.npy")
        return self._open(segment.name)

    def _open(self, name: str) -> Segment:
        rows = np.load(self._folder / f"{name}.rows.npy", allow_pickle=False)
        vectors = np.load(self._folder / f"{name}.vectors.npy", mmap_mode="r", allow_pickle=False)
        return Segment(rows, np.asarray(vectors), name)  # a view of the mapped file

    def _write_stamp(self, held: Snapshot, names: list[str]) -> None:
        dead = held.rows[~held.alive].tolist()
        stamp = {"library": held.library, "generation": held.generation, "segments": names, "dead": dead}
        part = self._folder / f"{STAMP}.{os.getpid()}"
        part.write_text(json.dumps(stamp), encoding="utf-8")
        os.replace(part, self._folder / STAMP)

    def _tidy(self, names: set[str], everything: bool) -> None:
        """Remove files that no stamp names; whoever has them mapped keeps them, whoever misses them starts anew."""
        for path in self._folder.iterdir():
            is_ours = path.name == STAMP or path.name.split(".")[0] in names
            if not is_ours and (everything or path.suffix == ".npy"):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()

    def _load(self) -> Snapshot:
        """What is written, or nothing where anything about it is wrong."""
        try:
            stamp = json.loads((self._folder / STAMP).read_text(encoding="utf-8"))
            segments = tuple(self._open(name) for name in stamp["segments"])
            snapshot = Snapshot(str(stamp["library"]), int(stamp["generation"]), segments, np.zeros(0, bool))
            rows, width = snapshot.rows, self._store.meta("width")
            shapes = all(s.vectors.dtype == self._dtype and s.vectors.shape == (len(s.rows), width) for s in segments)
            if shapes and rows.dtype == np.int64 and bool(np.all(np.diff(rows) > 0)):
                return replace(snapshot, alive=~np.isin(rows, np.array(stamp["dead"], dtype=np.int64)))
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            pass
        return self._empty()


def _segment(found: list[tuple[int, bytes]], dtype: type) -> Segment:
    table = np.frombuffer(b"".join(vector for _, vector in found), dtype="<f4").reshape(len(found), -1)
    return Segment(np.array([row for row, _ in found], dtype=np.int64), table.astype(dtype))


def _joined(segments: list[Segment]) -> Segment:
    if len(segments) == 1:
        return segments[0]
    return Segment(np.concatenate([s.rows for s in segments]), np.concatenate([s.vectors for s in segments]))


def _blocks(vectors: Float[np.ndarray, "n d"]) -> Iterable[np.ndarray]:
    """A table as float32: at once, or in pieces where it has to be converted."""
    if vectors.dtype == np.float32:
        return [vectors]
    return (vectors[i : i + BLOCK_ROWS].astype(np.float32) for i in range(0, len(vectors), BLOCK_ROWS))
