"""Many streams in one batch: they join and leave between two steps.

    waiting ─admit─> reading the prompt, some positions a step ─> one token a step ─> Finished
                     └── the beginning that a slot already holds is not read again

A step has a fixed number of places (`nn/places.py`); `share` says how many each stream gets. With `deterministic` a
step has one of the sizes in which a row is worth the same to the bit (`sizes.py`): the tokens of a stream are the
same in any company, and with any part of the prompt cached. Without it a step is as large as its work, which rounds
differently. Nothing here waits or knows of threads: `LocalEngine` does.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from antiphon.errors import CapacityError, ConfigError
from antiphon.nn.places import Places, init_pool
from antiphon.runtime.engine import Finished, Request, Started, Stats, Step, Token
from antiphon.runtime.generate import Hearing, places_of, tail
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.sample import allowed, pick
from antiphon.runtime.share import share
from antiphon.runtime.sizes import SMALLEST, sizes_of
from antiphon.runtime.slots import Slots

OF_A_PROMPT = 8  # positions that a step can read while everybody speaks
RECENT = 0.1  # how far one step moves what steps take of late


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The fixed sizes of an engine. The same request in the same bucket gives the same tokens."""

    streams: int = 8  # that run at once
    places: int = 16  # positions of one step at most, at least one for each stream
    slots: int = 16  # caches, those of conversations that are silent included
    capacity: int | None = None  # positions of one cache; the context of the model by default
    deterministic: bool = True
    free_places: int = 256  # positions of one step that is not deterministic

    def __post_init__(self) -> None:
        if not 1 <= self.streams <= min(self.places, self.slots, self.free_places):
            raise ConfigError(
                f"the bucket has {self.streams} streams, {self.places} places and {self.slots} slots;"
                " give it at least one stream, and a place and a slot for each."
            )


def bucket_for(streams: int, *, deterministic: bool = True) -> Bucket:
    """The sizes for so many replies at once, and places for a prompt: a row more costs little beside a step more."""
    return Bucket(streams=streams, places=streams + OF_A_PROMPT, slots=2 * streams, deterministic=deterministic)


@dataclass(eq=False)
class Running:
    """A stream that has a slot."""

    number: int
    request: Request
    slot: int
    unread: list[Hashable]  # what comes next, position by position
    rows: Tensor  # t d: the same, embedded
    seen: Tensor  # v: ids of prompt and reply, for the penalty
    num_tokens: int = 0


@dataclass
class Counts:
    """What has happened since the beginning."""

    requests: int = 0
    aborted: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    reply_tokens: int = 0
    steps: int = 0
    busy_s: float = 0.0


@dataclass
class Batch:
    """The streams of one model. Streams are numbered by the caller; `step` is the only method that runs the model."""

    model: Loaded
    bucket: Bucket
    hearing_of: Callable[[str], Hearing]
    waiting: deque[tuple[int, Request]] = field(default_factory=deque)
    running: dict[int, Running] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    step_s: float = 0.005  # that a step took of late

    def __post_init__(self) -> None:
        self.lm, config = self.model.parts.lm, self.model.parts.lm.config.decoder
        self.limit = min(self.bucket.capacity or config.max_positions, config.max_positions)
        self.slots = Slots(self.bucket.slots)
        self.pool = init_pool(
            config.num_layers,
            config.num_kv_heads,
            config.head_dim,
            slots=self.bucket.slots,
            capacity=self.limit,
            like=self.lm.model.norm.weight,
        )

    @cached_property
    def sizes(self) -> list[int]:
        """Rows that a step may have; to be asked for on the thread that runs the model, whose products they are of."""
        return sizes_of(self.lm, self.bucket.streams, self.bucket.places) if self.bucket.deterministic else []

    def warm(self) -> None:
        """Find out now what the first step would wait for."""
        _ = self.sizes

    def check(self, request: Request) -> None:
        """Raises CapacityError for a prompt that leaves no room for a reply."""
        if len(request.prompt) >= self.limit:
            raise CapacityError(
                f"the prompt has {len(request.prompt)} positions and the context holds {self.limit};"
                " shorten the conversation."
            )

    def add(self, number: int, request: Request) -> None:
        """Queue a request behind the others."""
        self.counts.requests += 1
        self.waiting.append((number, request))

    def cancel(self, number: int) -> Finished | None:
        """Forget a stream; None if it is not there (any more)."""
        kept = deque(entry for entry in self.waiting if entry[0] != number)
        stream, was_waiting = self.running.pop(number, None), len(kept) < len(self.waiting)
        self.waiting = kept
        if stream is None and not was_waiting:
            return None
        if stream is not None:
            self.slots.leave(stream.slot)
        self.counts.aborted += 1
        return Finished("aborted", 0 if stream is None else stream.num_tokens)

    def stop(self) -> None:
        """Forget every stream that runs and everything that is cached."""
        self.running.clear()
        self.slots = Slots(self.bucket.slots)

    def clear(self) -> None:
        """The same, and forget who waits."""
        self.stop()
        self.waiting.clear()

    @property
    def is_busy(self) -> bool:
        """Whether `step` has anything to do."""
        return bool(self.running or self.waiting)

    @torch.inference_mode()
    def admit(self) -> tuple[int, Started | Exception] | None:
        """Give the first of the queue a slot, if there is one to give; a request that cannot be met is refused."""
        if not self.waiting or len(self.running) >= self.bucket.streams:
            return None
        number, request = self.waiting.popleft()
        wanted = places_of(request.prompt)
        taken = self.slots.take(request.conversation, wanted)
        if taken.source is not None:
            self.pool.copy(taken.source, taken.slot, taken.held)
        try:
            parts = tail(self.lm, self.hearing_of(request.conversation), request.prompt, taken.held)
            rows = self.lm.embed(parts)
        except Exception as error:  # the request is at fault, or the machine; the others go on
            self.slots.leave(taken.slot)
            return number, error
        seen = torch.zeros_like(self.model.forbidden)
        seen[torch.tensor(request.prompt.ids, device=seen.device)] = True  # sound counts as its placeholder
        self.running[number] = Running(number, request, taken.slot, list(wanted[taken.held :]), rows, seen)
        self.counts.prompt_tokens += len(wanted)
        self.counts.reused_tokens += taken.held
        return number, Started(len(wanted), taken.held)

    @torch.inference_mode()
    def step(self) -> list[tuple[int, Step]]:
        """Run the model once for all streams; what became of each."""
        begin = time.perf_counter()
        streams = list(self.running.values())
        if not streams:
            return []
        given = share([len(s.unread) for s in streams], self._most)
        hidden = self._read([(s, n) for s, n in zip(streams, given, strict=True) if n])
        ends = [row - 1 for row in accumulate(given)]
        ready = [(s, end) for s, end in zip(streams, ends, strict=True) if not s.unread]
        steps: list[tuple[int, Step]] = []
        if ready:
            logits = self._logits(hidden[[end for _, end in ready]])
            chances = logits.log_softmax(-1)
            for (stream, _), scores, logprobs in zip(ready, logits, chances, strict=False):
                steps += [(stream.number, step) for step in self._continue(stream, scores, logprobs)]
        taken = time.perf_counter() - begin
        self.counts.steps += 1
        self.counts.busy_s += taken
        self.step_s += RECENT * (taken - self.step_s)
        return steps

    def stats(self, *, waiting: int, rejected: int, conversations: int) -> Stats:
        """Where it stands now."""
        counts = self.counts
        return Stats(
            requests_running=len(self.running),
            requests_waiting=waiting,
            conversations_held=conversations,
            cache_usage_ratio=self.slots.num_places / (self.bucket.slots * self.limit),
            requests_total=counts.requests,
            rejected_total=rejected,
            aborted_total=counts.aborted,
            prompt_tokens_total=counts.prompt_tokens,
            reused_tokens_total=counts.reused_tokens,
            reply_tokens_total=counts.reply_tokens,
            steps_total=counts.steps,
            busy_seconds_total=counts.busy_s,
        )

    def _read(self, work: list[tuple[Running, int]]) -> Tensor:
        """Run the next positions of each stream; what the decoder makes of them, m d."""
        taken: list[tuple[int, int]] = []
        for stream, num in work:
            start = len(self.slots.rows[stream.slot].places)
            taken += [(stream.slot, start + i) for i in range(num)]
        x = torch.cat([stream.rows[:num] for stream, num in work])
        size = self._size(len(taken))
        x = F.pad(x, (0, 0, 0, size - len(taken)))[:, None]  # t d -> m 1 d
        hidden: Tensor = self.lm.model(x, Places(self.pool, taken, size, runs=not self.bucket.deterministic))[0]
        for stream, num in work:
            self.slots.rows[stream.slot].places += stream.unread[:num]
            stream.rows, stream.unread = stream.rows[num:], stream.unread[num:]
        return hidden[:, 0]

    def _logits(self, hidden: Tensor) -> Tensor:
        """Scores of every token after the given rows; the rows beyond mean nothing."""
        padded = F.pad(hidden, (0, 0, 0, self._size(len(hidden)) - len(hidden)))
        return F.linear(padded, self.lm.head).float()

    @property
    def _most(self) -> int:
        """Places that a step may give away."""
        return min(self.sizes[-1], self.bucket.places) if self.bucket.deterministic else self.bucket.free_places

    def _size(self, rows: int) -> int:
        """Rows of the step that has room for so many."""
        return next(s for s in self.sizes if s >= rows) if self.bucket.deterministic else max(rows, SMALLEST)

    def _continue(self, stream: Running, logits: Tensor, logprobs: Tensor) -> list[Step]:
        """Choose the next token of a stream; the stream goes on with it, or ends."""
        request, position = stream.request, len(self.slots.rows[stream.slot].places)
        scores = allowed(logits, request.sampling, seen=stream.seen, forbidden=self.model.forbidden)
        token = pick(scores, request.sampling, position)
        best = scores.topk(2).values.tolist()
        steps: list[Step] = [Token(token, position, float(logprobs[token]), best[0] - best[1])]
        stream.num_tokens += 1
        self.counts.reply_tokens += 1
        is_last = token in request.stop_ids
        if is_last or stream.num_tokens == request.max_tokens or position >= self.limit:
            del self.running[stream.number]
            self.slots.leave(stream.slot)
            return [*steps, Finished("stop" if is_last else "length", stream.num_tokens)]
        stream.seen[token] = True
        stream.unread = [token]
        stream.rows = self.lm.embed([torch.tensor([token], device=self.lm.head.device)])
        return steps
