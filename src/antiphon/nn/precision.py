"""The precision that products are made in."""

import torch
from torch import Tensor


def working(x: Tensor) -> Tensor:
    """`x` as products take it: under autocast in its dtype, so that several products share one cast; else unchanged."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x


AUTO = "auto"


def precision(asked: str, device: torch.device) -> str:
    """The dtype that products are made in; for "auto" bfloat16 where a device has instructions for it, else float32.

    A CPU without them makes products of bfloat16 several times slower than those of float32.
    """
    if asked != AUTO:
        return asked
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    able = device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    return "bfloat16" if able else "float32"
