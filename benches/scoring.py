"""How long the scores of 10,000 sentences take, from written answers to figures with intervals.

    python -m benches.scoring [--items N] [--out FILE]

A manifest of one recording and many sentences is answered by the oracle, a word of every third answer is replaced, and
`antiphon eval score` is timed by the clock, as a user waits for it.
"""

import argparse
import json
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from antiphon.audio.wave import Audio
from antiphon.data import world

RATE = 16_000


def eval_command(*words: object) -> float:
    """Seconds of one command of `antiphon eval`."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "antiphon.cli.main", "eval", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def prepare(folder: Path, items: int) -> None:
    """The data set: a second of sound, `items` sentences said to be in it."""
    folder.mkdir(parents=True)
    Audio(torch.sin(torch.arange(RATE) * 0.1)[None] * 0.1, RATE).write(folder / "a.wav")
    rng = random.Random("scoring")
    rows = [{"id": f"{n:05d}", "audio": "a.wav", "lang": "en", "text": salad(rng)} for n in range(items)]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def salad(rng: random.Random) -> str:
    """3 to 20 words."""
    return world.salad(rng, rng.randint(3, 20))


def misheard(run: Path) -> None:
    """Another word in the middle of every third answer."""
    for path in (run / "outputs").glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for row in rows[::3]:
            words = row["texts"][0].split()
            row["texts"] = [" ".join([*words[: len(words) // 2], "parsnip", *words[len(words) // 2 + 1 :]])]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def headline(told: dict[str, Any]) -> dict[str, Any]:
    """The figure that a benchmark is known by."""
    (bench,) = told["benches"].values()
    first = next(one for one in bench["results"] if one["is_headline"])
    return {name: first[name] for name in ("metric", "value", "low", "high", "n")}


def measure(items: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="antiphon-scoring-") as place:
        data, run, cache = (Path(place) / name for name in ("data", "run", "cache"))
        prepare(data / "manifest", items)
        common = ("--cache", cache)
        answered = eval_command("run", "--data", data, "--out", run, "--bench", "asr.manifest", "--model", "oracle",
                                *common)  # fmt: skip
        misheard(run)
        scored = eval_command("score", run, *common)
        told = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return {"items": items, "answered_s": round(answered, 2), "scored_s": round(scored, 2), **headline(told)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    found = {"commit": commit, "python": platform.python_version(), **measure(args.items)}
    text = json.dumps(found, indent=1) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
