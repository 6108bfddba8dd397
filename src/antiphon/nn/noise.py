"""Chance as a function: a normal draw for every (seed, stream, position, channel), whoever asks and in whatever order.

A counter is hashed (splitmix64) and two uniform numbers in it become one normal number (Box-Muller), so that any
chunking, any batch and any machine see the same noise, and nothing has to be remembered.
"""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)  # odd constants as signed 64-bit integers; products wrap around
MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
MIX_2 = 0x94D049BB133111EB - (1 << 64)
FLOW, SOURCE = 1, 2  # streams: what the numbers are for


@runtime_checkable
class Noise(Protocol):
    """Where a sampler gets its noise: the frames from `clock` on, for each stream."""

    def __call__(self, clock: Int[Tensor, " b"], num: int) -> Float[Tensor, "b f t"]: ...


def mixed(x: Int[Tensor, "*b"]) -> Int[Tensor, "*b"]:
    """splitmix64: 64 bits in, 64 well-mixed bits out."""
    x = x + GOLDEN
    x = (x ^ _shift(x, 30)) * MIX_1
    x = (x ^ _shift(x, 27)) * MIX_2
    return x ^ _shift(x, 31)


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical shift to the right."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def draw(seed: Int[Tensor, " b"], stream: int, position: Int[Tensor, "b t"], width: int) -> Float[Tensor, "b t c"]:
    """`width` standard normal numbers for each position of each row."""
    channels = torch.arange(width, device=position.device)
    key = mixed(mixed(mixed(seed) + stream)[:, None] + position)  # b t
    bits = mixed(key[..., None] + channels)  # b t c
    radius = (_shift(bits, 40) + 1).float() * 2.0**-24  # in (0, 1]
    turn = (bits & 0xFFFFFF).float() * 2.0**-24
    return (-2 * radius.log()).sqrt() * torch.cos(2 * math.pi * turn)


class Seeded:
    """Noise drawn from a seed for each stream."""

    def __init__(self, seed: Int[Tensor, " b"], stream: int, width: int) -> None:
        self.seed, self.stream, self.width = seed, stream, width

    def __call__(self, clock: Int[Tensor, " b"], num: int) -> Float[Tensor, "b f t"]:
        """Frames clock .. clock + num of each stream."""
        position = clock[:, None] + torch.arange(num, device=clock.device)
        return draw(self.seed, self.stream, position, self.width).mT  # b t f -> b f t


class Buffered:
    """Noise read from one long piece that all streams share, as the released sampler keeps it."""

    def __init__(self, buffer: Float[Tensor, "1 f t"]) -> None:
        self.buffer = buffer

    def __call__(self, clock: Int[Tensor, " b"], num: int) -> Float[Tensor, "b f t"]:
        """Frames clock .. clock + num of each stream."""
        position = clock[:, None] + torch.arange(num, device=clock.device)
        return self.buffer[0][:, position].transpose(0, 1)  # f b t -> b f t
