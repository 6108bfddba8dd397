"""Several linear layers of one input as one product, for inference: the same numbers for less work."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Joined:
    """The layers keep their names, and their weights become parts of one matrix; none of them learns any more.

    Not a module: the matrix is in no state dict, where the layers' own weights stand.
    """

    @torch.no_grad()
    def __init__(self, *layers: nn.Linear) -> None:
        """Layers of the same input, on one device and in one dtype, all with a bias or all without."""
        self.weight = torch.cat([layer.weight for layer in layers])
        self.bias = None if layers[0].bias is None else torch.cat([layer.bias for layer in layers])
        done = 0
        for layer in layers:
            rows = slice(done, done := done + layer.out_features)
            layer.weight = nn.Parameter(self.weight[rows], requires_grad=False)
            if self.bias is not None:
                layer.bias = nn.Parameter(self.bias[rows], requires_grad=False)

    def __call__(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b all"]:
        """What the layers would give, side by side."""
        return F.linear(x, self.weight, self.bias)
