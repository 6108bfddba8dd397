"""One stream of tokens: a prompt is prefilled once, then every step reads one token and the cache.

    prompt ─┬─ text ids ──────────────────────────┐
            └─ sound: each piece encoded once ─────┴─ embed ─ prefill ─> token ─ step ─> token ...

What may be kept between calls is in two objects that the caller owns: `Hearing` (rows of every piece heard, by content)
and `Context` (the cache of the last prompt, of which the common beginning is used again). Modules keep nothing.

The cache is a pool of one slot that grows by doubling; every position looks at exactly its past, as in the engine's
steps. A prompt whose sound is not merged is an error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from antiphon.audio.chunk import cut
from antiphon.audio.mel import log_mel
from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError, InputError
from antiphon.model.speech_lm import SpeechLM
from antiphon.nn.places import Places, Pool, init_pool
from antiphon.rates import HEARD_HZ, PIECE_SAMPLES, num_rows
from antiphon.runtime.sample import Sampling, choose
from antiphon.runtime.slots import common
from antiphon.text.chat import AudioItem, AudioSegment, Prompt, TextSegment
from antiphon.text.layout import TokenLayout

FIRST_CAPACITY = 512  # positions of a new cache; then 1024, 2048, ...
Place = int | tuple[str, int, int]  # what stands at a position: an id, or (key, piece, row) of a sound


class Hearing:
    """Sound by the hash of its content, and the rows of the language model that each piece became: encoded once."""

    def __init__(self, limit: int, keep: int | None = None) -> None:
        """`limit`: rows that one recording may have at most; a longer one is refused before any work.

        `keep`: rows to keep of all recordings, those used last; the others must be given anew. None keeps everything,
        the recordings too.
        """
        self.limit, self.keep = limit, keep
        self._pieces: dict[str, list[Tensor]] = {}
        self._rows: dict[tuple[str, int], Tensor] = {}

    def add(self, audio: Audio) -> AudioItem:
        """Take a recording in; what a message holds of it.

        Raises InputError for one too short to fill a row of the prompt, CapacityError for one beyond the limit.
        """
        rows = int(audio.duration_s * HEARD_HZ / PIECE_SAMPLES * num_rows(PIECE_SAMPLES))
        if rows > self.limit:
            raise CapacityError(
                f"the sound is {audio.duration_s:.0f} s long, {rows} positions, and the context holds {self.limit};"
                " give a shorter recording."
            )
        pieces = cut(audio.heard)
        if not pieces:
            raise InputError(
                f"the sound has {audio.num_samples} samples at {audio.rate} Hz, too few to hear; give at least 21 ms."
            )
        key = sha256(torch.cat(pieces).numpy().tobytes()).hexdigest()
        self._pieces.setdefault(key, pieces)
        return AudioItem(tuple(num_rows(len(piece)) for piece in pieces), key)

    def rows(self, lm: SpeechLM, segment: AudioSegment) -> Float[Tensor, "t d"]:
        """The rows of one piece, encoded now if they have not been."""
        place = segment.key, segment.piece
        if place not in self._rows:
            if segment.piece >= len(self._pieces.get(segment.key, ())):
                raise InputError(f"the prompt names the sound {segment.key[:12]!r} that was not given; add it first.")
            weight = lm.model.embed_tokens.weight
            mel = log_mel(self._pieces[segment.key][segment.piece].to(weight.device))
            self._rows[place] = lm.hear(mel.to(weight.dtype)[None])
        rows = self._rows[place] = self._rows.pop(place)  # the last one used comes last
        if len(rows) != segment.num_rows:
            raise InputError(f"a sound became {len(rows)} rows and the prompt has {segment.num_rows} places for it.")
        self._drop()
        return rows

    def forget_but(self, keys: frozenset[str]) -> None:
        """Keep these sounds and no other."""
        self._pieces = {key: pieces for key, pieces in self._pieces.items() if key in keys}
        self._rows = {place: rows for place, rows in self._rows.items() if place[0] in keys}

    @property
    def num_kept(self) -> int:
        """Rows that are kept."""
        return sum(len(rows) for rows in self._rows.values())

    def _drop(self) -> None:
        """Keep to the bound: recordings that have become rows are not needed, nor are the rows used longest ago."""
        if self.keep is None:
            return
        for key, pieces in list(self._pieces.items()):
            if all((key, n) in self._rows for n in range(len(pieces))):
                del self._pieces[key]
        total = self.num_kept
        for place in list(self._rows):
            if total <= self.keep:
                return
            total -= len(self._rows.pop(place))


@dataclass
class Context:
    """The cache of a stream and what stands in it. Owned by the caller; one stream at a time."""

    places: list[Place] = field(default_factory=list)
    pool: Pool | None = None

    def common(self, wanted: Sequence[Place]) -> int:
        """How many positions of `wanted` the cache already holds; at least one is left to be read."""
        return common(self.places, wanted)


def places_of(prompt: Prompt) -> list[Place]:
    """What stands at every position of a prompt."""
    places: list[Place] = []
    for segment in prompt.segments:
        if isinstance(segment, TextSegment):
            places += segment.ids
        else:
            places += [(segment.key, segment.piece, row) for row in range(segment.num_rows)]
    return places


def check_merged(prompt: Prompt, given: Sequence[AudioItem]) -> None:
    """Every piece of every sound that was given stands in the prompt, in order; nothing else does.

    Raises InputError otherwise: sound that is silently left out is answered with nonsense.
    """
    wanted = [(item.key, piece, rows) for item in given for piece, rows in enumerate(item.num_rows)]
    found = [(s.key, s.piece, s.num_rows) for s in prompt.audio]
    if wanted != found:
        raise InputError(
            f"{len(wanted)} pieces of sound were given and {len(found)} stand in the prompt;"
            " every piece must be merged."
        )


def never(layout: TokenLayout, num_ids: int) -> Bool[Tensor, " v"]:
    """The ids that a reply may not hold: marks of heard audio, the beginning of a turn, and rows without a token."""
    mask = torch.zeros(layout.vocab_size, dtype=torch.bool)
    mask[[layout.audio_start, layout.audio_end, layout.audio_patch, layout.bot]] = True
    mask[num_ids:] = True
    return mask


def tail(lm: SpeechLM, hearing: Hearing, prompt: Prompt, held: int) -> list[Tensor]:
    """The segments of a prompt from position `held` on, as tensors; what is held is not encoded."""
    unread: list[Tensor] = []
    position, device = 0, lm.head.device
    for segment in prompt.segments:
        skip, position = max(held - position, 0), position + len(segment)
        if skip >= len(segment):
            continue
        if isinstance(segment, TextSegment):
            unread.append(torch.tensor(segment.ids[skip:], device=device))
        else:
            unread.append(hearing.rows(lm, segment)[skip:])
    return unread


class Stream:
    """One reply under way: `read` tokens in, take the logits of what follows."""

    def __init__(self, lm: SpeechLM, hearing: Hearing, context: Context | None = None) -> None:
        self.lm, self.hearing = lm, hearing
        self.limit = lm.config.decoder.max_positions
        self.context = Context() if context is None else context

    @torch.inference_mode()
    def prefill(self, prompt: Prompt) -> Float[Tensor, " v"]:
        """Read a prompt, as far as the cache does not hold it; the logits after its last position.

        Raises CapacityError for a prompt that leaves no room for a reply, before anything is computed.
        """
        wanted = places_of(prompt)
        if not wanted:
            raise InputError("the prompt is empty; give at least one message.")
        if len(wanted) >= self.limit:
            raise CapacityError(
                f"the prompt has {len(wanted)} positions and the context holds {self.limit}; shorten the conversation."
            )
        context = self.context
        held = context.common(wanted)
        unread = tail(self.lm, self.hearing, prompt, held)
        context.places = context.places[:held]
        return self._read(self.lm.embed(unread), wanted[held:])

    @torch.inference_mode()
    def read(self, token: int) -> Float[Tensor, " v"]:
        """Read one token of the reply; the logits of the next."""
        ids = torch.tensor([token], device=self.lm.head.device)
        return self._read(self.lm.embed([ids]), [token])

    @property
    def room(self) -> int:
        """Tokens that the reply may still have."""
        return self.limit - len(self.context.places)

    def _read(self, x: Tensor, places: Sequence[Place]) -> Tensor:
        """Run new positions behind those in the cache; if that fails the context is as it was."""
        start, pool = len(self.context.places), self._pool(len(self.context.places) + len(places))
        taken = [(0, start + i) for i in range(len(places))]
        hidden, _ = self.lm.model(x[:, None], Places(pool, taken, len(taken), runs=True))  # t d -> t 1 d
        self.context.places = [*self.context.places, *places]
        return F.linear(hidden[-1, 0], self.lm.head)

    def _pool(self, needed: int) -> Pool:
        """The context's cache, with room for so many positions."""
        context, c = self.context, self.lm.config.decoder
        if context.pool is None:
            size, like = min(FIRST_CAPACITY, self.limit), self.lm.model.norm.weight
            context.pool = init_pool(c.num_layers, c.num_kv_heads, c.head_dim, slots=1, capacity=size, like=like)
        context.pool = context.pool.grown(needed, self.limit)
        return context.pool


def generate(
    stream: Stream,
    prompt: Prompt,
    *,
    sampling: Sampling,
    max_tokens: int,
    stop_ids: frozenset[int],
    forbidden: Bool[Tensor, " v"],
) -> Iterator[int]:
    """The ids of the reply, the stop id included; without one the reply was cut off by `max_tokens` or the context."""
    if max_tokens < 1:
        raise InputError(f"max_tokens is {max_tokens}; ask for at least one token.")
    logits, start = stream.prefill(prompt), len(prompt)
    forbidden = forbidden.to(logits.device)
    seen = torch.zeros_like(forbidden)
    seen[torch.tensor(prompt.ids, device=seen.device)] = True  # sound counts as its placeholder, as released
    for position in range(start, start + max_tokens):
        token = choose(logits, sampling, position, seen=seen, forbidden=forbidden)
        yield token
        if token in stop_ids or position + 1 == start + max_tokens or stream.room < 1:
            return
        seen[token] = True
        logits = stream.read(token)
