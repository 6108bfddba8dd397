"""What it costs to hear a live turn in windows, and what it saves: accuracy, and the work that is left at a turn's end.

    python -m benches.windows [--limit N] [--out FILE]

Held-out questions of over three seconds (runs/corpus/dialogue_test_slots) are written down by nano, each turn cut as
the mode cuts it; what is left is the last piece, which can be encoded only when the turn has ended.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

import antiphon
from antiphon.audio.mel import log_mel
from antiphon.audio.wave import Audio
from antiphon.metrics.wer import wer
from antiphon.rates import HEARD_HZ
from antiphon.runtime.listening import Cutting, pieces_of
from antiphon.runtime.model import Model
from antiphon.runtime.session import Session, sampling_of
from antiphon.runtime.tasks import text_of
from recipes.nano.evaluate import dialogues

MODES = {
    "exact": Cutting(),
    "windows of 8 s": Cutting("windowed", 8),
    "windows of 4 s": Cutting("windowed", 4),
    "windows of 2 s": Cutting("windowed", 2),
}
SHORTEST_S = 3.0


def written(model: Model, pieces: list[torch.Tensor]) -> str:
    """A turn in words."""
    task = model.variant.learnt("transcribe")
    session = Session(model, system=task.system, tools=(), sampling=sampling_of(task, 0))
    audios = [Audio(piece[None], HEARD_HZ) for piece in pieces]
    return text_of(session.reply(audios, speech=False, max_tokens=task.max_tokens))


def left_ms(model: Model, pieces: list[torch.Tensor]) -> float:
    """CPU milliseconds of encoding the last piece."""
    begun = time.process_time()
    model.parts.lm.hear(log_mel(pieces[-1])[None])
    return 1000 * (time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=86)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = antiphon.load("nano")
    turns = [(turn.user, sound) for made, sounds in dialogues("dialogue_test_slots", None)
             for turn, sound in zip(made.turns, sounds, strict=True)
             if turn.user and sound.duration_s > SHORTEST_S][: given.limit]  # fmt: skip
    out: dict[str, Any] = {"turns": len(turns), "seconds": round(sum(s.duration_s for _, s in turns) / len(turns), 2)}
    for name, cutting in MODES.items():
        cut = [pieces_of(sound.heard, cutting) for _, sound in turns]
        with torch.inference_mode():
            work = [left_ms(model, pieces) for pieces in cut]
        heard = wer([text for text, _ in turns], [written(model, pieces) for pieces in cut])
        out[name] = {"heard": heard.to_json(), "left at the end, ms of CPU": round(sum(work) / len(work), 1)}
        print(name, heard, out[name]["left at the end, ms of CPU"], flush=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    if given.out:
        given.out.write_text(json.dumps({"commit": commit, "model": "nano"} | out, indent=1) + "\n")


if __name__ == "__main__":
    main()
