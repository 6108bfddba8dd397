"""The speech LM as it learns: the losses of a batch, and the helps that a small model needs.

    seen ids ─embed─┐
    pieces ─encoder─adaptor─┼─> x ─decoder─> hidden ─head─> loss of each modality
    pseudo-paths ─table, blank, noise─┘   └ a layer's heads ─> guide, copies      rows ─table─> reading

All helps can be left away; with none of them this is plain next-token training. `reading` is CTC of the adaptor's rows
against the model's own token embeddings: sound comes to look like the words it says.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.config import SpeechLMConfig
from antiphon.errors import ConfigError
from antiphon.model.lm import DecoderLayer
from antiphon.model.speech_lm import SpeechLM
from antiphon.rates import encoder_len
from antiphon.train import guide
from antiphon.train.helps import Helps
from antiphon.train.loss import IGNORE, cross_entropy
from antiphon.train.pieces import Pieces
from antiphon.train.pseudo import BLANK
from antiphon.train.tasks import MODALITIES

LEARNED_STRIDE = 64  # learned positions are padded to a multiple of this
SHARPNESS = 20.0  # of the cosine between a row of sound and a token


@dataclass(frozen=True)
class Batch:
    """A collated micro-batch. Places are pairs (example, position); `said` are (sound, token ids) for `reading`."""

    ids: Int[Tensor, "b t"]
    kinds: Int[Tensor, "b t"]
    seen: Int[Tensor, "b t"]
    pieces: Sequence[Pieces]
    heard_at: tuple[Tensor, Tensor]
    path: Int[Tensor, " m"]
    path_noise: Float[Tensor, "m d"]
    path_at: tuple[Tensor, Tensor]
    said: Sequence[tuple[int, tuple[int, ...]]]
    guides: guide.Targets
    copies: guide.Targets

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""

        def moved(value: Any) -> Any:
            if isinstance(value, Tensor | guide.Targets):
                return value.to(device)
            return tuple(moved(v) for v in value) if isinstance(value, tuple) else value

        values = {f.name: moved(getattr(self, f.name)) for f in fields(self)}
        return replace(self, **values | {"pieces": [p.to(device) for p in self.pieces]})


class Learner(nn.Module):
    """Speech LM, and the vector that means "nothing is said here" in pseudo-sound."""

    def __init__(self, config: SpeechLMConfig, num_words: int, helps: Helps) -> None:
        """`num_words` is how many ids, from 0 on, are words that sound can spell."""
        super().__init__()
        self.lm, self.helps, self.num_words = SpeechLM(config), helps, num_words
        width = config.decoder.width
        self.blank = nn.Parameter(torch.randn(width) * width**-0.5)
        self.dropout = nn.Dropout(helps.dropout)
        nn.init.normal_(self.lm.model.embed_tokens.weight, std=width**-0.5)
        nn.init.normal_(self.lm.encoder.positional_embedding.weight, std=0.02)
        heads, layers = config.decoder.num_heads, config.decoder.num_layers
        if (helps.guide or helps.copy) and (helps.layer >= layers or max(helps.guide_head, helps.copy_head) >= heads):
            raise ConfigError(
                f"helps guide heads {helps.guide_head} and {helps.copy_head} of layer {helps.layer};"
                f" the model has {layers} layers of {heads} heads."
            )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Sums over targets of every loss that this batch has, float32."""
        if not self.helps.decoder:
            rows = self.hear(batch.pieces)
            return self.reading(rows, batch)
        x, rows = self.embed(batch)
        with self._watch_heads(batch) as looks:
            hidden, _ = self.lm.model(self.dropout(x))
        losses = self.modalities(hidden, batch) | looks
        return losses | self.reading(rows, batch)

    def counts(self, batch: Batch) -> dict[str, float]:
        """The targets of every loss that this model can have."""
        found = dict.fromkeys(MODALITIES, 0.0) if self.helps.decoder else {}
        if self.helps.decoder:
            numbers = torch.bincount(batch.kinds[:, 1:].flatten(), minlength=len(MODALITIES) + 1)[1:].tolist()
            found = dict(zip(MODALITIES, map(float, numbers), strict=True))
        for name, looks in (("guide", batch.guides), ("copy", batch.copies)):
            found |= {name: float(len(looks))} if getattr(self.helps, name) else {}
        found |= {"reading": float(sum(len(ids) for _, ids in batch.said))} if self.helps.reading else {}
        rows = {n: int(count) for p in batch.pieces for n, count in zip(p.which, p.num_frames.tolist(), strict=False)}
        sizes = [(encoder_len(rows[sound]) + 1) // 2 for sound, _ in batch.said] if self.helps.row_norm else []
        return found | ({"row_norm": float(sum(sizes))} if self.helps.row_norm else {})

    def spell(self, batch: Batch) -> list[tuple[list[int], list[int]]]:
        """What is said in each sound, and what its rows spell by greedy CTC, as ids."""
        found, classes = [], self._classes()
        rows = self.hear(batch.pieces)
        for sound, ids in batch.said:
            best = torch.unique_consecutive((F.normalize(rows[sound].float(), dim=-1) @ classes.T).argmax(-1))
            found.append((list(ids), [int(i) - 1 for i in best if i]))
        return found

    def _classes(self) -> Float[Tensor, "v d"]:
        """The directions that a row can point in: nothing is said here, then every word."""
        table = self.lm.model.embed_tokens.weight[: self.num_words].detach()
        classes: Tensor = F.normalize(torch.cat([self.blank.detach()[None], table]).float(), dim=-1)
        return classes

    def embed(self, batch: Batch) -> tuple[Float[Tensor, "b t d"], list[Float[Tensor, "_ d"]]]:
        """The decoder's input, sound and pseudo-sound in their places; and the rows of each sound."""
        x = self.lm.model.embed_tokens(batch.seen)
        rows = self.hear(batch.pieces)
        if len(batch.heard_at[0]):
            x = x.index_put(batch.heard_at, torch.cat(rows).to(x.dtype))
        if len(batch.path):
            x = x.index_put(batch.path_at, self.pseudo(batch).to(x.dtype))
        return x, rows

    def hear(self, pieces: Sequence[Pieces]) -> list[Float[Tensor, "_ d"]]:
        """The rows of every piece, in the order of the sounds."""
        found: dict[int, Tensor] = {}
        for some in pieces:
            rows = self.lm.hear_batch(some.mel, some.num_frames)
            found.update(zip(some.which, rows, strict=False))
        return [found[n] for n in sorted(found)]

    def pseudo(self, batch: Batch) -> Float[Tensor, "n d"]:
        """Rows of pseudo-sound: the embedding of each token of the path, or the blank, and noise."""
        table = self.lm.model.embed_tokens.weight.detach()
        clean = torch.where((batch.path == BLANK)[:, None], self.blank, table[batch.path.clamp(min=0)])
        scale = self.helps.path_noise * clean.norm(dim=-1, keepdim=True) * clean.shape[-1] ** -0.5
        rows: Tensor = clean + scale * batch.path_noise
        return rows

    def modalities(self, hidden: Float[Tensor, "b t d"], batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of each modality; only what is learned meets the head."""
        kinds = batch.kinds[:, 1:]
        learned = kinds > 0
        targets, near = batch.ids[:, 1:][learned], hidden[:, :-1][learned]
        surplus = -len(targets) % LEARNED_STRIDE  # products of few shapes
        nats = cross_entropy(
            F.pad(near, (0, 0, 0, surplus)), self.lm.head, F.pad(targets, (0, surplus), value=IGNORE)
        )[: len(targets)]
        kinds = kinds[learned]
        return {name: nats[kinds == n].sum() for n, name in enumerate(MODALITIES, 1) if (kinds == n).any()}

    def reading(self, rows: Sequence[Float[Tensor, "_ d"]], batch: Batch) -> dict[str, Tensor]:
        """CTC of the rows of each sound against the words said in it, and how far their lengths are from a word's."""
        found: dict[str, Tensor] = {}
        if not batch.said:
            return found
        table = self.lm.model.embed_tokens.weight[: self.num_words].detach()
        if self.helps.reading:
            some = [F.normalize(rows[sound].float(), dim=-1) for sound, _ in batch.said]
            scores = SHARPNESS * nn.utils.rnn.pad_sequence(some, batch_first=True) @ self._classes().T
            found["reading"] = ctc(scores, [len(r) for r in some], [[1 + t for t in ids] for _, ids in batch.said])
        if self.helps.row_norm:
            lengths = torch.cat([rows[sound] for sound, _ in batch.said]).float().norm(dim=-1)
            said = torch.tensor([t for _, ids in batch.said for t in ids], device=table.device)
            usual = table[said].float().norm(dim=-1).mean()
            found["row_norm"] = (lengths - usual).square().sum()
        return found

    @contextmanager
    def _watch_heads(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        """Inside, the guided layer also says how far two of its heads are from looking where they should."""
        losses: dict[str, Tensor] = {}
        wanted = {"guide": (self.helps.guide_head, batch.guides), "copy": (self.helps.copy_head, batch.copies)}
        wanted = {n: (h, t) for n, (h, t) in wanted.items() if getattr(self.helps, n) and len(t)}
        if not wanted:
            yield losses
            return
        layer = self.lm.model.layers[self.helps.layer]
        assert isinstance(layer, DecoderLayer)
        theta = self.lm.config.decoder.rope_theta

        def look(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
            for name, (head, target) in wanted.items():
                losses[name] = guide.look_loss(guide.head_attention(layer.self_attn, args[0], head, theta), target)

        hook = layer.self_attn.register_forward_hook(look)
        try:
            yield losses
        finally:
            hook.remove()


def ctc(scores: Float[Tensor, "b t v"], lengths: Sequence[int], targets: Sequence[Sequence[int]]) -> Float[Tensor, ""]:
    """CTC summed over the batch; class 0 is the blank, and a target that does not fit its scores counts nothing."""
    flat = torch.tensor([t for some in targets for t in some], device=scores.device)
    log = scores.float().log_softmax(-1).transpose(0, 1)  # b t v -> t b v
    sizes = torch.tensor([len(t) for t in targets])
    return F.ctc_loss(log, flat, torch.tensor(lengths), sizes, zero_infinity=True, reduction="sum")
