"""WindowState: the keys and values of the flow's velocity network, which would otherwise grow without end.

It has a fixed number of places: the whole prompt, and the most recent frames, oldest first.

    [ prompt prompt prompt . | . . recent recent recent ]      a dot is a place that holds nothing (`place` is -1)

What is where is said by `place`, the absolute frame of each entry; masks come from it, order means nothing, and the
clock is `seen`, not the cache. Each Euler step and each row of the guidance has its own entries.

`truncation` says what is forgotten: "prompt" (keep the whole prompt and the most recent frames), None (nothing; frames
beyond the capacity are refused) or "released", which repeats the reference to the letter: entries are listed newest
chunk first, and of a list longer than prompt + recent the first `prompt` and the last `recent` survive, so that of a
long stream as many of the newest entries stay as the prompt has, and only the end of the prompt itself.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from antiphon.errors import CapacityError, InputError
from antiphon.nn.state import state, static

Left = tuple[Tensor, Tensor, Tensor]  # keys, values, tails of one Euler step: depth rows ...
TRUNCATIONS = ("prompt", "released", None)


@state
class WindowState:
    """Keys and values of `b` streams, for each Euler step, guidance row and layer."""

    keys: Float[Tensor, "b steps rows depth h s d"]
    values: Float[Tensor, "b steps rows depth h s d"]
    tails: Float[Tensor, "b steps rows depth c 2"]
    place: Int[Tensor, "b s"]  # absolute frame of each entry, -1 for none
    seen: Int[Tensor, " b"]  # frames so far, the prompt included: the clock
    prompt_len: Int[Tensor, " b"]
    num_prompt: int = static(0)  # places for the prompt
    truncation: str | None = static("prompt")

    @property
    def recent(self) -> int:
        """Places for what came after the prompt."""
        return self.keys.shape[5] - self.num_prompt

    @property
    def held(self) -> Int[Tensor, " b"]:
        """Entries in use."""
        return (self.place >= 0).sum(-1)

    def check(self, num_new: int) -> None:
        """Refuse frames that would silently push out others where nothing may be forgotten (one synchronisation)."""
        if self.truncation is None:
            longest = int((self.seen - self.prompt_len).max())
            if longest + num_new > self.recent:
                raise CapacityError(
                    f"the flow's window holds {longest} of {self.recent} frames and {num_new} more were asked; "
                    "start with a larger capacity or let it forget."
                )

    def past(self, step: int) -> Left:
        """What one Euler step attends to, streams and guidance rows in one axis, depth first."""
        k, v, tails = (x[:, step].movedim(2, 0).flatten(1, 2) for x in (self.keys, self.values, self.tails))
        return k, v, tails

    def mask(
        self, starts: Int[Tensor, "one t"], ends: Int[Tensor, "one t"]
    ) -> Bool[Tensor, "b 1 t s_t"]:
        """Who may look where: held entries, then the new frames. `starts`, `ends`: each new frame's block, from 0."""
        t = starts.shape[1]
        new = self.seen[:, None] + torch.arange(t, device=self.seen.device)  # b t
        place = torch.cat([self.place, new], dim=1)[:, None]  # b 1 s+t
        start, end = (x[..., None] + self.seen[:, None, None] for x in (starts, ends))  # b t 1
        allowed = (place >= 0) & (place < end)
        if self.truncation == "prompt":
            allowed = allowed & ((place < self.prompt_len[:, None, None]) | (place >= start - self.recent))
        return allowed[:, None]

    def push(self, left: Sequence[Left], num_new: int) -> "WindowState":
        """The state after a chunk, from what each Euler step left of it."""
        keys, values, tails = self._new(left)
        place = self.seen[:, None] + torch.arange(num_new, device=self.seen.device)
        if self.truncation == "released":
            index = self._released(num_new)
            keys, values = (_pick(torch.cat([n, o], 5), index) for n, o in ((keys, self.keys), (values, self.values)))
            valid = index >= 0
            place = torch.cat([place, self.place], 1).gather(1, index.clamp(min=0))
            place = torch.where(valid, place, -1)
        else:
            keys, values = (self._shifted(o, n, 5) for o, n in ((self.keys, keys), (self.values, values)))
            place = self._shifted(self.place, place, 1)
        return replace(self, keys=keys, values=values, tails=tails, place=place, seen=self.seen + num_new)

    def push_prompt(self, left: Sequence[Left], num_new: int) -> "WindowState":
        """The state after the prompt, which must be the first thing pushed."""
        keys, values, tails = self._new(left)
        room = self.num_prompt - num_new
        if room < 0:
            raise CapacityError(f"a prompt of {num_new} frames does not fit {self.num_prompt} places; ask for more.")
        place = torch.arange(num_new, device=self.seen.device).expand(len(self.seen), -1)
        keys, values = (
            torch.cat([F.pad(n, (0, 0, 0, room)), o[..., self.num_prompt :, :]], 5)
            for o, n in ((self.keys, keys), (self.values, values))
        )
        place = torch.cat([F.pad(place, (0, room), value=-1), self.place[:, self.num_prompt :]], 1)
        seen = self.seen + num_new
        return replace(self, keys=keys, values=values, tails=tails, place=place, seen=seen, prompt_len=seen)

    def _new(self, left: Sequence[Left]) -> tuple[Tensor, ...]:
        """From one entry per step, depth first, to b steps rows depth ..."""
        b, rows = self.keys.shape[0], self.keys.shape[2]
        return tuple(
            _unflat(torch.stack(parts), b, rows).permute(2, 0, 3, 1, *range(4, parts[0].dim() + 2))
            for parts in zip(*left, strict=True)
        )

    def _shifted(self, old: Tensor, new: Tensor, axis: int) -> Tensor:
        """The prompt's places as they are, the recent ones moved on by the new frames."""
        come = min(new.shape[axis], self.recent)
        prompt, _, left = torch.split(old, [self.num_prompt, come, self.recent - come], dim=axis)
        return torch.cat([prompt, left, new.narrow(axis, new.shape[axis] - come, come)], dim=axis)  # one copy

    def _released(self, num_new: int) -> Int[Tensor, "b s"]:
        """Which entry of [new, old] comes to each place, -1 for none."""
        slot = torch.arange(self.place.shape[1], device=self.place.device)[None]
        total, first = (self.held + num_new)[:, None], self.prompt_len[:, None]
        kept = torch.minimum(total, first + self.recent)
        index = torch.where((total > kept) & (slot >= first), total - self.recent + slot - first, slot)
        return torch.where(slot < kept, index, -1)


def _unflat(x: Tensor, b: int, rows: int) -> Tensor:
    """Streams and guidance rows into two axes again."""
    return x.reshape(*x.shape[:2], b, rows, *x.shape[3:])


def _pick(entries: Tensor, index: Int[Tensor, "b s"]) -> Tensor:
    """Entries along the sixth axis, chosen stream by stream."""
    wide = index.clamp(min=0)[:, None, None, None, None, :, None]
    return torch.take_along_dim(entries, wide.expand(*entries.shape[:5], -1, entries.shape[6]), dim=5)


def init_window(
    shape: tuple[int, int, int, int, int],
    *,
    batch: int,
    width: int,
    num_prompt: int,
    recent: int,
    truncation: str | None,
    like: Tensor,
) -> WindowState:
    """An empty window; `shape` is steps, guidance rows, depth, heads, head dim; `width` the channels of a tail pair."""
    if truncation not in TRUNCATIONS:
        raise InputError(f"truncation is {truncation!r}; it is 'prompt', 'released' or None.")
    steps, rows, depth, heads, head_dim = shape

    def zeros(*size: int, dtype: torch.dtype = torch.int64) -> Tensor:
        return torch.zeros(size, dtype=dtype, device=like.device)

    entries = (batch, steps, rows, depth, heads, num_prompt + recent, head_dim)
    return WindowState(
        keys=zeros(*entries, dtype=like.dtype),
        values=zeros(*entries, dtype=like.dtype),
        tails=zeros(batch, steps, rows, depth, width, 2, dtype=like.dtype),
        place=zeros(batch, num_prompt + recent) - 1,
        seen=zeros(batch),
        prompt_len=zeros(batch),
        num_prompt=num_prompt,
        truncation=truncation,
    )
