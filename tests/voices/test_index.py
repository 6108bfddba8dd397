"""What every index must do; numpy and Python's sets say what is right."""

from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from antiphon.errors import InputError
from antiphon.voices import segments
from antiphon.voices.entry import VoiceEntry
from antiphon.voices.faiss_index import FaissIndex
from antiphon.voices.index import ExactIndex, VoiceIndex
from antiphon.voices.lance_index import LanceIndex
from tests.voices.conftest import batch, entry, vector

Make = Callable[[Path], VoiceIndex]
INDEXES: dict[str, Make] = {
    "exact": partial(ExactIndex, net="test"),
    "exact, float16": partial(ExactIndex, net="test", dtype="float16"),
}
if find_spec("faiss"):
    INDEXES["faiss"] = partial(FaissIndex, net="test", least=1, probes=1000)  # of all cells: nothing is missed
if find_spec("lancedb"):
    INDEXES["lancedb"] = partial(LanceIndex, net="test")


@pytest.fixture(params=INDEXES)
def make(request: pytest.FixtureRequest) -> Make:
    return INDEXES[request.param]


def unit(number: int) -> np.ndarray:
    drawn = vector(number).astype(np.float64)
    return drawn / np.linalg.norm(drawn)


def nearest(query: np.ndarray, numbers: list[int], k: int) -> list[tuple[str, float]]:
    """The oracle: all cosines, sorted."""
    found = [(f"v{n}", float(unit(n) @ query)) for n in numbers]
    return sorted(found, key=lambda pair: -pair[1])[:k]


@cache
def plain(number: int) -> VoiceEntry:
    return entry(number)


def has(number: int, filters: list[tuple[str, str]]) -> bool:
    return set(filters) <= set(plain(number).tags)


FILTERS = [[], [("gender", "male")], [("gender", "female"), ("age", "old")], [("emotion", "sad"), ("language", "zh")]]


def test_the_nearest_are_those_of_the_oracle(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path)
    index.upsert(batch(range(300)))
    for query, filters in product((1000, 1001, 1002), FILTERS):
        wanted = nearest(unit(query), [n for n in range(300) if has(n, filters)], 10)
        got = index.search(vector=vector(query) * 3, filters=filters, k=10)
        assert [hit.voice_id for hit in got] == [voice_id for voice_id, _ in wanted]
        np.testing.assert_allclose([hit.score for hit in got], [score for _, score in wanted], atol=1e-3)


def test_words_find_all_that_have_them(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path)
    index.upsert(batch(range(120)))
    for word, filters in product(("sailor", "sailors", "水手", "水", "船长"), FILTERS):
        wanted = {f"v{n}" for n in range(120) if word.rstrip("s") in plain(n).description and has(n, filters)}
        got = index.search(text=word, filters=filters, k=200)
        assert {hit.voice_id for hit in got} == wanted, (word, filters)
        assert [hit.score for hit in got] == sorted((hit.score for hit in got), reverse=True)


def test_attributes_alone(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path)
    index.upsert(batch(range(60)))
    for filters in FILTERS:
        wanted = [f"v{n}" for n in range(60) if has(n, filters)]
        assert [hit.voice_id for hit in index.search(filters=filters, k=100)] == wanted
        assert len(index.search(filters=filters, k=2)) == min(2, len(wanted))


def test_what_comes_and_goes_is_found_and_lost_at_once(make: Make, tmp_path: Path) -> None:
    index, other = make(tmp_path), make(tmp_path)
    index.upsert(batch(range(50)))
    assert other.search(vector=vector(7), k=1)[0].voice_id == "v7"
    assert index.delete(["v7", "v8", "nobody"]) == 2
    for reader in (index, other, make(tmp_path)):
        numbers = [n for n in range(50) if n not in (7, 8)]
        found = reader.search(vector=vector(7), k=50)
        assert [hit.voice_id for hit in found] == [voice_id for voice_id, _ in nearest(unit(7), numbers, 50)]
        assert not {"v7", "v8"} & {hit.voice_id for hit in reader.search(k=100)}
    index.upsert([(entry(9, description="a lighthouse keeper"), vector(7))])
    for reader in (index, other, make(tmp_path)):
        assert reader.search(vector=vector(7), k=1)[0].voice_id == "v9"
        assert [hit.voice_id for hit in reader.search(text="lighthouse")] == ["v9"]
        assert reader.verify() == []


def test_every_write_makes_the_generation_larger(make: Make, tmp_path: Path) -> None:
    index, seen = make(tmp_path), []
    for act in (lambda: None, lambda: index.upsert(batch(range(3))), lambda: index.delete(["v1"])):
        act()
        seen.append(index.generation())
    assert seen == sorted(set(seen)) and make(tmp_path).generation() == seen[-1]


def test_a_batch_is_all_or_nothing(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path)
    index.upsert(batch(range(5)))
    bad = [
        (entry(20, clip=entry(3).clip), vector(20)),  # another's clip
        (entry(20), np.zeros_like(vector(20))),
        (entry(20), np.full_like(vector(20), np.nan)),
        (entry(20), vector(20)[:-1]),
        (entry(10), vector(10)),  # twice in one batch
    ]
    for last in bad:
        before = index.generation()
        with pytest.raises(InputError):
            index.upsert([*batch(range(10, 15)), last])
        assert len(index.search(k=100)) == 5 and index.generation() == before and index.verify() == []


def test_nothing_is_found_in_nothing(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path)
    assert index.search(vector=vector(1)) == index.search(text="sailor") == index.search() == []
    index.upsert(batch(range(4)))
    assert index.search(text="the voice of a") == [] and index.search(text='" OR ( NEAR * -') == []
    assert index.search(filters=[("gender", "robot")], vector=vector(1)) == []
    for wrong in ({"k": 0}, {"k": 10**6}, {"text": "a", "vector": vector(1)}, {"vector": vector(1)[:5]}):
        with pytest.raises(InputError):
            index.search(**wrong)  # type: ignore[arg-type]


def test_a_library_has_vectors_of_one_net(tmp_path: Path) -> None:
    ExactIndex(tmp_path, net="one").upsert(batch(range(3)))
    with pytest.raises(InputError, match="speaker net"):
        ExactIndex(tmp_path, net="two").upsert(batch(range(5, 6)))


@pytest.mark.parametrize("harm", ["cut", "another", "no stamp", "not json", "a table less", "ahead", "of others"])
def test_broken_tables_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    monkeypatch.setattr(segments, "TAIL_ROWS", 10)
    index = ExactIndex(tmp_path, net="test")
    index.upsert(batch(range(40)))
    wanted = index.search(vector=vector(99), k=40)
    stamp, (table,) = tmp_path / "vectors/stamp.json", sorted((tmp_path / "vectors").glob("*.vectors.npy"))
    if harm == "cut":
        table.write_bytes(table.read_bytes()[:-100])
    elif harm == "another":
        np.save(table, np.zeros((40, 3), np.float32))
    elif harm == "no stamp":
        stamp.unlink()
    elif harm == "not json":
        stamp.write_bytes(b"\x80{")
    elif harm == "a table less":
        table.unlink()
    elif harm == "ahead":
        stamp.write_text(stamp.read_text().replace('"generation": 1', '"generation": 99'))
    else:
        stamp.write_text(stamp.read_text().replace('"library": "', '"library": "x'))
    again = ExactIndex(tmp_path, net="test")
    assert again.search(vector=vector(99), k=40) == wanted and again.verify() == []


def test_tables_are_appended_to_and_compacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "TAIL_ROWS", 10)
    monkeypatch.setattr(segments, "MOST_SEGMENTS", 3)
    index = ExactIndex(tmp_path, net="test")
    for start in range(0, 200, 10):
        index.upsert(batch(range(start, start + 10)))
        assert index.search(vector=vector(start + 3), k=1)[0].voice_id == f"v{start + 3}"
        assert len(list((tmp_path / "vectors").glob("*.vectors.npy"))) <= 4
    secret = (vector(11) / np.linalg.norm(vector(11))).astype(np.float32).tobytes()
    assert any(secret[:64] in path.read_bytes() for path in (tmp_path / "vectors").iterdir())
    index.delete(["v11"])
    assert not any(secret[:64] in path.read_bytes() for path in (tmp_path / "vectors").iterdir())
    assert index.verify() == []


def test_verify_sees_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "TAIL_ROWS", 10)
    index = ExactIndex(tmp_path, net="test")
    index.upsert(batch(range(20)))
    index.search(vector=vector(1))
    (table,) = (tmp_path / "vectors").glob("*.vectors.npy")
    data = bytearray(table.read_bytes())
    data[-1] ^= 1
    table.write_bytes(data)
    with index.store.writing() as db:
        db.execute("DELETE FROM words WHERE rowid = 3")
        db.execute("INSERT INTO tag VALUES('gender', 'male', 999)")
    told = " ".join(ExactIndex(tmp_path, net="test").verify())
    assert "words of 19" in told and "1 attributes" in told and "vector of row 20" in told


@pytest.mark.skipif(not find_spec("faiss"), reason="the extra faiss is not installed")
def test_faiss_looks_at_few_and_misses_little(tmp_path: Path) -> None:
    index, exact = FaissIndex(tmp_path, net="test", least=1, probes=8), ExactIndex(tmp_path, net="test")
    index.upsert(batch(range(3000)))
    missed = 0
    for query in range(5000, 5020):
        wanted = {hit.voice_id for hit in exact.search(vector=vector(query), k=10)}
        missed += len(wanted - {hit.voice_id for hit in index.search(vector=vector(query), k=10)})
    assert missed < 100  # of 200: these vectors have no neighbours to speak of
    index.upsert(batch(range(3000, 3050)))
    assert index.search(vector=vector(3049), k=1)[0].voice_id == "v3049"  # newer than the file
    file = tmp_path / "vectors" / "faiss.cells"
    before = file.read_bytes()
    again = FaissIndex(tmp_path, net="test", least=1, probes=8)
    assert again.search(vector=vector(17), k=1)[0].voice_id == "v17" and file.read_bytes() == before
    for broken in (b"", b"x" * 1000, before[: len(before) // 2]):
        file.write_bytes(broken)
        assert FaissIndex(tmp_path, net="test", least=1).search(vector=vector(17), k=1)[0].voice_id == "v17"
    index.delete(["v17"])
    assert not file.exists() or index.search(vector=vector(17), k=1)[0].voice_id != "v17"
    assert index.search(vector=vector(17), k=1)[0].voice_id != "v17" and index.verify() == []


@pytest.mark.skipif(not find_spec("lancedb"), reason="the extra lancedb is not installed")
def test_lancedb_is_made_anew_and_forgets(tmp_path: Path) -> None:
    index, exact = LanceIndex(tmp_path, net="test"), ExactIndex(tmp_path, net="test")
    index.upsert(batch(range(60)))
    assert index.search(vector=vector(99), k=40) == exact.search(vector=vector(99), k=40)
    files = [path for path in (tmp_path / "vectors.lance").rglob("*.lance") if path.is_file()]
    assert files and index.verify() == []
    for path in files:
        path.write_bytes(path.read_bytes()[:40])
    assert any("LanceDB" in fault for fault in LanceIndex(tmp_path, net="test").verify())
    again = LanceIndex(tmp_path, net="test")
    assert again.search(vector=vector(99), k=40) == exact.search(vector=vector(99), k=40) and again.verify() == []
    index.delete(["v11"])  # by the one whose table was made anew behind its back
    secret = (vector(11) / np.linalg.norm(vector(11))).astype(np.float32).tobytes()
    index.search(vector=vector(11))
    assert not any(secret[:32] in path.read_bytes() for path in tmp_path.rglob("*.lance") if path.is_file())
    assert "v11" not in {hit.voice_id for hit in again.search(vector=vector(11), k=60)} and again.verify() == []


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("lancedb"), reason="the extra lancedb is not installed")
def test_lancedb_with_cells_misses_little(tmp_path: Path) -> None:
    index, exact = LanceIndex(tmp_path, net="test", least=1, probes=30), ExactIndex(tmp_path, net="test")
    index.upsert(batch(range(2000)))  # 44 cells
    missed = 0
    for query in range(5000, 5020):
        wanted = {hit.voice_id for hit in exact.search(vector=vector(query), k=10)}
        missed += len(wanted - {hit.voice_id for hit in index.search(vector=vector(query), k=10)})
    assert missed < 40  # of 200: these vectors have no neighbours to speak of
    index.upsert(batch(range(2000, 2050)))
    assert index.search(vector=vector(2049), k=1)[0].voice_id == "v2049"  # newer than the cells
