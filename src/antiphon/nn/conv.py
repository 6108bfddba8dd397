"""Convolution that looks only backwards, with the state of a stream.

kernel 3:   y[t] = f(x[t-2], x[t-1], x[t])          the state is the last two inputs
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from antiphon.nn.state import state


@state
class ConvState:
    """What a causal convolution still remembers."""

    tail: Float[Tensor, "b c reach"]  # the last inputs heard, kept for the next call


class CausalConv1d(nn.Conv1d):
    """Convolution that looks only backwards: a file is one call on a fresh state, a stream is many."""

    taps: Tensor | None = None  # of a folded one: c_out (kernel c_in)

    @property
    def reach(self) -> int:
        """How many earlier inputs an output hears."""
        return (self.kernel_size[0] - 1) * self.dilation[0]

    def init_state(self, batch: int) -> ConvState:
        """Silence before the first input."""
        shape, like = (batch, self.in_channels, self.reach), self.weight  # which may be sharded
        return ConvState(tail=torch.zeros(shape, dtype=like.dtype, device=like.device))

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "b c t"], state: ConvState | None = None, final: bool = True
    ) -> tuple[Float[Tensor, "b c_out t"], ConvState]:
        """As many outputs as inputs; nothing is held back, so `final` changes nothing."""
        assert self.stride == (1,) and self.padding == (0,), "a causal convolution pads with its past and has no stride"
        tail = x.new_zeros(x.shape[0], self.in_channels, self.reach) if state is None else state.tail
        if self.taps is None:
            heard = torch.cat([tail, x], dim=-1)  # b c reach+t
            y = F.conv1d(heard, self.weight, self.bias, dilation=self.dilation, groups=self.groups)
        else:
            rows, starts = torch.cat([tail.mT, x.mT], dim=1), range(0, self.reach + 1, self.dilation[0])
            taken = torch.cat([rows[:, at : at + x.shape[-1]] for at in starts], dim=-1)  # b t (kernel c)
            y, heard = F.linear(taken, self.taps, self.bias).mT, rows.mT
        tail = heard[..., heard.shape[-1] - self.reach :].contiguous()  # always laid out alike, and free of `heard`
        return y, ConvState(tail=tail)

    step = forward

    @torch.no_grad()
    def fold(self) -> None:
        """Make it one product, for inference: a short stretch costs less so; what is learned later is not seen."""
        assert self.groups == 1, "channels that do not hear each other are not one product"
        self.taps = self.weight.permute(0, 2, 1).flatten(1)  # c_out c kernel -> c_out (kernel c)
