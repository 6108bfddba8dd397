"""Change of sampling rate by windowed sinc interpolation, for a file or a stream.

A low-pass of six zero crossings on each side, roll-off 0.99, raised-cosine-squared window. With the reduced ratio
o : n, every o inputs become n outputs:

    heard  [ w before | o | w after ]  ─ n filters ─>  n outputs         then move on by o inputs

The state is the inputs still needed. Its size depends only on how much has been pushed, never on a value, so streams
that were pushed the same amounts stack; a chunk that is a multiple of o leaves the size as it was.
Source: the resampler that the released model was trained behind.
"""

from functools import cache
from math import ceil, gcd

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from antiphon.errors import InputError
from antiphon.nn.state import state

CROSSINGS = 6
MINUTE = 60  # seconds of a recording that are worked on at a time
ROLLOFF = 0.99
DENSE_LIMIT = 1 << 18  # filter coefficients; past this (odd ratios, 44056 : 16000) only the non-zero band is kept


@state
class ResampleState:
    """Inputs that later outputs still need."""

    tail: Float[Tensor, "b held"]


class Resampler(nn.Module):
    """From one sampling rate to another: forward(x, state, final), like every stream of the house. No weights."""

    bank: Tensor | None  # every filter over the whole span, or
    band: Tensor  # every filter without its zeros, and
    start: Tensor  # where in the span it begins

    def __init__(self, rate_in: int, rate_out: int) -> None:
        super().__init__()
        if rate_in < 1 or rate_out < 1:
            raise InputError(f"a sampling rate of {min(rate_in, rate_out)} Hz was given; it must be at least 1.")
        divisor = gcd(rate_in, rate_out)
        self.num_in, self.num_out = rate_in // divisor, rate_out // divisor
        self.reach = 0 if rate_in == rate_out else _reach(self.num_in, self.num_out)
        if self.num_out * self.span <= DENSE_LIMIT:
            self.register_buffer("bank", _bank(self.num_in, self.num_out), persistent=False)
        else:
            band, start = _band(self.num_in, self.num_out)
            self.bank = None
            self.register_buffer("band", band, persistent=False)
            self.register_buffer("start", start, persistent=False)

    @property
    def span(self) -> int:
        """Inputs that one block of outputs hears."""
        return 2 * self.reach + self.num_in

    def init_state(self, batch: int) -> ResampleState:
        """Silence before the first sample."""
        return ResampleState(tail=torch.zeros(batch, self.reach))

    def forward(
        self, x: Float[Tensor, "b n"], state: ResampleState | None = None, final: bool = True
    ) -> tuple[Float[Tensor, "b n_out"], ResampleState]:
        """The outputs that are complete; with `final` the rest too, ceil(n * rate_out / rate_in) in all."""
        tail = x.new_zeros(x.shape[0], self.reach) if state is None else state.tail.to(x)
        if self.num_in == self.num_out:
            return x, ResampleState(tail=tail)
        heard = torch.cat([tail, x], dim=-1)
        wanted = None
        if final:
            wanted = -(-self.num_out * (heard.shape[-1] - self.reach) // self.num_in)  # rounded up
            heard = F.pad(heard, (0, self.reach + self.num_in))
        blocks = max((heard.shape[-1] - self.span) // self.num_in + 1, 0)
        y = self._blocks(heard[:, : (blocks - 1) * self.num_in + self.span], blocks)[:, :wanted]
        rest = x.new_zeros(x.shape[0], self.reach) if final else heard[:, blocks * self.num_in :].contiguous()
        return y, ResampleState(tail=rest)

    step = forward

    def _blocks(self, heard: Tensor, blocks: int) -> Tensor:
        if blocks == 0:
            return heard.new_zeros(heard.shape[0], 0)
        if self.bank is not None:
            bank = self.bank.to(heard)[:, None]
            return F.conv1d(heard[:, None], bank, stride=self.num_in).mT.flatten(1)  # b n_out j -> b j*n_out
        first = torch.arange(blocks, device=heard.device)[:, None] * self.num_in + self.start.to(
            heard.device
        )  # j n_out
        index = first[..., None] + torch.arange(self.band.shape[1], device=heard.device)  # j n_out taps
        return (heard[:, index] * self.band.to(heard)).sum(-1).flatten(1)


def resample(wave: Float[Tensor, "*c n"], rate_in: int, rate_out: int) -> Float[Tensor, "*c n_out"]:
    """A whole recording at another rate: ceil(n * rate_out / rate_in) samples per channel."""
    if rate_in == rate_out:
        return wave
    resampler, pieces, state = Resampler(rate_in, rate_out), [], None
    flat = wave.reshape(-1, wave.shape[-1])
    size = max(MINUTE * rate_in // resampler.num_in, 1) * resampler.num_in  # whole blocks, to bound the memory
    pushes = torch.split(flat, size, dim=-1)
    for index, push in enumerate(pushes):
        y, state = resampler(push, state, final=index == len(pushes) - 1)
        pieces.append(y)
    return torch.cat(pieces, dim=-1).reshape(*wave.shape[:-1], -1)


def _reach(num_in: int, num_out: int) -> int:
    return ceil(CROSSINGS * num_in / (ROLLOFF * min(num_in, num_out)))


def _filter(taps: Tensor, phases: Tensor, num_in: int, num_out: int) -> Tensor:
    """Coefficients at `taps` (inputs) for the outputs `phases`, in double precision."""
    base = ROLLOFF * min(num_in, num_out)
    t = (base * (taps / num_in - phases / num_out)).clamp(-CROSSINGS, CROSSINGS)
    window = torch.cos(torch.pi * t / (2 * CROSSINGS)).square()
    return (base / num_in * window * torch.sinc(t)).float()


@cache
@torch.inference_mode(False)
def _bank(num_in: int, num_out: int) -> Float[Tensor, "n_out span"]:
    reach = _reach(num_in, num_out)
    taps = torch.arange(-reach, reach + num_in, dtype=torch.float64)
    return _filter(taps[None], torch.arange(num_out, dtype=torch.float64)[:, None], num_in, num_out)


@cache
@torch.inference_mode(False)
def _band(num_in: int, num_out: int) -> tuple[Float[Tensor, "n_out taps"], Tensor]:
    """The same filters without their zeros, and the place in the span where each begins."""
    reach = _reach(num_in, num_out)
    phases = torch.arange(num_out, dtype=torch.float64)[:, None]
    start = (phases * num_in / num_out).floor()  # the input at or before each output
    taps = start + torch.arange(-reach, reach + 1, dtype=torch.float64)
    taps, inside = taps.clamp(max=reach + num_in - 1), taps < reach + num_in
    band = _filter(taps, phases, num_in, num_out) * inside
    return band, start[:, 0].long()
