"""The figures of many conversations, written down with what was measured and beside what:  python -m benches.streams

Run it where nothing else runs, or say what did (`--beside`). The figures are those of `antiphon bench streams`.
"""

import argparse
import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from antiphon.audio.wave import Audio
from antiphon.runtime.measure_first import measure_first
from antiphon.runtime.measure_live import TURNS, measure_live
from antiphon.runtime.measure_streams import measure_streams
from antiphon.runtime.model import load
from antiphon.weights.find import PRESETS

RESULTS = Path(__file__).parent / "results" / "streams.json"
MEASURED = ("src/antiphon",)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", default="nothing else", help="what else the machine did")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--turns", type=int, default=TURNS, help="of each detector, with a pause and without")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    load_before = os.getloadavg()
    model, question = load("nano"), Audio.read(PRESETS / "nano" / "question.wav")
    figures: dict[str, Any] = {"first_sound": measure_first(model, question, streams=asked.streams)}
    figures.update(measure_live(model, question, streams=asked.streams, turns=asked.turns))
    figures.update(measure_streams(model, question, streams=asked.streams))
    about = {
        "commit": git("rev-parse", "HEAD"),
        "uncommitted": git("diff", "--name-only", "HEAD", "--", *MEASURED).split(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__, "threads": 1},
        "beside": asked.beside,
        "load_average": {"before": load_before, "after": os.getloadavg()},
        "model": "nano",
    }
    asked.output.write_text(json.dumps({**about, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
