"""Train nano's speech tokenizer: supervised FSQ codes at 25 Hz.

    python -m recipes.nano.tokenizer train MINUTES | read MINUTES | codes target target_dev

The codes must say what is spoken, so a throw-away decoder reads phones (framewise, from the engine's own alignment),
characters (CTC) and the spoken mel back from them. A batch norm before the FSQ keeps every level in use; it is folded
into the projection at the end.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.metrics.wer import wer
from antiphon.model.encoder import EncoderBlock
from antiphon.model.speech_tokenizer import SpeechTokenizer
from recipes.nano import sizes
from recipes.nano.features import Clip, clips
from recipes.nano.loop import latest, one_thread, train

RUN = Path("runs/tokenizer")
CHARS = " abcdefghijklmnopqrstuvwxyz'"
MEL_MEAN, MEL_SPREAD = -5.5, 2.6


def positions(length: int, width: int) -> Tensor:
    """Sinusoidal position table [t, d]."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-9.2 / width))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class CodeReader(nn.Module):
    """What the codes must be good for: phones, characters and the mel, read from the quantised digits."""

    def __init__(self, num_digits: int, num_phones: int, width: int = 192) -> None:
        super().__init__()
        self.lift = nn.Linear(num_digits, width)
        self.blocks = nn.ModuleList(EncoderBlock(width, 4) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(3))
        self.last = EncoderBlock(width, 4)
        self.phone, self.mel, self.char = (
            nn.Linear(width, num_phones),
            nn.Linear(width, 80),
            nn.Linear(width, 1 + len(CHARS)),
        )

    def forward(self, digits: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Digits [b, t, k] at 25 Hz to phone scores, mel and characters at 50 Hz."""
        x = self.lift(digits)
        x = x + positions(x.shape[1], x.shape[2]).to(x)
        for block in self.blocks:
            x = block(x, bias)
        x = x.repeat_interleave(2, dim=1)
        for conv in self.convs:
            x = x + F.gelu(conv(x.mT)).mT
        return self.phone(x), self.mel(x), self.char(self.last(x, bias.repeat_interleave(2, dim=-1)))


class Trainee(nn.Module):
    """Tokenizer, the batch norm that will be folded away, and the reader."""

    def __init__(self, num_phones: int) -> None:
        super().__init__()
        self.tokenizer = SpeechTokenizer(sizes.TOKENIZER)
        num_digits = len(sizes.TOKENIZER.levels)
        self.norm = nn.BatchNorm1d(num_digits, affine=False)
        self.reader = CodeReader(num_digits, num_phones)

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Phone scores, mel, character scores, normalised projections and code counts."""
        projected, num_codes = self.tokenizer.project(mel, lengths)
        real = torch.arange(projected.shape[1])[None] < num_codes[:, None]
        normed = torch.zeros_like(projected, dtype=torch.float32)
        normed[real] = self.norm(projected[real].float())
        digits = self.tokenizer.quantizer.codebook.digits(normed)
        bias = (~real).float()[:, None, None] * -1e10
        return *self.reader(digits, bias), normed, num_codes

    def folded(self) -> SpeechTokenizer:
        """The tokenizer with the norm inside its projection."""
        held = self.tokenizer.state_dict()
        name = "quantizer._codebook.project_down."
        assert self.norm.running_mean is not None and self.norm.running_var is not None
        gain = (self.norm.running_var + self.norm.eps).rsqrt()
        held[name + "weight"] = held[name + "weight"] * gain[:, None]
        held[name + "bias"] = (held[name + "bias"] - self.norm.running_mean) * gain
        tokenizer = SpeechTokenizer(sizes.TOKENIZER)
        tokenizer.load_state_dict(held)
        return tokenizer.eval()


def phone_labels(clip: Clip, names: dict[str, int], num_frames: int) -> np.ndarray:
    """The phone at the centre of each 20 ms frame."""
    labels = np.full(num_frames, names["pau"], dtype=np.int64)
    for phone, start, end in clip.row["phones"]:
        labels[max(0, round(start * 50)) : round(end * 50)] = names.get(phone, names["pau"])
    return labels


def chars(text: str) -> list[int]:
    return [1 + CHARS.index(c) for c in text.lower() if c in CHARS]


def pad(arrays: list[np.ndarray], value: float = 0.0) -> Tensor:
    """Right-padded batch."""
    return nn.utils.rnn.pad_sequence([torch.from_numpy(np.ascontiguousarray(a)) for a in arrays], True, value)


def batch_of(data: list[Clip], rng: np.random.Generator, frames: int) -> list[Clip]:
    """Random clips of similar length, `frames` mel frames in all (data is sorted by length)."""
    at = int(rng.integers(len(data)))
    chosen, total = [], 0
    while total < frames and at < len(data):
        chosen.append(data[at])
        total += len(data[at].mel)
        at += int(rng.integers(1, 4))
    return chosen


def load(name: str) -> list[Clip]:
    return sorted(clips(name), key=lambda c: len(c.mel))


def read_chars(scores: Tensor) -> str:
    """Greedy CTC."""
    best = torch.unique_consecutive(scores.argmax(-1)).tolist()
    return "".join(CHARS[i - 1] for i in best if i)


def main_train(minutes: float, reader_only: bool = False) -> None:
    """Train all of it, or a new reader of codes that stay as they are."""
    one_thread()
    torch.manual_seed(1)
    data, dev = load("target"), load("target_dev")[::5]
    names = {p: i for i, p in enumerate(sorted({"pau"} | {p[0] for c in data for p in c.row["phones"]}))}
    RUN.mkdir(parents=True, exist_ok=True)
    (RUN / "phones.json").write_text(json.dumps(names))
    model = Trainee(len(names))
    print(len(data), "clips", sum(len(c.mel) for c in data) / 360000, "h", len(dev), "dev", flush=True)

    def inputs(chosen: list[Clip]) -> tuple[Tensor, Tensor]:
        return pad([c.mel.astype(np.float32) for c in chosen]).mT, torch.tensor([len(c.mel) for c in chosen])

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([1, step])
        chosen = batch_of(data, rng, 3000)
        mel, lengths = inputs(chosen)
        if reader_only:
            model.tokenizer.eval()
            model.norm.eval()
        mel = mel + torch.from_numpy(rng.uniform(-0.1, 0.1, (len(chosen), 1, 1)).astype(np.float32))
        phone, spoken, char, _, num_codes = model(mel, lengths)
        assert all(c.frames is not None for c in chosen)
        frames = [min(len(c.frames), 2 * int(n)) for c, n in zip(chosen, num_codes, strict=True)]  # type: ignore[arg-type]
        real = torch.arange(phone.shape[1])[None] < torch.tensor(frames)[:, None]
        labels = pad([phone_labels(c, names, n) for c, n in zip(chosen, frames, strict=True)])
        mels = pad([c.frames[:n].astype(np.float32) for c, n in zip(chosen, frames, strict=True)])  # type: ignore[index]
        real = real[:, : labels.shape[1]]
        texts = [chars(c.row["text"]) for c in chosen]
        targets = torch.tensor(sum(texts, []))
        ctc = F.ctc_loss(
            char.float().log_softmax(-1).transpose(0, 1), targets, 2 * num_codes, torch.tensor([len(t) for t in texts]),
            zero_infinity=True, reduction="sum",
        ) / len(targets)  # fmt: skip
        phones = F.cross_entropy(phone[:, : labels.shape[1]].float()[real], labels[real])
        mel_error = (spoken[:, : labels.shape[1]].float() - (mels - MEL_MEAN) / MEL_SPREAD)[real].abs().mean()
        return {"phone": phones, "mel": 1.5 * mel_error, "ctc": 0.5 * ctc}

    def evaluate() -> dict[str, float]:
        said, read, used, right, count = [], [], [], 0, 0
        for clip in dev:
            phone, _, char, normed, _ = model(*inputs([clip]))
            n = min(phone.shape[1], len(clip.frames))  # type: ignore[arg-type]
            right += int((phone[0, :n].argmax(-1) == torch.from_numpy(phone_labels(clip, names, n))).sum())
            count += n
            said.append(clip.row["text"])
            read.append(read_chars(char[0].float()))
            used.append(model.tokenizer.quantizer.codebook.index(normed)[0])
        codes = torch.bincount(torch.cat(used), minlength=sizes.TOKENIZER.num_codes).float()
        share = codes[codes > 0] / codes.sum()
        return {
            "wer": round(float(wer(said, read).rate), 4),
            "phones": round(right / count, 4),
            "used": int((codes > 0).sum()),
            "perplexity": round(float(torch.exp(-(share * share.log()).sum())), 1),
        }

    groups = [{"params": list(model.reader.parameters())}] if reader_only else None
    train(RUN, model, losses, minutes=minutes, lr=1.5e-3, groups=groups, evaluate=evaluate, evaluate_every=2.5)


def trained() -> SpeechTokenizer:
    """The folded tokenizer of the run."""
    model = Trainee(len(json.loads((RUN / "phones.json").read_text())))
    held: Any = latest(RUN)
    model.load_state_dict(held["model"])
    return model.folded()


def code_reader() -> Callable[[list[int]], str]:
    """The tokenizer's own reading of codes: characters by the run's CTC head."""
    model = Trainee(len(json.loads((RUN / "phones.json").read_text())))
    held: Any = latest(RUN)
    model.load_state_dict(held["model"])
    model.eval()
    levels = torch.tensor(sizes.TOKENIZER.levels)
    base = levels.cumprod(0) // levels

    @torch.no_grad()
    def read(codes: list[int]) -> str:
        if not codes:
            return ""
        digits = (torch.tensor(codes)[:, None] // base % levels - (levels - 1) // 2).float()
        _, _, char = model.reader(digits[None], torch.zeros(1, 1, 1, len(codes)))
        return read_chars(char[0])

    return read


@torch.no_grad()
def main_codes(names: list[str]) -> None:
    """Write runs/codes/SET/SHARD.npz: the codes of every utterance."""
    one_thread()
    tokenizer = trained()
    for name in names:
        out = Path("runs/codes") / name
        out.mkdir(parents=True, exist_ok=True)
        by_shard: dict[str, list[np.ndarray]] = {}
        for clip in clips(name):
            codes, _ = tokenizer(torch.from_numpy(clip.mel.astype(np.float32)).T[None])
            by_shard.setdefault(clip.row["shard"], []).append(codes[0].numpy().astype(np.int16))
        for shard, held in by_shard.items():
            np.savez(out / "tmp.npz", codes=np.concatenate(held), at=np.cumsum([0, *map(len, held)]))
            os.replace(out / "tmp.npz", out / f"{shard}.npz")


if __name__ == "__main__":
    if sys.argv[1] in ("train", "read"):
        main_train(float(sys.argv[2]) if len(sys.argv) > 2 else 8.0, sys.argv[1] == "read")
    else:
        main_codes(sys.argv[2:])
