"""What a library of many voices costs:  python -m benches.voices --voices 50000 --out benches/results/voices.json

    --index exact | faiss | lancedb     what finds them; the latter two are extras

Invented entries with clustered vectors, as speakers have them (several clips each). Brute force is a product over all
vectors, whose best hundred are ranked in float64; a recall of 1 says that nothing was missed. Times are CPU time of
this process, on one thread.
"""

import argparse
import hashlib
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from antiphon.voices.entry import VoiceEntry
from antiphon.voices.faiss_index import FaissIndex
from antiphon.voices.index import ExactIndex
from antiphon.voices.lance_index import LanceIndex
from antiphon.voices.search import by_vector, by_words
from benches.streams import git

WIDTH, CLIPS, BATCH, QUERIES = 192, 5, 1000, 50
NOUNS = tuple("sailor teacher captain baker robot pirate queen doctor clown monk farmer 老师 水手 船长 医生".split())
NOBODY = "a nasal newsreader, slow, with a Scottish accent"  # attributes that no voice here has
VALUES = {
    "gender": ("male", "female"),
    "age": ("child", "young", "adult", "old"),
    "timbre": ("deep", "high", "warm", "hoarse", "soft"),
    "emotion": ("happy", "sad", "angry", "calm", "neutral"),
    "language": ("en", "zh"),
}


def entry(number: int) -> VoiceEntry:
    """The invented voice of a number."""
    rng = np.random.default_rng([1, number])
    attributes = {name: (str(rng.choice(values)),) for name, values in VALUES.items()}
    first, second = rng.choice(NOUNS, 2)
    return VoiceEntry(
        voice_id=f"v{number}",
        name=f"Voice {number}",
        clip=hashlib.sha256(str(number).encode()).hexdigest(),
        description=f"sounds like a {first}, now and then like a {second} in the evening",
        attributes=attributes,
        speaker=f"speaker {number // CLIPS}",
    )


def vectors(count: int) -> np.ndarray:
    """Vectors of clips, around one centre a speaker, of length 1."""
    rng = np.random.default_rng([2, count])
    centres = rng.normal(size=(-(-count // CLIPS), WIDTH)).repeat(CLIPS, axis=0)[:count]
    table = centres + 0.5 * rng.normal(size=(count, WIDTH))
    return (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)


def timed(act: Callable[[int], object]) -> dict[str, float]:
    """Milliseconds of CPU time of a query, after one that warms up."""
    act(QUERIES)
    spent = []
    for number in range(QUERIES):
        before = time.process_time()
        act(number)
        spent.append(1000 * (time.process_time() - before))
    return {f"p{part}_cpu_ms": round(float(np.percentile(spent, part)), 2) for part in (50, 95)}


def resident_mb(field: str) -> float:
    """Memory of this process by the kernel's count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024, 1)


def opened(folder: Path, kind: str, dtype: str) -> ExactIndex:
    """The index of a kind. Faiss takes its short cut however few the voices are."""
    if kind == "faiss":
        return FaissIndex(folder, net="bench", least=1)
    return LanceIndex(folder, net="bench") if kind == "lancedb" else ExactIndex(folder, net="bench", dtype=dtype)


def measure(folder: Path, count: int, kind: str, dtype: str) -> dict[str, object]:
    """Fill a library and ask it."""
    table = vectors(count)
    before, cpu = time.perf_counter(), time.process_time()
    writer = opened(folder, kind, dtype)
    for start in range(0, count, BATCH):
        stop = min(start + BATCH, count)
        writer.upsert([(entry(n), table[n]) for n in range(start, stop)])
    filled = {"import_s": round(time.perf_counter() - before, 1), "import_cpu_s": round(time.process_time() - cpu, 1)}
    writer.store.close()
    del writer
    index = opened(folder, kind, dtype)
    cpu = time.process_time()
    index.search(vector=table[0])
    tables = round(time.process_time() - cpu, 2)
    rng = np.random.default_rng([3, count])
    queries = table[rng.integers(0, count, QUERIES + 1)]
    queries = queries + 0.03 * rng.normal(size=queries.shape).astype(np.float32)
    right = 0
    for query in queries[:QUERIES]:
        right += len({hit.voice_id for hit in index.search(vector=query)} & {f"v{n}" for n in brute(table, query)})
    read, filters = index.store.entries, (("gender", "male"), ("age", "old"))
    said = [f"an old {NOUNS[n % len(NOUNS)]}, {VALUES['emotion'][n % 5]}" for n in range(QUERIES + 1)]
    figures = {
        "vector": timed(lambda n: index.search(vector=queries[n])),
        "vector, two attributes": timed(lambda n: index.search(vector=queries[n], filters=filters)),
        "clip, a speaker once": timed(lambda n: by_vector(index, read, queries[n], (), 3)),
        "words, in sentences": timed(lambda n: by_words(index, read, said[n], (), 3)),
        "words, four attributes given up": timed(lambda n: by_words(index, read, f"{said[n]}, {NOBODY}", (), 3)),
    }
    return {**filled, "tables_cpu_s": tables, "recall_at_10": right / (10 * QUERIES), "search": figures}


def brute(table: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The true nearest ten: candidates in float32, ranked in float64."""
    near = np.argpartition(-(table @ query), 100)[:100]
    return near[np.argsort(-(table[near].astype(np.float64) @ query.astype(np.float64)))][:10]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=int, default=50_000)
    parser.add_argument("--index", choices=("exact", "faiss", "lancedb"), default="exact")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.voices, options.index, options.dtype)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    memory = {"resident_mb": resident_mb("VmRSS"), "peak_mb": resident_mb("VmHWM"), "disk_mb": round(size / 1e6, 1)}
    asked = {"voices": options.voices, "index": options.index, "dtype": options.dtype}
    result = {"commit": git("rev-parse", "--short", "HEAD"), **asked, "machine": platform.machine(), **found, **memory}
    text = json.dumps(result, indent=1, ensure_ascii=False)
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
