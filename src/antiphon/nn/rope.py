"""Rotary position embedding, "half" layout: channel i turns together with channel i + d/2."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def rotation(
    positions: Int[Tensor, "*b t"], dim: int, theta: float, dtype: torch.dtype = torch.float32
) -> tuple[Float[Tensor, "*b t d"], Float[Tensor, "*b t d"]]:
    """Cosines and sines of each position, computed in float32 and handed out in `dtype`; see `rotate` for the signs."""
    steps = torch.arange(0, dim, 2, dtype=torch.float32, device=positions.device)
    angles = positions[..., None].float() * (1.0 / theta ** (steps / dim))  # *b t d/2
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(
    x: Float[Tensor, "b h t d"], cos: Float[Tensor, "..."], sin: Float[Tensor, "..."]
) -> Float[Tensor, "b h t d"]:
    """Turn queries or keys; `cos` and `sin` broadcast over the heads.

    Channel i of the first half becomes x[i] cos - x[i + d/2] sin, that of the second x[i + d/2] cos + x[i] sin.
    """
    return x * cos + x.roll(x.shape[-1] // 2, dims=-1) * sin
