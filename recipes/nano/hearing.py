"""Train nano's ears: first the encoder by phones, then the adaptor by the language model's own embeddings.

    python -m recipes.nano.hearing encoder MINUTES     runs/hearing
    python -m recipes.nano.hearing adaptor MINUTES     runs/adaptor, from runs/hearing and runs/lm
    python -m recipes.nano.hearing both MINUTES        runs/ears, from runs/joint: more of both, beside a trained LM

The encoder learns by CTC over all voices and, so that it finds its feet, framewise by the phones of aligned speech (CTC
alone, over characters, stood still for minutes). The adaptor's CTC makes sound look like the pseudo-sound that the
language model has learnt to read.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.data.record import dialogue_from_json
from antiphon.metrics.wer import wer
from antiphon.model.adaptor import Adaptor
from antiphon.model.encoder import MASKED, AudioEncoder
from antiphon.model.speech_lm import SpeechLM
from antiphon.rates import MEL_HOP, MEL_HZ, PIECE_PAD
from recipes.nano import sizes
from recipes.nano.examples import load_tokenizer
from recipes.nano.features import Clip, clips
from recipes.nano.loop import latest, one_thread, train
from recipes.nano.tokenizer import batch_of, pad, phone_labels

TOP = 2.0  # 8 decades on the scale of the log-mel
PLAIN = 1000  # steps without augmentation, until the ears have found their feet
STRIDE, TOGETHER = 96, 6  # frames to which pieces are padded, pieces that are encoded in one batch
SHARPNESS = 20.0  # of the cosine in the adaptor's CTC


def piece_of(mel: np.ndarray, augment: Random | None = None) -> Tensor:
    """One piece as the encoder gets it: levelled to its own maximum, the padding's two frames at the end. [128, t]"""
    y = torch.from_numpy(mel.astype(np.float32)).T
    y = F.pad(y, (0, PIECE_PAD // MEL_HOP), value=-10.0)
    if augment is not None:
        tilt = torch.linspace(-1, 1, y.shape[0])[:, None] * augment.uniform(-0.1, 0.1)
        floor = float(y.max()) - augment.uniform(1.0, TOP)
        noise = floor + augment.uniform(0.0, 0.15) * torch.randn(y.shape)
        y = torch.logaddexp(9.21 * (y + tilt), 9.21 * noise) / 9.21 if augment.random() < 0.3 else y + tilt
    y = torch.maximum(y, y.max() - TOP)
    if augment is not None:
        y = y + augment.uniform(-0.1, 0.1)
        bins, frames = augment.randint(0, 10), augment.randint(0, 6)
        at, start = augment.randint(0, 127 - bins), augment.randint(0, max(0, y.shape[1] - frames))
        y[at : at + bins] = y.mean()
        y[:, start : start + frames] = y.mean()
    return y


def padded(mels: list[np.ndarray], augment: Random | None) -> tuple[Tensor, Tensor]:
    """A batch of pieces, padded with 0.0, and their frames."""
    pieces = [piece_of(m, augment) for m in mels]
    lengths = torch.tensor([p.shape[1] for p in pieces])
    longest = -(-int(lengths.max()) // STRIDE) * STRIDE  # few shapes: kernels are made for each new one
    return torch.stack([F.pad(p, (0, longest - p.shape[1])) for p in pieces]), lengths


def hear(lm: SpeechLM, mels: list[np.ndarray], augment: Random | None = None) -> list[Tensor]:
    """The prompt rows of each piece; without augmentation each is encoded alone, as at inference."""
    if not mels:
        return []
    if augment is None:
        return [lm.hear(piece_of(m)[None]) for m in mels]
    order = sorted(range(len(mels)), key=lambda i: len(mels[i]))
    rows: dict[int, Tensor] = {}
    for start in range(0, len(order), TOGETHER):
        some = order[start : start + TOGETHER]
        filled = [mels[i] for i in some] + [mels[some[0]]] * (TOGETHER - len(some))
        rows.update(zip(some, lm.hear_batch(*padded(filled, augment)), strict=False))
    return [rows[i] for i in range(len(mels))]


class Ears(nn.Module):
    """Encoder with a phone head at 50 Hz, before the pooling."""

    def __init__(self, num_phones: int) -> None:
        super().__init__()
        self.encoder = AudioEncoder(sizes.ENCODER)
        nn.init.normal_(self.encoder.positional_embedding.weight, std=0.02)
        self.phone = nn.Linear(sizes.ENCODER.width, num_phones)

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Phone scores and how many steps are real."""
        x, steps = self.encoder.embed(mel), (lengths + 1) // 2
        bias = (torch.arange(x.shape[1])[None] >= steps[:, None]).to(x.dtype)[:, None, None] * MASKED
        for block in self.encoder.blocks:
            x = block(x, bias)
        return self.phone(F.layer_norm(x, x.shape[-1:])), steps


class AdaptorTrainee(nn.Module):
    """Encoder and adaptor; a step's class is the token whose embedding it points at, or the blank."""

    def __init__(self, lm_state: dict[str, Tensor]) -> None:
        super().__init__()
        table = lm_state["lm.model.embed_tokens.weight"]
        self.encoder = AudioEncoder(sizes.ENCODER)
        self.adapter = Adaptor(sizes.ADAPTOR, sizes.ENCODER.width, table.shape[1])
        self.num_tokens = load_tokenizer().layout().pad
        self.register_buffer("classes", torch.cat([lm_state["blank"][None], table[: self.num_tokens]]).clone())

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class scores, rows and how many are real."""
        features, counts = self.encoder(mel, lengths)
        rows = self.adapter(features)
        scores = SHARPNESS * F.normalize(rows.float(), dim=-1) @ F.normalize(self.classes, dim=-1).T  # type: ignore[arg-type]
        return scores, rows, (counts + 1) // 2


def restore(lm: SpeechLM) -> None:
    """Give a speech LM the trained ears."""
    held: Any = latest(Path("runs/adaptor"))
    own = {k: v for k, v in held["model"].items() if k.startswith(("encoder.", "adapter."))}
    missing = lm.load_state_dict(own, strict=False).missing_keys
    assert not [k for k in missing if k.startswith(("encoder.", "adapter."))]


def load(name: str, limit: int | None = None) -> list[Clip]:
    return sorted(clips(name, limit), key=lambda c: len(c.mel))


def pronunciations(aligned: list[Clip]) -> dict[str, list[str]]:
    """How the aligned voice says each word, most often."""
    counted: dict[str, Counter[tuple[str, ...]]] = {}
    for clip in aligned:
        for word, start, end in clip.row["words"]:
            said = tuple(p for p, a, b in clip.row["phones"] if start <= (a + b) / 2 < end and p != "pau")
            counted.setdefault(word, Counter())[said] += 1
    return {word: list(forms.most_common(1)[0][0]) for word, forms in counted.items()}


def ctc(scores: Tensor, steps: Tensor, targets: list[list[int]], blank: int = 0) -> Tensor:
    """CTC per target symbol."""
    flat, lengths = torch.tensor(sum(targets, [])), torch.tensor([len(t) for t in targets])
    log = scores.float().log_softmax(-1).transpose(0, 1)
    return F.ctc_loss(log, flat, steps, lengths, blank, zero_infinity=True, reduction="sum") / len(flat)


def dev_sets() -> dict[str, list[Clip]]:
    return {name: list(clips(name))[:60] for name in ("heard_dev_seen", "heard_dev_unseen", "heard_dev_awb")}


def main_encoder(minutes: float) -> None:
    one_thread()
    torch.manual_seed(2)
    data, aligned, dev = load("heard"), load("target"), dev_sets()
    names = {p: i for i, p in enumerate(sorted({"pau"} | {p[0] for c in aligned for p in c.row["phones"]}))}
    spoken, silence = pronunciations(aligned), names["pau"]
    model = Ears(len(names))
    print(len(data), "clips", sum(len(c.mel) for c in data) / 360000, "h", flush=True)

    def phones(text: str) -> list[int]:
        return [names[p] for word in re.findall(r"[a-z']+", text.lower()) for p in spoken[word]]

    def losses(step: int) -> dict[str, Tensor]:
        torch.manual_seed(step)
        rng, augment = np.random.default_rng([2, step]), Random(step) if step > PLAIN else None
        chosen = batch_of(data, rng, 3200)
        scores, steps = model(*padded([c.mel for c in chosen], augment))
        parts = {"ctc": ctc(scores, steps, [phones(c.row["text"]) for c in chosen], silence)}
        chosen = batch_of(aligned, rng, 800)
        scores, _ = model(*padded([c.mel for c in chosen], augment))
        labels = pad([phone_labels(c, names, len(c.mel) // 2) for c in chosen], -100)
        seen = scores[:, : labels.shape[1]].float()
        parts["phone"] = F.cross_entropy(seen.flatten(0, 1), labels[:, : seen.shape[1]].flatten(), ignore_index=-100)
        return parts

    def evaluate() -> dict[str, float]:
        out = {}
        for name, held in dev.items():
            said = [" ".join(f"p{i}" for i in phones(c.row["text"])) for c in held]
            read = []
            for clip in held:
                best = torch.unique_consecutive(model(*padded([clip.mel], None))[0][0].argmax(-1)).tolist()
                read.append(" ".join(f"p{i}" for i in best if i != silence))
            out[name] = round(wer(said, read).rate, 4)
        return out

    train(Path("runs/hearing"), model, losses, minutes=minutes, lr=1.5e-3, evaluate=evaluate, evaluate_every=4)


class BothTrainee(AdaptorTrainee):
    """Encoder and adaptor at once: phones at 50 Hz, tokens at 12.5 Hz."""

    def __init__(self, lm_state: dict[str, Tensor], num_phones: int) -> None:
        super().__init__(lm_state)
        self.phone = nn.Linear(sizes.ENCODER.width, num_phones)

    def phones(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Phone scores at 50 Hz, how many are real, and what the blocks made."""
        x, steps = self.encoder.embed(mel), (lengths + 1) // 2
        bias = (torch.arange(x.shape[1])[None] >= steps[:, None] - 1).to(x.dtype)[:, None, None] * MASKED  # no padding
        for block in self.encoder.blocks:
            x = block(x, bias)
        return self.phone(F.layer_norm(x, x.shape[-1:])), steps, x

    def both(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Phone scores and their number, class scores, rows and their number, from one pass of the encoder."""
        phones, steps, x = self.phones(mel, lengths)
        rows = self.adapter(self.encoder.after_norm(F.avg_pool1d(x.mT, 2).mT))
        scores = SHARPNESS * F.normalize(rows.float(), dim=-1) @ F.normalize(self.classes, dim=-1).T  # type: ignore[arg-type]
        return phones, steps, scores, rows, ((lengths - 1).clamp(min=0) // 4 + 1) // 2


@dataclass(frozen=True)
class Said:
    """A recording and its words."""

    row: dict[str, Any]
    mel: np.ndarray


def turns_said() -> Iterator[Said]:
    """Each user turn of the training dialogues, when it says something."""
    for clip in clips("dialogue"):
        rate = clip.row["rate"]
        for turn, (a, b) in zip(dialogue_from_json(clip.row["dialogue"]).turns, clip.row["spans"], strict=True):
            if turn.user:
                yield Said({"text": turn.user}, clip.mel[round(a * MEL_HZ / rate) : round(b * MEL_HZ / rate)])


def main_both(minutes: float) -> None:
    """More hearing for a language model that stands: its ears go on from runs/joint, towards its own embeddings."""
    one_thread()
    torch.manual_seed(2)
    tokenizer, aligned, dev = load_tokenizer(), load("target"), dev_sets()
    names = {p: i for i, p in enumerate(sorted({"pau"} | {p[0] for c in aligned for p in c.row["phones"]}))}
    spoken, silence = pronunciations(aligned), names["pau"]
    held: Any = latest(Path("runs/joint"))
    model = BothTrainee(held["model"], len(names))
    for part, module in (("encoder", model.encoder), ("adapter", model.adapter)):
        start = f"lm.{part}."
        module.load_state_dict({k.removeprefix(start): v for k, v in held["model"].items() if k.startswith(start)})

    def words(text: str) -> list[str]:
        return re.findall(r"[a-z']+", text.lower())

    data: list[Any] = [c for c in (*load("heard"), *turns_said()) if all(w in spoken for w in words(c.row["text"]))]
    data.sort(key=lambda c: len(c.mel))
    usual = model.classes[1:].norm(dim=-1).median()  # type: ignore[index]
    print(len(data), "clips", sum(len(c.mel) for c in data) / 360000, "h; rows of norm", usual.item(), flush=True)

    def losses(step: int) -> dict[str, Tensor]:
        torch.manual_seed(step)
        rng, augment = np.random.default_rng([12, step]), Random(step) if step % 3 else None
        chosen = batch_of(data, rng, 3200)
        phones, steps, scores, rows, counts = model.both(*padded([c.mel for c in chosen], augment))
        texts = [c.row["text"] for c in chosen]
        parts = {
            "phones": ctc(phones, steps, [[names[p] for w in words(t) for p in spoken[w]] for t in texts], silence),
            "tokens": ctc(scores, counts, [[1 + i for i in tokenizer.encode(t)] for t in texts]),
            "norm": 0.05 * (rows.float().norm(dim=-1) - usual).square().mean(),
        }
        if step % 2 == 0:
            chosen = batch_of(aligned, rng, 800)
            seen, _, _ = model.phones(*padded([c.mel for c in chosen], augment))
            labels = pad([phone_labels(c, names, len(c.mel) // 2) for c in chosen], -100)
            seen = seen[:, : labels.shape[1]].float().flatten(0, 1)
            parts["frames"] = 0.5 * F.cross_entropy(seen, labels[:, : len(seen) // len(chosen)].flatten())
        return parts

    def evaluate() -> dict[str, float]:
        out = {}
        for name, clips_of in dev.items():
            read = []
            for clip in clips_of:
                _, _, scores, _, counts = model.both(*padded([clip.mel], None))
                best = torch.unique_consecutive(scores[0, : int(counts)].argmax(-1)).tolist()
                read.append(tokenizer.decode([i - 1 for i in best if i]))
            out[name] = round(wer([c.row["text"] for c in clips_of], read).rate, 4)
        return out

    train(Path("runs/ears"), model, losses, minutes=minutes, lr=1.2e-3, evaluate=evaluate, evaluate_every=4)


def main_adaptor(minutes: float) -> None:
    one_thread()
    torch.manual_seed(3)
    tokenizer = load_tokenizer()
    model = AdaptorTrainee(latest(Path("runs/lm"))["model"])  # type: ignore[index]
    ears: Any = latest(Path("runs/hearing"))
    model.encoder.load_state_dict({k[8:]: v for k, v in ears["model"].items() if k.startswith("encoder.")})
    data, dev = load("heard"), dev_sets()
    usual = (
        model.classes[1 + np.unique(sum((tokenizer.encode(c.row["text"]) for c in data[::20]), []))].norm(dim=-1).mean()
    )
    print("rows of norm", round(usual.item(), 2), "blank", round(model.classes[0].norm().item(), 2), flush=True)

    def losses(step: int) -> dict[str, Tensor]:
        torch.manual_seed(step)
        chosen = batch_of(data, np.random.default_rng([3, step]), 3000)
        scores, rows, counts = model(*padded([c.mel for c in chosen], Random(step)))
        targets = [[1 + i for i in tokenizer.encode(c.row["text"])] for c in chosen]
        norms = rows.float().norm(dim=-1)
        return {"ctc": ctc(scores, counts, targets), "norm": 0.05 * (norms - usual).square().mean()}

    def evaluate() -> dict[str, float]:
        out = {}
        for name, held in dev.items():
            read = []
            for clip in held:
                best = torch.unique_consecutive(model(*padded([clip.mel], None))[0][0].argmax(-1)).tolist()
                read.append(tokenizer.decode([i - 1 for i in best if i]))
            out[name] = round(wer([c.row["text"] for c in held], read).rate, 4)
        return out

    frozen = [p for n, p in model.named_parameters() if not n.startswith("adapter.")]
    groups: list[dict[str, Any]] = [
        {"params": list(model.adapter.parameters()), "lr": 1.5e-3},
        {"params": frozen, "lr": 5e-4},
    ]
    train(Path("runs/adaptor"), model, losses, minutes=minutes, lr=1e-3, groups=groups, evaluate=evaluate)


if __name__ == "__main__":
    {"encoder": main_encoder, "adaptor": main_adaptor, "both": main_both}[sys.argv[1]](float(sys.argv[2]))
