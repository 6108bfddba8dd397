"""DiT: the velocity network of the flow, a transformer whose norms are steered by the time of the flow.

    [x, mu, speaker, condition] ─in_proj─ 16 x (attention, causal convolution, MLP) ─final layer─> velocity

There is no position encoding: order comes from the causal convolutions and from mu. Source: the DiT of the released
flow; parameter names are the released ones. It keeps no state of its own: `forward` takes what earlier chunks left
(`Past`, one per Euler step) and hands back what this chunk leaves; `antiphon.nn.window` keeps it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from antiphon.config import DiTConfig
from antiphon.nn.attention import attend
from antiphon.nn.conv import CausalConv1d, ConvState
from antiphon.nn.joined import Joined

TIME_BINS = 256
TIME_SCALE = 1000.0
LAYER_EPS = 1e-6


class Past(NamedTuple):
    """What earlier chunks left for one Euler step, with the depth of the network as its first axis."""

    keys: Float[Tensor, "depth b h s d"]
    values: Float[Tensor, "depth b h s d"]
    tails: Float[Tensor, "depth b c 2"]  # the last two inputs of both convolutions of each block, on top of each other


class TimeEmbedder(nn.Module):
    """Sinusoids of the time, then a two-layer perceptron."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(TIME_BINS, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """Time from 0 to 1, one per row (or one for all rows), in float32 at the least: 16 bits cannot tell 1000 t."""
        y: Tensor = self.mlp(time_waves(t).to(next(self.mlp.parameters()).dtype))
        return y


def time_waves(t: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
    """Cosines, then sines, of 1000 t in geometric steps."""
    half = TIME_BINS // 2
    waves = torch.exp(-math.log(10_000.0) * torch.arange(half, device=t.device, dtype=t.dtype) / half)
    angles = (TIME_SCALE * t)[:, None] * waves
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class DiTAttention(nn.Module):
    """Attention whose queries and keys are normalised head by head."""

    joined: Joined | None = None

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        inner = config.num_heads * config.head_dim
        self.num_heads = config.num_heads
        self.to_q = nn.Linear(config.width, inner)
        self.to_k = nn.Linear(config.width, inner)
        self.to_v = nn.Linear(config.width, inner)
        self.q_norm = nn.LayerNorm(config.head_dim)
        self.k_norm = nn.LayerNorm(config.head_dim)
        self.proj = nn.Linear(inner, config.width)

    def forward(
        self, x: Float[Tensor, "b t d"], mask: Bool[Tensor, "..."] | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Float[Tensor, "b t d"], tuple[Tensor, Tensor]]:
        """The output, and this call's own keys and values; `mask` covers the past keys first, then these."""
        made = (p(x) for p in (self.to_q, self.to_k, self.to_v)) if self.joined is None else self.joined(x).chunk(3, -1)
        q, k, v = (rows.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for rows in made)  # b t d -> b h t d/h
        q, new = self.q_norm(q), (self.k_norm(k), v)
        k, v = new if past is None else (torch.cat([a, b], dim=2) for a, b in zip(past, new, strict=True))
        y: Tensor = self.proj(attend(q, k, v, mask).transpose(1, 2).flatten(2))  # b h t d/h -> b t d
        return y, new

    def fold(self) -> None:
        """Make q, k and v one product, for inference."""
        self.joined = Joined(self.to_q, self.to_k, self.to_v)


class ConvBlock(nn.Module):
    """Two causal convolutions of three with a norm and Mish between them; the numbers are the released names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.ModuleDict(
            {"1": CausalConv1d(width, width, 3), "3": nn.LayerNorm(width), "6": CausalConv1d(width, width, 3)}
        )

    def forward(
        self, x: Float[Tensor, "b t d"], tails: Float[Tensor, "b c 2"] | None = None
    ) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b c 2"]]:
        """`tails` are the last two inputs of both convolutions, the first on top; zeros at the start."""
        states = (None, None) if tails is None else tuple(ConvState(tail=t) for t in tails.chunk(2, dim=1))
        y, first = self.block["1"](x.mT, states[0])  # b t d -> b d t
        y, second = self.block["6"](F.mish(self.block["3"](y.mT)).mT, states[1])
        return y.mT, torch.cat([first.tail, second.tail], dim=1)


class MLP(nn.Module):
    """Linear, tanh-GELU, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Same shape out."""
        y: Tensor = self.fc2(F.gelu(self.fc1(x), approximate="tanh"))
        return y


def modulate(
    x: Float[Tensor, "b t d"], shift: Float[Tensor, "b_or_1 1 d"], scale: Float[Tensor, "b_or_1 1 d"]
) -> Float[Tensor, "b t d"]:
    """A norm without weights, scaled and shifted by the time."""
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:], eps=LAYER_EPS), 1 + scale)


class DiTBlock(nn.Module):
    """Attention, convolution, MLP, each steered and gated by the time."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.attn = DiTAttention(config)
        self.conv = ConvBlock(config.width)
        self.mlp = MLP(config.width, int(config.width * config.mlp_ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(config.width, 9 * config.width))

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        steer: Float[Tensor, "b_or_1 _"],
        mask: Bool[Tensor, "..."] | None,
        past: tuple[Tensor, Tensor, Tensor] | None,
    ) -> tuple[Float[Tensor, "b t d"], tuple[Tensor, Tensor, Tensor]]:
        """The output, and this call's keys, values and convolution tails; `steer` is what `adaLN_modulation` gives."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m, shift_c, scale_c, gate_c = steer[:, None].chunk(9, dim=-1)
        y, (keys, values) = self.attn(modulate(x, shift_a, scale_a), mask, None if past is None else past[:2])
        x = torch.addcmul(x, gate_a, y)
        y, tails = self.conv(modulate(x, shift_c, scale_c), None if past is None else past[2])
        x = torch.addcmul(x, gate_c, y)
        x = torch.addcmul(x, gate_m, self.mlp(modulate(x, shift_m, scale_m)))
        return x, (keys, values, tails)


class FinalLayer(nn.Module):
    """A steered norm, then a projection to the mel."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.linear = nn.Linear(width, channels)

    def forward(self, x: Float[Tensor, "b t d"], steer: Float[Tensor, "b_or_1 _"]) -> Float[Tensor, "b t f"]:
        """Velocity of each frame; `steer` is what `adaLN_modulation` gives."""
        shift, scale = steer[:, None].chunk(2, dim=-1)
        y: Tensor = self.linear(modulate(x, shift, scale))
        return y


class DiT(nn.Module):
    """Velocity [b, f, t] of a noisy mel."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.t_embedder = TimeEmbedder(config.width)
        self.in_proj = nn.Linear(config.in_channels, config.width)
        self.blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(config.width, config.out_channels)

    def steering(self, t: Float[Tensor, " n"]) -> list[Float[Tensor, "n _"]]:
        """What every block, and the last layer, is told of each of these times, from 0 to 1."""
        time = self.t_embedder(t)
        return [part.adaLN_modulation(time) for part in (*self.blocks, self.final_layer)]

    def forward(
        self,
        x: Float[Tensor, "b f t"],
        t: Float[Tensor, " b_or_1"],
        mu: Float[Tensor, "b f t"],
        speaker: Float[Tensor, "b f"],
        cond: Float[Tensor, "b f t"],
        mask: Bool[Tensor, "..."] | None = None,
        past: Past | None = None,
        keep: bool = False,
        steering: Sequence[Float[Tensor, "_ _"]] | None = None,
    ) -> tuple[Float[Tensor, "b f t"], Past | None]:
        """The velocity, and with `keep` what this chunk leaves: its own keys and values, and the tails.

        `steering` is that of `t`, for callers who ask for many times at once.
        `mask` [b or 1, 1, t, past + t] is true where a frame may look (everywhere by default).
        """
        frames = x.shape[-1]
        heard = torch.cat([x, mu, speaker[..., None].expand(-1, -1, frames), cond], dim=1)
        y = self.in_proj(heard.mT)  # b 4f t -> b t d
        steering = self.steering(t) if steering is None else steering
        left: list[tuple[Tensor, Tensor, Tensor]] = []
        for i, block in enumerate(self.blocks):
            before = None if past is None else (past.keys[i], past.values[i], past.tails[i])
            y, own = block(y, steering[i], mask, before)
            left += [own] if keep else []
        velocity = self.final_layer(y, steering[-1]).mT  # b t f -> b f t
        return velocity, Past(*(torch.stack(parts) for parts in zip(*left, strict=True))) if keep else None
