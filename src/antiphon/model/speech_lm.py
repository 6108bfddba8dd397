"""Speech LM: encoder, adaptor and decoder in one; `embed(segments)` is the single place where sound meets text.

    text ids ──embed_tokens──┐
    sound ─encoder─adaptor───┴─> rows in prompt order ──decoder──> logits
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from antiphon.config import SpeechLMConfig
from antiphon.errors import InputError
from antiphon.model.adaptor import Adaptor
from antiphon.model.encoder import AudioEncoder
from antiphon.model.lm import Decoder, logits_of
from antiphon.nn.attention import KVState

Segment = Tensor  # int64 [t]: token ids; floating [t, d]: rows of sound


def segments_of(
    ids: Int[Tensor, " t"], sounds: Sequence[Float[Tensor, "_ d"]], *, start: int, patch: int
) -> list[Segment]:
    """A prompt in the released form, ids with placeholders, as segments: the k-th `start` begins the k-th sound.

    Raises InputError unless there are as many `start` ids as sounds, each followed by one `patch` for every row.
    """
    places = (ids == start).nonzero()[:, 0].tolist()
    if len(places) != len(sounds):
        raise InputError(f"the prompt announces {len(places)} sounds and {len(sounds)} were given; they must match.")
    segments, done = [], 0
    for place, rows in zip(places, sounds, strict=True):
        after = (ids[place + 1 :] != patch).nonzero()[:, 0]
        room = int(after[0]) if len(after) else len(ids) - place - 1
        if room != len(rows):
            raise InputError(f"a sound of {len(rows)} rows has {room} placeholders in the prompt; give one a row.")
        segments += [ids[done : place + 1], rows]
        done = place + 1 + room
    return [*segments, ids[done:]]


class SpeechLM(nn.Module):
    """Step-Audio 2's language-model side. Parameter names are the released ones (`adapter`, `model`, `lm_head`)."""

    def __init__(self, config: SpeechLMConfig) -> None:
        super().__init__()
        self.config = config
        decoder = config.decoder
        self.encoder = AudioEncoder(config.encoder)
        self.adapter = Adaptor(config.adaptor, config.encoder.width, decoder.width)
        self.model = Decoder(decoder)
        self.lm_head = None if decoder.tie_embeddings else nn.Linear(decoder.width, decoder.vocab_size, bias=False)

    @property
    def head(self) -> Float[Tensor, "v d"]:
        """The matrix that turns hidden states into scores."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def init_state(self, batch: int, capacity: int | None = None) -> KVState:
        """Empty caches; see `Decoder.init_state`."""
        return self.model.init_state(batch, capacity)

    def hear(self, mel: Float[Tensor, "1 f t"]) -> Float[Tensor, "rows d"]:
        """One piece, encoded alone: the rows that stand for it in the prompt (12.5 Hz), whatever its company."""
        return self.hear_batch(mel, torch.tensor([mel.shape[-1]], device=mel.device))[0]

    def hear_batch(self, mel: Float[Tensor, "b f t"], num_frames: Int[Tensor, " b"]) -> list[Float[Tensor, "rows d"]]:
        """Pieces padded with 0.0 into one batch, as the reference does; rows depend on their company."""
        features, lengths = self.encoder(mel, num_frames)
        rows = self.adapter(features)
        return [r[: (n + 1) // 2] for r, n in zip(rows, lengths.tolist(), strict=True)]

    def embed(self, segments: Sequence[Segment]) -> Float[Tensor, "t d"]:
        """Text ids and rows of sound, in prompt order, as the decoder's input.

        Raises InputError for an empty prompt, an id outside the vocabulary, or rows of another width.
        """
        if not segments:
            raise InputError("the prompt is empty; give at least one message.")
        return torch.cat([self._embed(segment) for segment in segments])

    def _embed(self, segment: Segment) -> Float[Tensor, "t d"]:
        table = self.model.embed_tokens
        if segment.is_floating_point():
            if segment.dim() != 2 or segment.shape[-1] != table.embedding_dim:
                found = tuple(segment.shape)
                raise InputError(f"rows of sound have shape {found}; [rows, {table.embedding_dim}] was expected.")
            return segment.to(table.weight.dtype)
        if segment.numel() and not 0 <= int(segment.min()) <= int(segment.max()) < table.num_embeddings:
            size = table.num_embeddings
            raise InputError(f"a token id lies outside the vocabulary of {size}; encode with this model's tokenizer.")
        rows: Tensor = table(segment)
        return rows

    def forward(
        self,
        x: Float[Tensor, "b t d"] | Int[Tensor, "b t"],
        state: KVState | None = None,
        final: bool = True,
        *,
        count: Int[Tensor, " b"] | None = None,
        mask: Bool[Tensor, "b t"] | None = None,
        document: Int[Tensor, "b t"] | None = None,
    ) -> tuple[Float[Tensor, "b t v"], KVState | None]:
        """Logits of every position; `x` is embedded input, or plain token ids. See `Decoder.forward`."""
        if not x.is_floating_point():
            x = self.model.embed_tokens(x)
        hidden, state = self.model(x, state, final, count=count, mask=mask, document=document)
        return logits_of(hidden, self.head), state

    step = forward
