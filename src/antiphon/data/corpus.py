"""A corpus in a folder, made by jobs of a shard each; stopped anywhere and started again, it is the same to the byte.

    spec.json            what was asked for, and the engines and voices that were here
    queue.sqlite         which shards are done
    shards/00000.npy     the sound of 100 clips, and 00000.jsonl what each is (see `store`)
    spoken/00000.npy     of conversations: what nano says in them
    quarantine/          clips that were refused, each with its reasons
    manifest.jsonl       every clip of every shard, in order; written last
"""

import json
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from ctypes import CDLL
from pathlib import Path
from typing import Any

from antiphon.data import clips, recogniser
from antiphon.data.clips import Kept, Row
from antiphon.data.engines import catalogue
from antiphon.data.engines.hosted import close_host
from antiphon.data.engines.protocol import version
from antiphon.data.quarantine import put_away, put_away_shard
from antiphon.data.queue import Done, Queue, holding
from antiphon.data.skills import realise
from antiphon.data.skills.spec import SkillSpec
from antiphon.data.spec import AnySpec, from_json, to_json
from antiphon.data.store import read_index, write_shard
from antiphon.data.validate import manifest_line, shard_problems
from antiphon.errors import CapacityError, ConfigError

SPEC, QUEUE, MANIFEST = "spec.json", "queue.sqlite", "manifest.jsonl"
PART_OF_DYING = 1  # prctl's word for "tell me when my parent dies"

Progress = Callable[[Done], None]


def synthesise(spec: AnySpec, folder: Path, workers: int = 1, progress: Progress = lambda done: None) -> Done:
    """Make a corpus, or what is missing of it; return what all of it came to.

    Raises:
        ConfigError: the folder holds another corpus, or an engine that began it is not here any more.
        CapacityError: another run is at work on the folder, a worker was killed, or the disk is full.
    """
    if spec.judged > 0 and not recogniser.installed():
        raise ConfigError("judged is above 0 and pocketsphinx is not installed; run `pip install antiphon[recipes]`.")
    folder.mkdir(parents=True, exist_ok=True)
    with holding(folder), Queue(folder / QUEUE) as queue:
        _agree(spec, folder)
        _sweep(folder, spec)
        queue.want(_job_id(spec, number) for number in range(shards_of(spec)))
        for number in queue.numbers("done"):
            problems = [problem for name in spec.rates for problem in shard_problems(folder, number, name)]
            if problems:
                put_away_shard(folder, number, problems)
                queue.again(number)
        try:
            for done in _worked(spec, folder, queue.numbers("waiting"), workers):
                queue.finish(done)
                progress(done)
            write_manifest(folder, shards_of(spec))
        except OSError as error:
            raise CapacityError(f"{folder} cannot be written ({error.strerror}); make room and give the same command "
                                "again, which goes on from here.") from error  # fmt: skip
        return queue.total()


def shards_of(spec: AnySpec) -> int:
    """How many shards a corpus has."""
    return -(-spec.clips // spec.shard)


def numbers_of(spec: AnySpec, shard: int) -> range:
    """The clips of a shard."""
    return range(shard * spec.shard, min((shard + 1) * spec.shard, spec.clips))


def _job_id(spec: AnySpec, shard: int) -> str:
    """The name of a job; a last shard that is to become longer is another job."""
    return f"{spec.digest}-{shard:05d}-{len(numbers_of(spec, shard))}"


def _agree(spec: AnySpec, folder: Path) -> None:
    """See that the folder is for this corpus and that it was begun with the voices that are here, or say so now."""
    catalogue.warn_of_absent(tuple(spec.engines), spec.languages)
    voices = catalogue.available(tuple(spec.engines), spec.languages)
    found = {
        "digest": spec.digest,
        "voices": {name: [voice.name for voice in able] for name, able in voices.items()},
        "versions": {name: version(catalogue.find(name).package) for name in voices},
    }
    path = folder / SPEC
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["digest"] != found["digest"]:
            raise ConfigError(f"{folder} holds the corpus {before['spec']['name']!r} of seed {before['spec']['seed']}, "
                              "which differs from this one; give another folder.")  # fmt: skip
        for what in ("voices", "versions"):
            if before[what] != found[what]:
                raise ConfigError(f"{folder} was begun with the {what} {before[what]} and here are {found[what]}; "
                                  "install the same, or give another folder.")  # fmt: skip
    write_whole(path, json.dumps({**found, "spec": to_json(spec)}, indent=1, ensure_ascii=False).splitlines())


def _sweep(folder: Path, spec: AnySpec) -> None:
    """Remove what a killed run left half done, and shards beyond the last."""
    for path in [*folder.glob("*.part"), *(path for name in spec.rates for path in folder.glob(f"{name}/*.part"))]:
        path.unlink()
    for path in (path for name in spec.rates for path in folder.glob(f"{name}/[0-9]*")):
        if int(path.stem) >= shards_of(spec):
            path.unlink()


# --- work ------------------------------------------------------------------------------------------------------------


def _worked(spec: AnySpec, folder: Path, numbers: list[int], workers: int) -> Iterator[Done]:
    """Do jobs, in this process or in several others, and hand out each as it is done."""
    if workers == 1 or len(numbers) < 2:
        for number in numbers:
            yield work(to_json(spec), folder, number)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (os.getpid(),)) as pool:
        try:
            waiting = [pool.submit(work, to_json(spec), folder, number) for number in numbers]
            for job in as_completed(waiting):
                yield job.result()
        except BrokenProcessPool as error:
            raise CapacityError("a worker was killed, perhaps for want of memory; give the same command again, "
                                "which goes on from here.") from error  # fmt: skip
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(parent: int) -> None:
    """Prepare a worker: one thread each, no life without its parent, and no word of its own when that is stopped."""
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        CDLL(None).prctl(PART_OF_DYING, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def work(values: dict[str, Any], folder: Path, number: int) -> Done:
    """Make one shard; it is there when its index is."""
    spec = from_json(values)
    before = _cpu_s()
    sets = _made(spec, number)
    close_host()  # its time counts once it has ended
    audio_s = 0.0
    for name, rate in spec.rates.items():
        for clip in sets[name]:
            put_away(folder, clip)
        samples = write_shard(folder / name, number, ((_digested(clip), clip.audio) for clip in sets[name]), rate)
        audio_s += samples / rate
    clips_made = sets["shards"]
    refused = sum(len(clip.refused) for clip in clips_made)
    return Done(number=number, clips=len(clips_made), refused=refused, audio_s=audio_s, cpu_s=_cpu_s() - before)


def _made(spec: AnySpec, number: int) -> dict[str, list[Kept]]:
    """The clips of a shard, by set."""
    voices, numbers = catalogue.available(tuple(spec.engines), spec.languages), numbers_of(spec, number)
    if isinstance(spec, SkillSpec):
        return realise.make(spec, voices, numbers)
    return {"shards": clips.make(spec, voices, numbers)}


def _digested(clip: Kept) -> Row:
    return {**clip.row, "sha256": clips.sha256(clip.audio)}


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


# --- the manifest ----------------------------------------------------------------------------------------------------


def write_manifest(folder: Path, shards: int) -> None:
    """Write the rows of all shards as one file, each with its shard."""
    write_whole(
        folder / MANIFEST,
        (manifest_line(n, row) for n in range(shards) for row in read_index(folder / "shards", n)),
    )


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file so that it is there whole or as it was."""
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
    os.replace(part, path)
