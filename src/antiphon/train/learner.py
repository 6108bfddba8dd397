"""The speech LM as it learns: the losses of a batch, and the helps that a small model needs.

    seen ids ─embed─┐
    pieces ─encoder─adaptor─┼─> x ─decoder─> hidden ─head─> loss of each modality
    pseudo-paths ─table, blank, noise─┘   └ a layer's heads ─> guide, copies      rows ─table─> reading

All helps can be left away; with none of them this is plain next-token training. `reading` is CTC of the adaptor's rows
against the model's own token embeddings: sound comes to look like the words it says. Rows that spell words also tell
where each word was heard, and a head that is to repeat it looks there (`echo`). `phones` is CTC of the encoder's steps
before the pooling, in the same pass.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from antiphon.config import SpeechLMConfig
from antiphon.errors import ConfigError
from antiphon.model.lm import DecoderLayer
from antiphon.model.speech_lm import SpeechLM
from antiphon.rates import encoder_len
from antiphon.train import guide
from antiphon.train.align import align
from antiphon.train.helps import Helps
from antiphon.train.lexicon import UNKNOWN
from antiphon.train.loss import IGNORE, cross_entropy
from antiphon.train.pieces import Pieces
from antiphon.train.pseudo import BLANK
from antiphon.train.tasks import MODALITIES
from antiphon.train.traits import Told, TraitHead

LEARNED_STRIDE = 64  # learned positions are padded to a multiple of this
SHARPNESS = 20.0  # of the cosine between a row of sound and a token
FAR = 0.45  # a row whose cosine with every token is below this says nothing


class SaidPhones(NamedTuple):
    """The phones of a sound (its number in the batch), and the one at each of its steps, where that is known."""

    sound: int
    phones: tuple[int, ...]
    labels: Int[Tensor, " t"]


class HeardEcho(NamedTuple):
    """Where an example predicts what was said in a sound: which of its tokens, and where its rows start."""

    example: int
    position: int
    sound: int
    token: int
    start: int


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
    phones: Sequence[SaidPhones]
    traits: Sequence[tuple[int, Told]]  # (sound, what is known of a stretch of it)
    guides: guide.Targets
    copies: guide.Targets
    abouts: guide.Targets
    echoes: Sequence[HeardEcho]
    document: Int[Tensor, "b t"] | None = None  # which record each position belongs to, where rows are packed

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""

        def moved(value: Any) -> Any:
            if isinstance(value, Tensor | guide.Targets):
                return value.to(device)
            return tuple(moved(v) for v in value) if type(value) is tuple else value

        values = {f.name: moved(getattr(self, f.name)) for f in fields(self)}
        return replace(self, **values | {"pieces": [p.to(device) for p in self.pieces]})


class Learner(nn.Module):
    """Speech LM, and the vector that means "nothing is said here" in pseudo-sound."""

    def __init__(
        self,
        config: SpeechLMConfig,
        num_words: int,
        helps: Helps,
        num_phones: int = 0,
        traits: Sequence[Sequence[float]] = (),
    ) -> None:
        """`num_words` is how many ids, from 0 on, are words that sound can spell; `num_phones` those of a lexicon.

        `traits` are the weights of the classes of each dimension in which sounds are told apart.
        """
        super().__init__()
        self.lm, self.helps, self.num_words = SpeechLM(config), helps, num_words
        width = config.decoder.width
        self.blank = nn.Parameter(torch.randn(width) * width**-0.5)
        self.dropout = nn.Dropout(helps.dropout)
        self.phone = nn.Linear(config.encoder.width, num_phones) if num_phones else None
        self.traits = TraitHead(width, traits) if traits else None
        nn.init.normal_(self.lm.model.embed_tokens.weight, std=width**-0.5)
        nn.init.normal_(self.lm.encoder.positional_embedding.weight, std=0.02)
        heads, layers = config.decoder.num_heads, config.decoder.num_layers
        for name, (layer, head) in guided(helps).items():
            if layer >= layers or head >= heads:
                raise ConfigError(
                    f"the help {name} guides head {head} of layer {layer}; the model has {layers} layers of {heads}."
                )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Sums over targets of every loss that this batch has, float32."""
        with self._steps(batch) as steps:
            if self.helps.decoder:
                x, rows = self.embed(batch)
            else:
                rows = self.hear(batch.pieces)
        scores = self.spelling(rows, batch)
        heard = self.reading(scores, rows, batch) | self.phonetics(steps, batch) | self.noticing(rows, batch)
        if not self.helps.decoder:
            return heard
        with self._watch_heads(batch, scores) as looks:
            hidden, _ = self.lm.model(self.dropout(x), document=batch.document)
        return self.modalities(hidden, batch) | looks | heard

    def counts(self, batch: Batch) -> dict[str, float]:
        """The targets of every loss that this model can have."""
        found = dict.fromkeys(MODALITIES, 0.0) if self.helps.decoder else {}
        if self.helps.decoder:
            numbers = torch.bincount(batch.kinds[:, 1:].flatten(), minlength=len(MODALITIES) + 1)[1:].tolist()
            found = dict(zip(MODALITIES, map(float, numbers), strict=True))
        looks = {"guide": len(batch.guides), "copy": len(batch.copies) + len(batch.echoes), "about": len(batch.abouts)}
        found |= {name: float(looks[name]) for name in guided(self.helps)}
        if self.helps.phones:
            found["phones"] = float(sum(len(s.phones) for s in batch.phones))
        if self.helps.aligned:
            found["aligned"] = float(sum(int((s.labels != UNKNOWN).sum()) for s in batch.phones))
        if self.helps.traits:
            found["traits"] = float(sum(label != UNKNOWN for _, told in batch.traits for label in told.classes))
        found |= {"reading": float(sum(len(ids) for _, ids in batch.said))} if self.helps.reading else {}
        sizes = [self._num_rows(batch, sound) for sound, _ in batch.said] if self.helps.row_norm else []
        return found | ({"row_norm": float(sum(sizes))} if self.helps.row_norm else {})

    def spell(self, batch: Batch) -> list[tuple[list[int], list[int]]]:
        """What is said in each sound, and what its rows spell by greedy CTC, as ids."""
        found, classes = [], self._classes()
        rows = self.hear(batch.pieces)
        for sound, ids in batch.said:
            best = torch.unique_consecutive((F.normalize(rows[sound].float(), dim=-1) @ classes.T).argmax(-1))
            found.append((list(ids), [int(i) - 1 for i in best if i]))
        return found

    def wordless(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "m d"]:
        """Those rows that point at no word."""
        words = self._classes()[1:]
        return rows[(F.normalize(rows.float(), dim=-1) @ words.T).amax(-1) < FAR]

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

    def spelling(self, rows: Sequence[Float[Tensor, "_ d"]], batch: Batch) -> Tensor | None:
        """Log probabilities [b, t, 1 + words] of what the rows of each sound spell, if anybody asks."""
        if not batch.said or not (self.helps.reading or batch.echoes):
            return None
        some = [SHARPNESS * F.normalize(rows[sound].float(), dim=-1) for sound, _ in batch.said]
        scores = nn.utils.rnn.pad_sequence(some, batch_first=True) @ self._classes().T
        log: Tensor = scores.float().log_softmax(-1)
        return log

    def reading(self, scores: Tensor | None, rows: Sequence[Float[Tensor, "_ d"]], batch: Batch) -> dict[str, Tensor]:
        """CTC of the rows of each sound against the words said in it, and how far their lengths are from a word's."""
        found: dict[str, Tensor] = {}
        if not batch.said:
            return found
        if self.helps.reading and scores is not None:
            sizes = [len(rows[sound]) for sound, _ in batch.said]
            found["reading"] = ctc(scores, sizes, [[1 + t for t in ids] for _, ids in batch.said])
        if self.helps.row_norm:
            table = self.lm.model.embed_tokens.weight[: self.num_words].detach()
            lengths = torch.cat([rows[sound] for sound, _ in batch.said]).float().norm(dim=-1)
            said = torch.tensor([t for _, ids in batch.said for t in ids], device=table.device)
            usual = table[said].float().norm(dim=-1).mean()
            found["row_norm"] = (lengths - usual).square().sum()
        return found

    def phonetics(self, steps: Sequence[Float[Tensor, "_ d"]], batch: Batch) -> dict[str, Tensor]:
        """CTC of the encoder's steps against the phones of each sound, and step by step where they are known."""
        if not batch.phones:
            return {}
        assert self.phone is not None
        some = [self.phone(F.layer_norm(steps[s.sound], steps[s.sound].shape[-1:])).float() for s in batch.phones]
        found: dict[str, Tensor] = {}
        if self.helps.phones:
            log = nn.utils.rnn.pad_sequence(some, batch_first=True).log_softmax(-1)
            found["phones"] = ctc(log, [len(x) for x in some], [s.phones for s in batch.phones])
        if self.helps.aligned and any((s.labels != UNKNOWN).any() for s in batch.phones):
            labels = torch.cat([s.labels for s in batch.phones]).to(some[0].device)
            found["aligned"] = F.cross_entropy(torch.cat(some), labels, ignore_index=UNKNOWN, reduction="sum")
        return found

    def noticing(self, rows: Sequence[Float[Tensor, "_ d"]], batch: Batch) -> dict[str, Tensor]:
        """How well the rows of each sound tell how it sounds."""
        if self.traits is None or not batch.traits:
            return {}
        some = [rows[n][told.rows(len(rows[n]))] for n, told in batch.traits]
        return {"traits": self.traits.loss(some, [told for _, told in batch.traits])}

    @contextmanager
    def _steps(self, batch: Batch) -> Iterator[list[Tensor]]:
        """Inside, the encoder also tells its steps at 50 Hz, sound by sound, if phones are learned."""
        found: list[Tensor] = []
        if not batch.phones:
            yield found
            return
        passes: list[Tensor] = []
        hook = self.lm.encoder.blocks[-1].register_forward_hook(lambda _, args, output: passes.append(output))
        try:
            yield found
        finally:
            hook.remove()
        held: dict[int, Tensor] = {}
        for some, output in zip(batch.pieces, passes, strict=True):
            counts = ((some.num_frames + 1) // 2).tolist()
            held.update({n: output[row, : counts[row]] for row, n in enumerate(some.which)})
        found += [held[n] for n in sorted(held)]

    def _echoed(self, scores: Tensor | None, batch: Batch) -> guide.Targets:
        """Where every word was heard that is read or repeated: as the record tells, and as the rows spell it."""
        if not batch.echoes or scores is None:
            return batch.copies
        tokens, logs = dict(batch.said), scores.detach().cpu().numpy()
        rows = {}
        for number, sound in enumerate(tokens):
            if any(echo.sound == sound for echo in batch.echoes):
                count = self._num_rows(batch, sound)
                rows[sound] = align(logs[number, :count], [1 + t for t in tokens[sound]])
        looks: list[list[guide.Look]] = [[] for _ in batch.ids]
        for echo in batch.echoes:
            where = tuple(echo.start + row for row in rows[echo.sound][echo.token])
            looks[echo.example].append((echo.position, where))
        return batch.copies.with_more(guide.targets(looks, batch.ids.shape[1]))

    def _num_rows(self, batch: Batch, sound: int) -> int:
        """How many rows a sound has."""
        frames = next(int(p.num_frames[p.which.index(sound)]) for p in batch.pieces if sound in p.which)
        return (encoder_len(frames) + 1) // 2

    @contextmanager
    def _watch_heads(self, batch: Batch, scores: Tensor | None) -> Iterator[dict[str, Tensor]]:
        """Inside, the guided layers also say how far their guided heads are from looking where they should."""
        losses: dict[str, Tensor] = {}
        copies = self._echoed(scores, batch) if self.helps.copy else batch.copies
        targets = {"guide": batch.guides, "copy": copies, "about": batch.abouts}
        theta = self.lm.config.decoder.rope_theta

        def watch(name: str, number: int, head: int) -> RemovableHandle:
            layer = self.lm.model.layers[number]
            assert isinstance(layer, DecoderLayer)

            def look(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
                log = guide.head_attention(layer.self_attn, args[0], head, theta, batch.document)
                losses[name] = guide.look_loss(log, targets[name])

            return layer.self_attn.register_forward_hook(look)

        hooks = [watch(name, *where) for name, where in guided(self.helps).items() if len(targets[name])]
        try:
            yield losses
        finally:
            for hook in hooks:
                hook.remove()


def guided(helps: Helps) -> dict[str, tuple[int, int]]:
    """Of each head that is guided its layer and its number there."""
    found = {
        "guide": (helps.layer, helps.guide_head),
        "copy": (helps.layer, helps.copy_head),
        "about": (helps.about_layer, helps.about_head),
    }
    return {name: where for name, where in found.items() if getattr(helps, name)}


def ctc(log: Float[Tensor, "b t v"], lengths: Sequence[int], targets: Sequence[Sequence[int]]) -> Float[Tensor, ""]:
    """CTC of log probabilities, summed over the batch. Class 0 is the blank; a target that does not fit counts 0."""
    flat = torch.tensor([t for some in targets for t in some], device=log.device)
    sizes = torch.tensor([len(t) for t in targets])
    return F.ctc_loss(log.transpose(0, 1), flat, torch.tensor(lengths), sizes, zero_infinity=True, reduction="sum")
