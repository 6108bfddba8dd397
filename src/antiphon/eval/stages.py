"""The first two stages of a run: questions are frozen, then answered. Killed anywhere, they go on where they were.

    data ─ freeze ─> items.jsonl ─ ask (this shard's share) ─> outputs/SHARD.jsonl + audio/

Which shard asks a question depends on the question alone, and so does its seed; so another number of shards, or a run
that was cut off, gives the same rows. Answers come from the cache where another run has paid for them.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import yaml

from antiphon.errors import AntiphonError, InputError
from antiphon.eval.answerers import Answerer, Reply
from antiphon.eval.benchmark import SUITE, Answer, Benchmark
from antiphon.eval.cache import Cache, keep_sound
from antiphon.eval.folder import Folder, answer_of, row_key
from antiphon.eval.items import Item, digest
from antiphon.eval.rows import Rows, locked
from antiphon.eval.source import Problem, Source

__all__ = ["Data", "Progress", "ask", "explain", "freeze", "is_there", "read_bench", "read_data", "share"]

T = TypeVar("T")


@dataclass(frozen=True)
class Data:
    """Where the data of each family lies."""

    folders: Mapping[str, Path]
    fallback: Path | None = None  # a folder with one folder for each family

    def of(self, family: str) -> Path | None:
        """The folder of a family, if it is there."""
        found = self.folders.get(family) or (self.fallback / family if self.fallback else None)
        return found if found and found.is_dir() else None


def read_data(path: Path) -> Data:
    """A folder of data sets, or a YAML file of `family: folder`.

    Raises:
        InputError: it is neither.
    """
    if path.is_dir():
        return Data({}, path)
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML or as a folder; give lines of `family: folder`.") from error
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise InputError(f"{path} holds {type(told).__name__}; expected lines of `family: folder`.")
    return Data({str(name): (path.parent / value).resolve() for name, value in told.items()})


def read_bench(bench: Benchmark, data: Data) -> tuple[list[Item], list[Problem]]:
    """All items of a benchmark, and what was wrong with its data.

    Raises:
        InputError: its data is not there.
    """
    folder = data.of(bench.family)
    if folder is None:
        raise InputError(f"the data of {bench.name} is not there; name a folder {bench.family!r} with {bench.layout}.")
    source = Source(folder)
    items = bench.items(source)
    if not items:
        raise InputError(f"{folder} holds no item of {bench.name}; expected {bench.layout}.")
    return items, source.problems


def is_there(bench: Benchmark, data: Data) -> bool:
    """Whether a benchmark's data can be read; no further than its first item."""
    folder = data.of(bench.family)
    try:
        return folder is not None and next(iter(bench.read(Source(folder))), None) is not None
    except InputError:
        return False


def freeze(folder: Folder, benches: Sequence[Benchmark], data: Data, limit: int | None, seed: int) -> None:
    """Write down what is asked. What is frozen already must be what the data still says.

    Raises:
        InputError: the data has changed since.
    """
    with locked(folder.path / "items.lock", wait=True), Rows(folder.path / "benches.jsonl") as done:
        there = {str(row["key"]) for row in done.rows}
        with Rows(folder.path / "items.jsonl", 1000) as rows, Rows(folder.path / "problems.jsonl") as problems:
            frozen = {str(row["key"]): row["hash"] for row in rows.rows}
            for bench in (one for one in benches if one.name not in there):
                items, found = read_bench(bench, data)
                for problem in found:
                    told = {"bench": bench.name, **problem.to_json()}
                    problems.add({"key": digest(told), **told})
                kept = _drawn(items, limit, f"{seed} {bench.name}")
                for place, item in enumerate(kept):
                    key = digest([item.bench, item.id])
                    if frozen.get(key, item.hash) != item.hash:
                        raise InputError(f"{item.bench} {item.id} is another question than when the run began; give "
                                         "another folder.")  # fmt: skip
                    rows.add({**item.to_json(), "input": item.key, "key": key, "hash": item.hash, "place": place})
                done.add({"key": bench.name, "items": len(kept), "of": len(items)})


def share(items: Sequence[Item], shard: tuple[int, int]) -> list[Item]:
    """The items of shard i of n: by a hash of their own, so that every item belongs to one."""
    number, count = shard
    if not 1 <= number <= count:
        raise InputError(f"found shard {number}/{count}; expected 1/{count} to {count}/{count}.")
    return [item for item in items if int(digest([item.bench, item.id])[:8], 16) % count == number - 1]


@dataclass
class Progress:
    """How far a shard is; for whoever shows a bar."""

    total: int
    done: int = 0
    errors: int = 0
    from_cache: int = 0


def ask(
    folder: Folder, answerer: Answerer, cache: Cache, *, shard: tuple[int, int] = (1, 1), seed: int = 0
) -> Iterator[Progress]:
    """Answer what is not answered yet; a step of progress after each."""
    known = folder.answers()
    todo = [item for item in share(folder.items, shard) if row_key(item, answerer.fingerprint) not in known]
    progress = Progress(len(todo))
    name = f"{shard[0]}-of-{shard[1]}"
    with locked(folder.path / "outputs" / f"{name}.lock"), Rows(folder.path / "outputs" / f"{name}.jsonl") as rows:
        _tell_cut_off(folder, rows)
        made = in_order(partial(_answered, folder, answerer, cache, seed), todo, answerer.workers)
        for item, (answer, is_kept) in zip(todo, made, strict=True):
            named = {"key": row_key(item, answerer.fingerprint), "bench": item.bench, "id": item.id}
            rows.add({**named, **asdict(answer)})
            progress.done += 1
            progress.errors += answer.status == "error"
            progress.from_cache += is_kept
            yield progress


def _tell_cut_off(folder: Folder, rows: Rows) -> None:
    """Half a line that a killed run left behind is removed; which, is told, and its question is asked again."""
    if rows.cut_off:
        problem = Problem(file=str(rows.path), line=len(rows.rows) + 1, found=f"half a row, {rows.cut_off[:40]!r}",
                          expected="a whole one; its question is asked again", is_fault=False)  # fmt: skip
        with locked(folder.path / "items.lock", wait=True), Rows(folder.path / "problems.jsonl") as problems:
            told = {"bench": "", **problem.to_json()}
            problems.add({"key": digest(told), **told})


def in_order(work: Callable[[Item], T], items: Sequence[Item], workers: int) -> Iterator[T]:
    """Results in the order of the items; as many under way as there are workers, so that little is lost by a kill."""
    if workers == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        under_way = deque(pool.submit(work, item) for item in items[:workers])
        for item in [*items[workers:], *[None] * len(under_way)]:
            yield under_way.popleft().result()
            if item is not None:
                under_way.append(pool.submit(work, item))


def answer_key(item: Item, answerer: Answerer, seed: int) -> str:
    """What an answer is kept under: the question, the model, the suite's version and the seed decide it."""
    known = item.hash if answerer.name.startswith("oracle") else ""  # an oracle knows more than the question
    return digest([item.key, answerer.fingerprint, SUITE, seed, known])


def explain(folder: Folder, answerer: Answerer, cache: Cache, seed: int) -> Iterator[str]:
    """Of every question of a run, what its answer's key is made of and whether the cache has it."""
    for item in folder.items:
        told = cache.explain("answers", answer_key(item, answerer, seed))
        parts = f"question {item.key[:8]}, model {answerer.fingerprint[:8]}, suite {SUITE}, seed {seed}"
        yield f"{item.bench} {item.id}: {parts}: {told}"


def _answered(folder: Folder, answerer: Answerer, cache: Cache, seed: int, item: Item) -> tuple[Answer, bool]:
    """An answer, from the cache or anew; an error is an answer too, and is not kept in the cache."""
    key = answer_key(item, answerer, seed)
    kept = cache.get("answers", key)
    if kept and all(not name or (cache.folder and (cache.folder / "sounds" / name).exists()) for name in kept["audio"]):
        for name in filter(None, kept["audio"]):
            assert cache.folder is not None
            keep_sound(folder.path / "audio", (cache.folder / "sounds" / name).read_bytes())
        return answer_of(kept), True
    began = time.perf_counter()
    try:
        reply = answerer.answer(item, int(digest([seed, item.key])[:8], 16))
    except AntiphonError as error:
        return Answer(status="error", error=" ".join(str(error).split())), False
    answer = _stored(folder, cache, reply, time.perf_counter() - began)
    cache.put("answers", key, asdict(answer))
    return answer, False


def _stored(folder: Folder, cache: Cache, reply: Reply, seconds: float) -> Answer:
    audio = tuple(keep_sound(folder.path / "audio", sound) if sound else "" for sound in reply.sounds)
    if cache.folder:
        for sound in filter(None, reply.sounds):
            keep_sound(cache.folder / "sounds", sound)
    return Answer(texts=reply.texts, audio=audio, finish=reply.finish, seconds=round(seconds, 4), first_s=reply.first_s,
                  audio_s=reply.audio_s, joints=reply.joints)  # fmt: skip


def _drawn(items: Sequence[Item], limit: int | None, seed: str) -> list[Item]:
    """At most so many items, drawn by a seed, in their order."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i] for i in sorted(Random(seed).sample(range(len(items)), limit))]
