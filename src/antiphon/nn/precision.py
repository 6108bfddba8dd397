"""The precision that products are made in."""

import torch
from torch import Tensor


def working(x: Tensor) -> Tensor:
    """`x` as products take it: under autocast in its dtype, so that several products share one cast; else unchanged."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
