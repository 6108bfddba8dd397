"""Put the trained parts of nano together as the preset that ships in the package.

python -m recipes.nano.export [FOLDER]
"""

import json
import shutil
import sys
from pathlib import Path

import soundfile
import torch
from safetensors.torch import save_file
from torch import nn

from antiphon.config import to_dict
from antiphon.rates import SPOKEN_HZ
from recipes.nano import flow, sizes, speaker, tokenizer, vocoder
from recipes.nano.examples import FOLDER as TEXT
from recipes.nano.examples import load_tokenizer
from recipes.nano.features import clips
from recipes.nano.hearing import restore
from recipes.nano.lm import Trainee
from recipes.nano.loop import latest

PRESET = Path("src/antiphon/presets/nano")
CLIP_S = (3.5, 4.5)  # how long the default voice's clip is


def save(model: nn.Module, path: Path) -> None:
    """16-bit weights."""
    held = {k: v.to(torch.float16).contiguous() for k, v in model.state_dict().items()}
    save_file(held, path, metadata={"format": "pt"})
    path.chmod(0o644)
    print(f"{path.name}: {len(held)} tensors, {path.stat().st_size / 2**20:.2f} MiB")
    assert path.stat().st_size < 16 * 2**20


def language_model() -> Trainee:
    """The latest stage of the language model that there is."""
    model = Trainee(load_tokenizer().layout().vocab_size)
    for run in ("runs/joint", "runs/lm"):
        if held := latest(Path(run)):
            model.load_state_dict(held["model"])
            if run == "runs/lm" and latest(Path("runs/adaptor")):
                restore(model.lm)
            print(f"language model of {run}, step {held['step']}, {held['spent']:.1f} CPU-min")
            return model
    raise SystemExit("no language model has been trained; run recipes.nano.lm first.")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    layout = load_tokenizer().layout()
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json"):
        if (TEXT / name).exists():
            shutil.copy(TEXT / name, folder / name)
    (folder / "nano.json").write_text(json.dumps(to_dict(sizes.config(layout.vocab_size)), indent=2) + "\n")
    save(language_model().lm, folder / "lm.safetensors")
    save(flow.trained(), folder / "flow.safetensors")
    save(vocoder.trained(), folder / "hift.safetensors")
    save(tokenizer.trained(), folder / "speech_tokenizer.safetensors")
    speaker.export(folder / "speaker.onnx")
    clip = next(c for c in clips("target") if CLIP_S[0] < len(c.wave) / SPOKEN_HZ < CLIP_S[1])
    soundfile.write(folder / "voice.wav", clip.wave, SPOKEN_HZ, subtype="PCM_16")
    print("voice:", clip.row["text"])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PRESET)
