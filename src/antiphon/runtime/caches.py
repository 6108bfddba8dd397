"""A cache that grows by doubling, and goes back: what a stream of unknown length does with a `KVState`."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from antiphon.nn.attention import KVState


def grown(state: KVState, needed: int, limit: int | None = None) -> KVState:
    """The same stream with room for `needed` positions: the cache doubles until it is enough, up to `limit`."""
    capacity = state.capacity
    while capacity < needed:
        capacity *= 2
    more = (capacity if limit is None else min(capacity, limit)) - state.capacity
    if more <= 0:
        return state
    longer = [F.pad(pool, (0, 0, 0, more)) for pool in (state.keys, state.values)]
    return replace(state, keys=longer[0], values=longer[1], stamps=F.pad(state.stamps, (0, more)))


def rewound(state: KVState, length: int) -> KVState:
    """The state as it was after `length` positions."""
    if length == 0:
        return replace(state, length=torch.zeros_like(state.length), stamp=torch.zeros_like(state.stamp))
    stamp = state.stamps[state.slot, length - 1]
    return replace(state, length=torch.full_like(state.length, length), stamp=stamp)
