"""Adaptor: halve the encoder's frame rate and lift it to the language model's width (25 Hz -> 12.5 Hz)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from antiphon.config import AdaptorConfig


class Adaptor(nn.Module):
    """A strided convolution, then a two-layer perceptron with ReLU. Carries no state."""

    def __init__(self, config: AdaptorConfig, d_in: int, d_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(d_in, d_in, config.kernel, stride=config.stride, padding=config.kernel // 2)
        self.linear1 = nn.Linear(d_in, config.hidden)
        self.linear2 = nn.Linear(config.hidden, d_out)

    def forward(self, x: Float[Tensor, "b t d_in"]) -> Float[Tensor, "b t_half d_out"]:
        """All rows, including those past a piece's real length."""
        x = F.gelu(self.conv(x.mT)).mT  # b t d -> b d t/stride -> b t/stride d
        y: Tensor = self.linear2(F.relu(self.linear1(x)))
        return y
