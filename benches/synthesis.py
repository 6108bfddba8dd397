"""How fast the data engine works, whether a stopped corpus ends the same, and how many random clips are fit.

    python -m benches.synthesis [--clips N] [--workers N] [--out FILE]

*clips*: plain and expressive speech of three engines in all surroundings, as CorpusSpec makes it. *conversations*: what
nano learns its skills from, replies among it. Each is made with all workers and timed by the clock; hours are of sound
that is finished: judged, put into its surroundings and written. Then the clips are made again by processes that are
killed on the way, one after another, and both manifests are compared; and 1,000 random clips are tried by the checks
that need no ear, 100 of them by a recogniser.
"""

import argparse
import json
import multiprocessing
import os
import platform
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from antiphon.data.corpus import MANIFEST, synthesise
from antiphon.data.prosody import EMOTIONS, RHYTHMS
from antiphon.data.spec import AnySpec, CorpusSpec
from antiphon.data.surroundings import SURROUNDINGS
from antiphon.data.validate import problems, sample
from recipes.nano import skills

KILLS, TRIED, JUDGED = 5, 1000, 100


def plain(clips: int) -> CorpusSpec:
    """Clips of every kind; most are clean and neutral."""
    return CorpusSpec(
        name="clips",
        clips=clips,
        emotions=_mostly("neutral", EMOTIONS),
        rhythms=_mostly("even", RHYTHMS),
        surroundings=_mostly("clean", SURROUNDINGS),
    )


def _mostly(first: str, names: Sequence[str]) -> dict[str, float]:
    return {name: float(len(names)) if name == first else 1.0 for name in names}


def made(spec: AnySpec, folder: Path, workers: int) -> dict[str, Any]:
    """Make a corpus; hours of sound for an hour by the clock, and for an hour of a core."""
    begun = time.perf_counter()
    done = synthesise(spec, folder, workers)
    clock = time.perf_counter() - begun
    return {
        "clips": done.clips,
        "refused": done.refused,
        "audio_hours": round(done.audio_s / 3600, 3),
        "clock_s": round(clock, 1),
        "cpu_s": round(done.cpu_s, 1),
        "hours_per_hour": round(done.audio_s / clock, 1),
        "hours_per_cpu_hour": round(done.audio_s / done.cpu_s, 1),
        "problems": len(problems(folder)),
    }


def killed(spec: AnySpec, folder: Path, workers: int, clock_s: float) -> int:
    """Make a corpus by processes that are killed at random moments, and then to its end; how many died."""
    chance, died = random.Random("benches.synthesis"), 0
    for _ in range(KILLS):
        process = multiprocessing.get_context("spawn").Process(target=synthesise, args=(spec, folder, workers))
        process.start()
        process.join(chance.uniform(0.15, 0.5) * clock_s)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            died += 1
        process.join()
    synthesise(spec, folder, workers)
    return died


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place, spec = Path(name), plain(given.clips)
        clips = made(spec, place / "clips", given.workers)
        talk = made(skills.part(0, given.clips), place / "talk", given.workers)
        died = killed(spec, place / "again", given.workers, clips["clock_s"])
        same = (place / "again" / MANIFEST).read_bytes() == (place / "clips" / MANIFEST).read_bytes()
        tried = sample(place / "clips", TRIED, judged=JUDGED)
    rate = tried.rate
    report = {
        "commit": subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip(),
        "machine": f"{platform.machine()}, {given.workers} workers",
        "clips": clips,
        "conversations": talk,
        "killed": {"times": died, "same_manifest": same},
        "random_clips": {
            "tried": tried.tried,
            "passed": tried.passed,
            "rate": rate.value,
            "low": rate.low,
            "high": rate.high,
            "judged": tried.judged,
            "understood": tried.understood,
            "wrong": tried.wrong,
        },
    }
    text = json.dumps(report, indent=1, ensure_ascii=False)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
