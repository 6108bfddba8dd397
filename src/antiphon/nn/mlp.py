"""The two feed-forward blocks of the system."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from antiphon.nn.joined import Joined
from antiphon.nn.precision import working


class GatedMLP(nn.Module):
    """SwiGLU without biases: down(silu(gate(x)) * up(x))."""

    joined: Joined | None = None

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(dim, hidden, bias=False)
        self.up_proj = nn.Linear(dim, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Same shape out."""
        x = working(x)
        gate, up = (self.gate_proj(x), self.up_proj(x)) if self.joined is None else self.joined(x).chunk(2, dim=-1)
        y: Tensor = self.down_proj(F.silu(gate) * up)
        return y

    def fold(self) -> None:
        """Make gate and up one product, for inference."""
        self.joined = Joined(self.gate_proj, self.up_proj)


def gelu_mlp(dim: int, hidden: int) -> nn.Sequential:
    """Linear, exact GELU, linear; its parameters are named 0 and 2 in the released checkpoints."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
