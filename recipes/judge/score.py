"""Let both judges score speech.

    python -m recipes.judge.score FOLDER_OR_MANIFEST       word error rate by both judges, as JSON

It reads a shard folder, a manifest.jsonl of {"wav", "text"}, or a folder of NAME.wav beside NAME.txt.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from antiphon.metrics.wer import cer, wer
from recipes.judge.data import Clip, read_clips
from recipes.judge.model import CtcJudge, Judge, PocketsphinxJudge

WEIGHTS = Path("runs/nano/judge/model.safetensors")  # where `antiphon train recipes/judge --folder runs/nano` puts them


def score(judge: Judge, clips: list[Clip]) -> dict[str, Any]:
    """Word and character error rates of what the judge writes, with counts, interval and every sentence."""
    heard = [judge.transcribe(clip.wave, clip.rate) for clip in clips]
    texts = [clip.text for clip in clips]
    pairs = [{"name": c.name, "text": c.text, "heard": h} for c, h in zip(clips, heard, strict=True)]
    return {"wer": wer(texts, heard).to_json(), "cer": cer(texts, heard).to_json(), "clips": pairs}


def score_all(source: Path, weights: Path, limit: int | None, names: list[str]) -> dict[str, Any]:
    """Both judges on one set of clips."""
    torch.set_num_threads(1)  # two beside a busy core are many times slower
    makers: dict[str, Callable[[], Judge]] = {"ctc": lambda: CtcJudge.load(weights), "pocketsphinx": PocketsphinxJudge}
    clips = list(read_clips(source, limit))
    return {"source": str(source), "n": len(clips), **{name: score(makers[name](), clips) for name in names}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--judges", nargs="+", default=["ctc", "pocketsphinx"], choices=["ctc", "pocketsphinx"])
    parser.add_argument("--short", action="store_true", help="leave out what was heard, sentence by sentence")
    args = parser.parse_args()
    report = score_all(args.source, args.weights, args.limit, args.judges)
    if args.short:
        for name in args.judges:
            del report[name]["clips"]
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
