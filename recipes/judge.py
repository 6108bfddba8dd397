"""Train the character judge, and let both judges score speech.

    python -m recipes.judge train --minutes 15             on runs/corpus/target, checkpoints in runs/judge, resumable
    python -m recipes.judge score FOLDER_OR_MANIFEST       word error rate by both judges, as JSON

`score` reads a shard folder, a manifest.jsonl of {"wav", "text"}, or a folder of NAME.wav beside NAME.txt. The judge is
trained on an engine's speech only, never on sound that antiphon made, and shares no weights, features or seed with it.
"""

import argparse
import itertools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from antiphon.metrics.wer import cer, wer
from recipes.judge_data import Batch, Clip, Corpus, make_batch, read_clips
from recipes.judge_model import BLANK, CtcJudge, Judge, PocketsphinxJudge, Tdnn, save_judge
from recipes.nano.loop import one_thread, train

WEIGHTS = "judge.safetensors"


@dataclass(frozen=True, kw_only=True)
class JudgeRun:
    """Everything that decides a training run, saved beside its checkpoint."""

    folder: str = "runs/judge"
    corpus: tuple[str, ...] = ("runs/corpus/target",)
    held_out: str = "runs/corpus/target_dev"
    minutes: float = 15.0  # CPU time of one thread
    lr: float = 2e-3
    batch_s: float = 48.0
    seed: int = 7919
    num_eval: int = 60


def ctc_loss(model: Tdnn, batch: Batch) -> Tensor:
    """Mean over clips of the loss per character."""
    logits, lengths = model(batch.frames, batch.frames_len)
    scores = logits.float().log_softmax(-1).transpose(0, 1)  # b t v -> t b v
    return F.ctc_loss(scores, batch.chars, lengths, batch.chars_len, blank=BLANK, zero_infinity=True)


def losses_of(run: JudgeRun, model: Tdnn) -> Callable[[int], dict[str, Tensor]]:
    """The losses of a step; new shards of a growing corpus join at every start."""
    corpus = Corpus([Path(folder) for folder in run.corpus])
    print(f"{corpus.hours:.2f} hours, {len(corpus.rows)} clips", flush=True)
    plan, position = corpus.plan(run.seed, run.batch_s), 0

    def losses(step: int) -> dict[str, Tensor]:
        nonlocal position
        chosen = next(itertools.islice(plan, step - position, None))  # a resumed run skips what it has seen
        position = step + 1
        with torch.autocast("cpu", enabled=False):  # band energies span more than bfloat16 resolves
            batch = make_batch([corpus.clip(k) for k in chosen], np.random.default_rng([run.seed, 1, step]))
        return {"ctc": ctc_loss(model, batch)}

    return losses


def train_judge(run: JudgeRun) -> None:
    """Train, resuming if there is a checkpoint, and write the weights."""
    one_thread()
    torch.manual_seed(run.seed)
    model, folder = Tdnn(), Path(run.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=2) + "\n", encoding="utf-8")
    clips = list(read_clips(Path(run.held_out), run.num_eval)) if Path(run.held_out).exists() else []

    def evaluate() -> dict[str, float]:
        save_judge(model, folder / WEIGHTS)
        if not clips:
            return {}
        found = score(CtcJudge(model), clips)
        return {"wer": found["wer"]["rate"], "cer": found["cer"]["rate"]}

    losses = losses_of(run, model)
    train(folder, model, losses, minutes=run.minutes, lr=run.lr, evaluate=evaluate, evaluate_every=2.5)
    save_judge(model.eval(), folder / WEIGHTS)


def score(judge: Judge, clips: list[Clip]) -> dict[str, Any]:
    """Word and character error rates of what the judge writes, with counts, interval and every sentence."""
    heard = [judge.transcribe(clip.wave, clip.rate) for clip in clips]
    texts = [clip.text for clip in clips]
    pairs = [{"name": c.name, "text": c.text, "heard": h} for c, h in zip(clips, heard, strict=True)]
    return {"wer": wer(texts, heard).to_json(), "cer": cer(texts, heard).to_json(), "clips": pairs}


def score_all(source: Path, weights: Path, limit: int | None, names: list[str]) -> dict[str, Any]:
    """Both judges on one set of clips."""
    one_thread()
    makers: dict[str, Callable[[], Judge]] = {"ctc": lambda: CtcJudge.load(weights), "pocketsphinx": PocketsphinxJudge}
    clips = list(read_clips(source, limit))
    return {"source": str(source), "n": len(clips), **{name: score(makers[name](), clips) for name in names}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("--minutes", type=float, default=JudgeRun.minutes)
    training.add_argument("--folder", default=JudgeRun.folder)
    scoring = commands.add_parser("score")
    scoring.add_argument("source", type=Path)
    scoring.add_argument("--weights", type=Path, default=Path(JudgeRun.folder) / WEIGHTS)
    scoring.add_argument("--limit", type=int)
    scoring.add_argument("--judges", nargs="+", default=["ctc", "pocketsphinx"], choices=["ctc", "pocketsphinx"])
    scoring.add_argument("--short", action="store_true", help="leave out what was heard, sentence by sentence")
    args = parser.parse_args()
    if args.command == "train":
        train_judge(JudgeRun(minutes=args.minutes, folder=args.folder))
        return
    report = score_all(args.source, args.weights, args.limit, args.judges)
    if args.short:
        for name in args.judges:
            del report[name]["clips"]
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
