"""Guided heads: three heads are told where to look, which a small model does not find by itself in time.

    spoken    while a code is predicted, one head looks at the text token of the word that is being said
    copied    while a word is written or read out, another looks at where that word was asked or heard; in the call of
              a tool, at where the tool's name was described
    about     while a reply tells how somebody sounds, a third looks at where that one speaks

Where a word lies in real sound nobody has written down: such a look is an `Echo`, and the rows that spell the word are
found while training (`antiphon.train.align`).

The target is a set of positions; the loss is -log of the attention that falls into the set. At run time nothing of it
remains: heads are heads.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from antiphon.model.lm import DecoderAttention
from antiphon.nn.attention import causal_mask, document_mask
from antiphon.nn.rope import rotate, rotation
from antiphon.rates import CODE_HZ
from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import Tokenizer
from antiphon.train.records import Word

Look: TypeAlias = tuple[int, tuple[int, ...]]  # from the position that predicts, to where it should look
FAR = -1e9


class Spelt(NamedTuple):
    """A token that is said in a sound: which of an example's sounds, which of its tokens."""

    sound: int
    token: int


class Echo(NamedTuple):
    """A look at what was said in real sound: from where, and the token that is repeated."""

    position: int
    spelt: Spelt


Source: TypeAlias = tuple[int, tuple[int, ...] | Spelt]  # a token that was asked or heard, and where it stands


def sources(tokens: Sequence[int], start: int) -> list[Source]:
    """The tokens of a written question, of which the first stands at `start`."""
    return [(token, (start + n,)) for n, token in enumerate(tokens)]


def copied(
    source: Sequence[Source], tokens: Sequence[int], first: int, stride: int
) -> tuple[list[Look], list[Echo]]:
    """Looks of a reply that repeats the end of what was asked; token j is predicted at `first` + j * `stride`.

    The first token may differ (a word in mid-sentence has its space before it). A reply of other words has no looks.
    """
    asked = source[len(source) - len(tokens) :] if 0 < len(tokens) <= len(source) else ()
    if len(tokens) < 2 or any(a != t for (a, _), t in list(zip(asked, tokens, strict=False))[1:]) or not asked:
        return [], []
    return looking(asked, first, stride)


def looking(asked: Sequence[Source], first: int, stride: int) -> tuple[list[Look], list[Echo]]:
    """Looks at one token after the other; the first is predicted at `first`, the next `stride` later."""
    found = [(first + j * stride, at) for j, (_, at) in enumerate(asked)]
    looks = [(position, at) for position, at in found if at and not isinstance(at, Spelt)]
    return looks, [Echo(position, at) for position, at in found if isinstance(at, Spelt)]


def standing(tokens: Sequence[int], asked: Sequence[Source]) -> Sequence[Source]:
    """Where these tokens stand one after the other in what was asked, for the first time; nothing if they do not."""
    size, wanted = len(tokens), list(tokens)
    starts = (n for n in range(len(asked) - size + 1) if [t for t, _ in asked[n : n + size]] == wanted)
    return asked[at : at + size] if size and (at := next(starts, None)) is not None else ()


def spoken(
    tokenizer: Tokenizer, layout: TokenLayout, text: Sequence[int], words: Sequence[Word], begin: int, slots: int
) -> list[Look]:
    """Looks of a spoken turn whose first slot stands at `begin`: every code towards the tokens of its word.

    A code whose word is not written yet has none.
    """
    if not words:
        return []
    group, looks, spans = 1 + layout.audio_per_group, [], word_spans(tokenizer, text, words)
    for place in range(slots):
        number, within = divmod(place, group)
        now = (layout.audio_per_group * number + within - 0.5) / CODE_HZ
        span = next((s for (_, a, b), s in zip(words, spans, strict=True) if a <= now < b), None) if within else None
        if span and group * (span[1] - 1) < place:  # speech may run ahead of its text, which nobody can look at
            looks.append((begin + place - 1, tuple(begin + group * n for n in range(*span))))
    return looks


def word_spans(tokenizer: Tokenizer, ids: Sequence[int], words: Sequence[Word]) -> list[tuple[int, int] | None]:
    """For each spoken word, the first and one past the last token of the text that writes it."""
    pieces = [tokenizer.decode([i]) for i in ids]
    ends, spans, at = list(accumulate(map(len, pieces))), list[tuple[int, int] | None](), 0
    text = "".join(pieces).lower()
    for word, _, _ in words:
        start = text.find(word.lower(), at)
        if start < 0 or not word:  # an engine may name a pause, which nothing writes
            spans.append(None)
            continue
        at = start + len(word)
        spans.append((bisect_right(ends, start), bisect_left(ends, at) + 1))
    return spans


def head_attention(
    layer: DecoderAttention,
    x: Float[Tensor, "b t d"],
    head: int,
    theta: float,
    document: Int[Tensor, "b t"] | None = None,
) -> Float[Tensor, "b t t"]:
    """Log attention of one query head of a layer over a whole causal sequence, as the layer itself computes it.

    `document` is for packed rows, as in `Decoder.forward`.
    """
    dim, t = layer.head_dim, x.shape[1]
    shared = head * layer.k_proj.out_features // layer.q_proj.out_features
    query, key = slice(head * dim, (head + 1) * dim), slice(shared * dim, (shared + 1) * dim)
    q = F.linear(x, layer.q_proj.weight[query], layer.q_proj.bias[query])[:, None]  # b t d -> b 1 t d/h
    k = F.linear(x, layer.k_proj.weight[key], layer.k_proj.bias[key])[:, None]
    positions, allowed = torch.arange(t, device=x.device), causal_mask(t, t, x.device)[None, None]
    if document is not None:
        positions, allowed = document_mask(document)
    turn = rotation(positions, dim, theta, q.dtype)
    scores = (rotate(q, *turn) * dim**-0.5) @ rotate(k, *turn).mT
    log: Tensor = scores.float().masked_fill(~allowed, FAR)[:, 0].log_softmax(-1)
    return log


@dataclass(frozen=True)
class Targets:
    """The looks of a batch: which example, the position that predicts, and where it should look."""

    example: Int[Tensor, " n"]
    position: Int[Tensor, " n"]
    where: Bool[Tensor, "n t"]

    def __len__(self) -> int:
        return len(self.example)

    def with_more(self, other: "Targets") -> "Targets":
        """Both, of rows of one length."""
        pairs = ((self.example, other.example), (self.position, other.position), (self.where, other.where))
        return Targets(*(torch.cat([a, b.to(a.device)]) for a, b in pairs))

    def to(self, device: torch.device) -> "Targets":
        """The same on another device."""
        return Targets(self.example.to(device), self.position.to(device), self.where.to(device))


def targets(looks: Sequence[Sequence[Look]], length: int) -> Targets:
    """The looks of every example of a batch whose rows have this length."""
    flat = [(b, position, at) for b, some in enumerate(looks) for position, at in some if position < length]
    where = torch.zeros(len(flat), length, dtype=torch.bool)
    for n, (_, _, at) in enumerate(flat):
        where[n, list(at)] = True
    rows, positions = torch.tensor([b for b, _, _ in flat]), torch.tensor([p for _, p, _ in flat])
    return Targets(rows.long(), positions.long(), where)


def look_loss(log: Float[Tensor, "b t t"], wanted: Targets) -> Float[Tensor, ""]:
    """-log of the attention that falls where it should, summed over the looks."""
    inside = log[wanted.example, wanted.position].masked_fill(~wanted.where, FAR).logsumexp(-1)
    return -inside.clamp(max=0).sum()
