"""Discriminators: is this wave a recording? One family looks at periods, the other at spectrograms.

    wave ─┬─ folded into rows of p samples ─ convolutions along each column        p = 2, 3, 5, 7, 11
          └─ magnitudes at one resolution  ─ convolutions over time and frequency   three resolutions

Source: HiFi-GAN (multi-period) and UnivNet (multi-resolution); losses are those of least squares (LSGAN), plus the
distance of what their layers see in the made and in the true wave. Sizes are data: small ones for a CPU.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from antiphon.train.codec.spectra import magnitudes

SLOPE = 0.1
Seen = list[Tensor]  # what each layer of one discriminator saw; the last are its scores


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSizes:
    """Which periods and resolutions, and how wide. The published sizes are widths of 32."""

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    period_width: int = 32
    windows: tuple[int, ...] = (512, 1024, 2048)  # hops are a quarter of them
    window_width: int = 32


class PeriodDiscriminator(nn.Module):
    """Looks at every p-th sample."""

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        widths = [1, width, 4 * width, 16 * width, 32 * width]
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), padding=(2, 0)))
            for a, b in zip(widths, widths[1:], strict=False)
        )
        self.convs.append(weight_norm(nn.Conv2d(widths[-1], widths[-1], (5, 1), padding=(2, 0))))
        self.score = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wave: Float[Tensor, "b n"]) -> Seen:
        """What each layer sees; the last are scores."""
        x = F.pad(wave[:, None], (0, -wave.shape[-1] % self.period), mode="reflect")
        return _through(self.convs, self.score, x.reshape(len(x), 1, -1, self.period))  # b 1 n -> b 1 n/p p


class ResolutionDiscriminator(nn.Module):
    """Looks at a spectrogram."""

    def __init__(self, window: int, width: int) -> None:
        super().__init__()
        self.window = window
        shapes = [((3, 9), (1, 1)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 3), (1, 1))]
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(width if i else 1, width, kernel, stride, padding=(kernel[0] // 2, kernel[1] // 2)))
            for i, (kernel, stride) in enumerate(shapes)
        )
        self.score = weight_norm(nn.Conv2d(width, 1, (3, 3), padding=(1, 1)))

    def forward(self, wave: Float[Tensor, "b n"]) -> Seen:
        """What each layer sees; the last are scores."""
        with torch.autocast(wave.device.type, enabled=False):
            x = magnitudes(wave.float(), self.window, self.window // 4)
        return _through(self.convs, self.score, x.mT[:, None])  # b bins t -> b 1 t bins


class Discriminators(nn.Module):
    """All of them."""

    def __init__(self, sizes: DiscriminatorSizes) -> None:
        super().__init__()
        self.all = nn.ModuleList(
            [
                *(PeriodDiscriminator(period, sizes.period_width) for period in sizes.periods),
                *(ResolutionDiscriminator(window, sizes.window_width) for window in sizes.windows),
            ]
        )

    def forward(self, wave: Float[Tensor, "b n"]) -> list[Seen]:
        """What each of them sees."""
        return [judge(wave) for judge in self.all]


def _through(convs: nn.ModuleList, score: nn.Module, x: Tensor) -> Seen:
    seen = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE)
        seen.append(x)
    return [*seen, score(x)]


def score_distance(judged: list[Seen], wanted: float) -> Float[Tensor, " b"]:
    """Mean squared distance of the scores from what is wanted: 1 for true, 0 for made; one number for each row."""
    return torch.stack([(seen[-1].float() - wanted).square().flatten(1).mean(1) for seen in judged]).mean(0)


def feature_distance(made: list[Seen], true: list[Seen]) -> Float[Tensor, " b"]:
    """How differently the layers see the made and the true wave, relative to what they see in the true one."""
    apart = [
        (a.float() - b.float()).abs().flatten(1).mean(1) / b.float().abs().flatten(1).mean(1).clamp(min=1e-3)
        for one, other in zip(made, true, strict=True)
        for a, b in zip(one[:-1], other[:-1], strict=True)
    ]
    return torch.stack(apart).mean(0)
