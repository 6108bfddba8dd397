"""Train nano's language model: on pseudo-sound, then jointly with the encoder and the adaptor on real sound.

On pseudo-sound it learns to read a token path, to answer and to speak before it has ears. `copy` and `speak` train in
stretches: up to MINUTES, the rate falling until HORIZON.

    python -m recipes.nano.lm copy MINUTES HORIZON     runs/lm
    python -m recipes.nano.lm speak MINUTES HORIZON    runs/lm
    python -m recipes.nano.lm think MINUTES            runs/think, words alone: facts, sums and memory
    python -m recipes.nano.lm joint MINUTES            runs/joint, from runs/lm and runs/adaptor
    python -m recipes.nano.lm still MINUTES HORIZON    the same with the ears as they are, which is cheaper
"""

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.data import world
from antiphon.metrics.wer import wer
from antiphon.model.speech_lm import SpeechLM
from antiphon.nn.rope import rotate, rotation
from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import Tokenizer
from antiphon.train.decode import greedy
from recipes.nano import sizes
from recipes.nano.examples import CODE, PAD, TEXT, Builder, Example, load_tokenizer
from recipes.nano.hearing import SHARPNESS, ctc, hear, restore
from recipes.nano.loop import latest, one_thread, train
from recipes.nano.tasks import Tasks, bucket

GUIDE_LAYER, GUIDE_HEAD, COPY_HEAD = 2, 0, 3  # the heads read different keys: two query heads share one
CODE_NOISE = 0.10


class Trainee(nn.Module):
    """The speech LM, the vector of "nothing said here" in pseudo-sound, and the guide of one attention head."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.lm = SpeechLM(sizes.config(vocab_size).lm)
        width = self.lm.config.decoder.width
        self.blank = nn.Parameter(torch.randn(width) * width**-0.5)
        nn.init.normal_(self.lm.model.embed_tokens.weight, std=width**-0.5)
        self.dropout = nn.Dropout(0.05)

    def hear(self, examples: list[Example], augment: Random | None = None) -> list[Tensor]:
        """The rows of every real sound, in order."""
        return hear(self.lm, [s.mel for e in examples for s in e.sounds if s.mel is not None], augment)

    def reading(self, rows: list[Tensor], examples: list[Example], tokenizer: Tokenizer) -> Tensor | None:
        """How far the rows are from spelling what was said; where they do spell it is told to the examples' guides."""
        heard = [(e, s) for e in examples for s in e.sounds if s.mel is not None]
        told = [(r, e, [1 + t for t in tokenizer.encode(s.text)]) for r, (e, s) in zip(rows, heard, strict=True)]
        told = [(r, e, ids) for r, e, ids in told if ids and len(r) >= len(ids)]
        if not told:
            return None
        known = [(r, ids) for r, _, ids in told]
        table = self.lm.model.embed_tokens.weight[: tokenizer.layout().pad].detach()
        classes = F.normalize(torch.cat([self.blank.detach()[None], table]).float(), dim=-1)
        padded = nn.utils.rnn.pad_sequence([F.normalize(r.float(), dim=-1) for r, _ in known], batch_first=True)
        scores = SHARPNESS * padded @ classes.T
        for score, (row, example, ids) in zip(scores.detach(), told, strict=True):
            point_out(example, aligned(score[: len(row)].float().log_softmax(-1), ids), tokenizer)
        return ctc(scores, torch.tensor([len(r) for r, _ in known]), [ids for _, ids in known])

    def fill(self, x: Tensor, examples: list[Example], heard_rows: list[Tensor]) -> Tensor:
        """Put pseudo-sound, or the rows of real sound, where the ids say `<audio_patch>`."""
        table, parts = self.lm.model.embed_tokens.weight.detach(), []
        rows = iter(heard_rows)
        for b, example in enumerate(examples):
            line, at = [], 0
            for sound in example.sounds:
                if sound.mel is not None:
                    heard = next(rows).to(x.dtype)
                else:
                    path = torch.tensor(sound.path)
                    clean = torch.where((path < 0)[:, None], self.blank, table[path.clamp(min=0)])
                    heard = (
                        clean + 0.5 * clean.norm(dim=-1, keepdim=True) * torch.randn_like(clean) * x.shape[-1] ** -0.5
                    ).to(x.dtype)
                line += [x[b, at : sound.start], heard]
                at = sound.start + len(heard)
            parts.append(torch.cat([*line, x[b, at:]]))
        return torch.stack(parts)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of every position, and the log attention of the two guided heads."""
        caught: list[Tensor] = []
        layer = self.lm.model.layers[GUIDE_LAYER].self_attn  # type: ignore[union-attr]
        hook = layer.register_forward_pre_hook(lambda _, args: caught.append(args[0]))  # type: ignore[union-attr]
        logits, _ = self.lm(self.dropout(x))
        hook.remove()
        return logits, self._attention(layer, caught[0], GUIDE_HEAD), self._attention(layer, caught[0], COPY_HEAD)

    def _attention(self, layer: Any, x: Tensor, head: int) -> Tensor:
        dim, t = layer.head_dim, x.shape[1]
        part, shared = slice(head * dim, (head + 1) * dim), head // 2
        keys = slice(shared * dim, (shared + 1) * dim)
        q = F.linear(x, layer.q_proj.weight[part], layer.q_proj.bias[part])[:, None]
        k = F.linear(x, layer.k_proj.weight[keys], layer.k_proj.bias[keys])[:, None]
        turn = rotation(torch.arange(t), dim, self.lm.config.decoder.rope_theta, q.dtype)
        scores = (rotate(q, *turn) * dim**-0.5) @ rotate(k, *turn).mT
        later = torch.ones(t, t, dtype=torch.bool).triu(1)
        return scores[:, 0].float().masked_fill(later, -1e9).log_softmax(-1)  # b t t


def aligned(scores: Tensor, ids: list[int]) -> list[tuple[int, ...]]:
    """The rows that spell each token on the best path of CTC: scores [t, v] are log probabilities, 0 is the blank."""
    states = np.zeros(2 * len(ids) + 1, dtype=np.int64)
    states[1::2] = ids
    logs = scores[:, torch.from_numpy(states)].float().numpy()
    skip = np.zeros(len(states), dtype=bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    best = np.full(len(states), -np.inf)
    best[:2] = logs[0, :2]
    came = np.zeros((len(logs), len(states)), dtype=np.int64)
    for t in range(1, len(logs)):
        ways = np.stack([best, np.r_[-np.inf, best[:-1]], np.where(skip, np.r_[-np.inf, -np.inf, best[:-2]], -np.inf)])
        came[t] = ways.argmax(0)
        best = ways.max(0) + logs[t]
    at = len(states) - 1 if best[-1] > best[-2] else len(states) - 2
    places = [list[int]() for _ in ids]
    for t in range(len(logs) - 1, -1, -1):
        if at % 2:
            places[at // 2].append(t)
        at -= int(came[t, at])
    return [tuple(sorted(p)) for p in places]


def point_out(example: Example, places: list[tuple[int, ...]], tokenizer: Tokenizer) -> None:
    """Where the words of a transcript, or those said after the speaker, were heard, as on a token path."""
    if len(example.sounds) != 1 or example.task not in ("hear", "talk", "answer"):
        return
    start, layout = example.sounds[0].start, tokenizer.layout()
    text = [i for i, kind in enumerate(example.kind) if kind == TEXT and example.ids[i] < layout.pad]
    if example.task != "hear" and example.about != "say":
        return
    heard = [example.ids[i] for i in text]
    if len(heard) > len(places):
        return
    for i, place in zip(text, places[-len(heard) :], strict=True):
        if place:
            example.copies.append((i - 1, tuple(start + p for p in place)))


def collate(examples: list[Example], layout: TokenLayout, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Right-padded ids, kinds of loss, and the ids as input, where one speech code in ten is another one."""
    length = bucket(max(len(e.ids) for e in examples))
    ids = np.full((len(examples), length), layout.pad)
    kind = np.zeros_like(ids)
    for i, e in enumerate(examples):
        ids[i, : len(e.ids)], kind[i, : len(e.ids)] = e.ids, e.kind
    noisy = (ids >= layout.first_audio) & (rng.random(ids.shape) < CODE_NOISE)
    seen = np.where(noisy, rng.integers(layout.first_audio, layout.first_audio + layout.num_codes, ids.shape), ids)
    return torch.from_numpy(ids), torch.from_numpy(kind), torch.from_numpy(seen)


def spoken_words(where: Tensor, examples: list[Example]) -> Tensor:
    """One head looks at the word that is being spoken."""
    for b, example in enumerate(examples):
        for position, start, end in example.guide:
            where[b, position, start:end:5] = True
    return where


def copied_words(where: Tensor, examples: list[Example]) -> Tensor:
    """One head looks at the word that is to be written or read out next."""
    for b, example in enumerate(examples):
        for position, places in example.copies:
            where[b, position, list(places)] = True
    return where


def guide_loss(attention: Tensor, where: Tensor) -> Tensor:
    """How far a head is from looking where it should."""
    picked = where.any(-1)
    if not picked.any():
        return attention.sum() * 0
    return -attention[picked].masked_fill(~where[picked], -1e9).logsumexp(-1).clamp(max=0).mean()


def batch_losses(model: Trainee, examples: list[Example], tokenizer: Tokenizer, step: int) -> dict[str, Tensor]:
    """Mean cross-entropy of each modality, and the guide."""
    ids, kind, seen = collate(examples, tokenizer.layout(), np.random.default_rng([7, step]))
    rows = model.hear(examples, Random(step))
    x = model.fill(model.lm.model.embed_tokens(seen), examples, rows)
    logits, attention, copying = model(x)
    nats = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    kind = kind[:, 1:].flatten()
    parts = {}
    for name, which, weight in (("text", TEXT, 1.0), ("code", CODE, 1.0), ("pad", PAD, 0.1)):
        mask = kind == which
        if mask.any():
            parts[name] = weight * nats[mask].mean()
    reading = model.reading(rows, examples, tokenizer)
    if reading is not None:
        parts["reading"] = 0.2 * reading
    where = torch.zeros(attention.shape, dtype=torch.bool)
    parts["guide"] = 0.3 * guide_loss(attention, spoken_words(where.clone(), examples))
    parts["copy"] = 0.3 * guide_loss(copying, copied_words(where, examples))
    return parts


class Evaluation:
    """What the losses do not tell: reading held-out text aloud, answering, and hearing the right slots."""

    def __init__(self, model: Trainee, tasks: Tasks, read_codes: Callable[[list[int]], str]) -> None:
        self.model, self.tasks, self.read_codes = model, tasks, read_codes
        self.builder, self.layout = tasks.builder, tasks.builder.layout

    def prompts(self, examples: list[Example]) -> list[Tensor]:
        """Embedded prompts: everything before the first position that is learned."""
        lines = []
        for e in examples:
            first = next(i for i, k in enumerate(e.kind) if k)
            x = self.model.lm.model.embed_tokens(torch.tensor([e.ids[:first]]))
            part = Example(task=e.task, ids=e.ids[:first], sounds=e.sounds)
            lines.append(self.model.fill(x, [part], self.model.hear([part]))[0])
        return lines

    def run(self) -> dict[str, float]:
        out: dict[str, float] = {}
        speak, said = self.tasks.dev_speak()
        if not speak:
            return self._written()
        made = greedy(self.model.lm, self.prompts(speak), self.layout.eot, 260)
        texts, codes = self._split(made)
        ends = [len(m) for m in made]
        out["speak_wer"] = wer(said, [self.read_codes(c) for c in codes]).rate
        out["ended"] = sum(n < 260 for n in ends) / len(ends)
        return {k: round(float(v), 4) for k, v in out.items()} | self._written()

    def _written(self) -> dict[str, float]:
        """Answers and transcripts, in writing."""
        out: dict[str, float] = {}
        for name, examples, turns in self.tasks.dev_answers():
            replies = greedy(self.model.lm, self.prompts(examples), self.layout.eot, 40)
            heard = [self.builder.tokenizer.decode(r) for r in replies]
            right = [world.right_answer(t, h) for t, h in zip(turns, heard, strict=True)]
            out[name] = sum(right) / len(right)
            sums = [r for e, r in zip(examples, right, strict=True) if e.about == "arithmetic"]
            out[f"{name}_sums"] = sum(sums) / max(1, len(sums))
        for name, examples, texts in self.tasks.dev_hear():
            replies = greedy(self.model.lm, self.prompts(examples), self.layout.eot, 60)
            out[name] = wer(texts, [self.builder.tokenizer.decode(r) for r in replies]).rate
        return {k: round(float(v), 4) for k, v in out.items()}

    def _split(self, made: list[list[int]]) -> tuple[list[str], list[list[int]]]:
        parts = [self.layout.split(m) for m in made]
        return [self.builder.tokenizer.decode(p.text) for p in parts], [
            [self.layout.code_of(t) for t in p.speech] for p in parts
        ]


def main(stage: str, minutes: float, horizon: float) -> None:
    one_thread()
    torch.manual_seed(5)
    from recipes.nano.tokenizer import code_reader

    tokenizer = load_tokenizer()
    still = stage == "still"
    stage = "joint" if still else stage
    tasks = Tasks(Builder(tokenizer), stage)
    model = Trainee(tokenizer.layout().vocab_size)
    folder = Path({"joint": "runs/joint", "think": "runs/think"}.get(stage, "runs/lm"))
    if stage == "joint" and latest(folder) is None:
        model.load_state_dict(latest(Path("runs/lm"))["model"])  # type: ignore[index]
        restore(model.lm)
    if stage == "think" and latest(folder) is None and (begun := latest(Path("runs/joint"))):
        model.load_state_dict(begun["model"])
    evaluation = Evaluation(model, tasks, code_reader() if tasks.voice else str)

    def losses(step: int) -> dict[str, Tensor]:
        torch.manual_seed(step)
        return batch_losses(model, tasks.batch(step), tokenizer, step)

    hearing = [p for n, p in model.named_parameters() if n.startswith(("lm.encoder", "lm.adapter"))]
    names = {id(p) for p in hearing}
    if stage == "think":  # the ears point at these vectors
        names |= {id(model.lm.model.embed_tokens.weight), id(model.blank)}
    rest = [p for p in model.parameters() if id(p) not in names]
    lr = 8e-4 if stage == "joint" else 1.5e-3
    groups: list[dict[str, Any]] = [{"params": rest, "lr": lr}]
    if stage == "joint":
        groups.append({"params": hearing, "lr": 4e-4})
        for parameter in hearing:
            parameter.requires_grad_(not still)
    train(
        folder,
        model,
        losses,
        minutes=minutes,
        horizon=horizon,
        lr=lr,
        groups=groups,
        decay=0.05,
        evaluate=evaluation.run,
        evaluate_every=6,
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else float(sys.argv[2]))
