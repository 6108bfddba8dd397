"""A cache that grows by doubling: what a stream of unknown length does with a `KVState`."""

from dataclasses import replace

import torch.nn.functional as F

from antiphon.nn.attention import KVState


def grown(state: KVState, needed: int) -> KVState:
    """The same stream with room for `needed` positions: the cache doubles until it is enough."""
    capacity = state.capacity
    while capacity < needed:
        capacity *= 2
    more = capacity - state.capacity
    if more <= 0:
        return state
    longer = [F.pad(pool, (0, 0, 0, more)) for pool in (state.keys, state.values)]
    return replace(state, keys=longer[0], values=longer[1], stamps=F.pad(state.stamps, (0, more)))
