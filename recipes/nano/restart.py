"""Begin new runs from the weights that ship, so that a next generation goes on where the last one stopped.

    python -m recipes.nano.restart             once runs/corpus/target and runs/features/heard_dev_seen are there
    python -m recipes.nano.restart think       runs/joint takes up the words that runs/think has learned
    python -m recipes.nano.restart ears        runs/joint takes up the ears of runs/ears

The speech tokenizer is kept as it is, since the language model and the flow have learned its codes; only its reader,
which is not shipped, is trained again (`recipes.nano.tokenizer read MINUTES`). A run with a checkpoint is left alone.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import Tensor, nn

from recipes.nano import flow, speaker, tokenizer, vocoder
from recipes.nano.examples import FOLDER as TEXT
from recipes.nano.examples import load_tokenizer
from recipes.nano.export import PRESET
from recipes.nano.features import clips, rows_of, shards
from recipes.nano.hearing import hear
from recipes.nano.lm import Trainee
from recipes.nano.loop import latest, save

JOINT = Path("runs/joint")
FAR = 0.45  # cosine below which a row points at no token


def shipped(name: str) -> dict[str, Tensor]:
    """The shipped weights of a part, float32."""
    return {k: v.float() for k, v in load_file(PRESET / f"{name}.safetensors").items()}


def begin(folder: Path, model: dict[str, Tensor]) -> None:
    """A checkpoint at step nought, unless the run has one."""
    if latest(folder) is None:
        save(folder, {"model": model, "step": 0, "spent": 0.0})
        print(folder, "begins from the shipped weights")


def blank_of(model: Trainee) -> Tensor:
    """The row that stands for silence: the mean of those that the adaptor points at no token."""
    table = F.normalize(model.lm.model.embed_tokens.weight[: load_tokenizer().layout().pad], dim=-1)
    rows = torch.cat(hear(model.lm, [c.mel for c in clips("heard_dev_seen", 60)]))
    silent = rows[(F.normalize(rows, dim=-1) @ table.T).amax(-1) < FAR]
    print(f"{len(silent)} of {len(rows)} rows are silent")
    return silent.mean(0)


def language_model() -> dict[str, Tensor]:
    """The shipped LM with the parts that only training has."""
    model = Trainee(load_tokenizer().layout().vocab_size)
    model.lm.load_state_dict(shipped("lm"))
    model.blank.data = blank_of(model)
    return model.state_dict()


def speech_tokenizer() -> dict[str, Tensor]:
    """The folded tokenizer behind a norm that changes nothing, and a new reader."""
    phones = {p[0] for index in shards("target") for row in rows_of(index) for p in row["phones"]}
    names = {p: i for i, p in enumerate(sorted({"pau"} | phones))}
    tokenizer.RUN.mkdir(parents=True, exist_ok=True)
    (tokenizer.RUN / "phones.json").write_text(json.dumps(names))
    model = tokenizer.Trainee(len(names))
    model.tokenizer.load_state_dict(shipped("speech_tokenizer"))
    assert model.norm.running_mean is not None and model.norm.running_var is not None
    nn.init.constant_(model.norm.running_var, 1.0 - model.norm.eps)
    return model.state_dict()


def speaker_net() -> dict[str, Tensor]:
    """The weights inside the shipped ONNX file."""
    graph = onnx.load(PRESET / "speaker.onnx").graph
    held = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    own = speaker.SpeakerNet().state_dict()
    return {name: held[name].reshape(value.shape) for name, value in own.items()}


def take(run: str) -> None:
    """Put what another run has learned into the joint one, which goes on from there."""
    joint: Any = latest(JOINT)
    other: Any = latest(Path("runs") / run)
    learned = other["model"]
    if run == "ears":
        learned = {f"lm.{k}": v for k, v in learned.items() if k.startswith(("encoder.", "adapter."))}
    assert learned.keys() <= joint["model"].keys()
    joint["model"] |= learned
    save(JOINT, joint)
    print(JOINT, "takes", len(learned), "tensors of", run)


@torch.no_grad()
def main() -> None:
    TEXT.mkdir(parents=True, exist_ok=True)
    for path in (*PRESET.glob("*.json"), PRESET / "merges.txt"):
        if path.name != "nano.json":
            shutil.copy(path, TEXT / path.name)
    parts: dict[Path, Any] = {
        tokenizer.RUN: speech_tokenizer,
        speaker.RUN: speaker_net,
        flow.RUN: lambda: shipped("flow"),
        vocoder.RUN: lambda: shipped("hift"),
        JOINT: language_model,
    }
    for folder, weights in parts.items():
        if latest(folder) is None:
            begin(folder, weights())


if __name__ == "__main__":
    take(sys.argv[1]) if len(sys.argv) > 1 else main()
