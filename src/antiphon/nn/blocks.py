"""Who may hear whom when time is cut into blocks: everything up to the end of one's own block.

    block 3, prompt 2:   p p | a b c | d e f | g h        p hears 2 positions, a b c hear 5, d e f hear 8, g h hear 8
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def block_ends(
    length: int, block: int | None, prompt_len: Int[Tensor, " b"] | None, device: torch.device
) -> Int[Tensor, "b_or_1 t"]:
    """How many positions each position hears. The prompt is a block of its own; without `block` all are one block."""
    if block is None:
        return torch.full((1, length), length, device=device)
    places = torch.arange(length, device=device)[None]
    start = torch.zeros_like(places[:, :1]) if prompt_len is None else prompt_len[:, None]
    ends = start + (torch.div(places - start, block, rounding_mode="floor") + 1) * block
    return torch.where(places < start, start, ends).clamp(max=length)


def time_mask(num_real: Int[Tensor, " b"], length: int) -> Bool[Tensor, "b t"]:
    """True at the real positions of each row of a padded batch."""
    return torch.arange(length, device=num_real.device)[None] < num_real[:, None]
