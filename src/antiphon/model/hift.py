"""HiFT vocoder: a 50 Hz mel becomes a 24 kHz wave, sung by a source of harmonics that follows the pitch.

    mel ─┬─ f0 ─ source (9 sines, noise) ─ STFT ─┐ (added at each rate)
         └─ conv_pre ─ up ─ res ─ up ─ res ─ ... ┴─ magnitude, phase ─ iSTFT ─ wave

Source: HiFT-GAN as CosyVoice 2 released it; parameter names are the released ones, weight norm included (`fold` removes
it for inference). Deviations: the noise of the source is an argument; the phase is accumulated in cycles modulo one, so
that it stays exact however long the sound is; sizes are data (a coarse iSTFT of 960/240 is the same class).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from antiphon.config import HiFTConfig
from antiphon.rates import FRAME_HOP, SPOKEN_HZ


class Snake(nn.Module):
    """x + sin(alpha x)^2 / alpha: an activation that likes periodic signals."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """Same shape out."""
        alpha = self.alpha[:, None]
        return x + torch.sin(x * alpha).square() / (alpha + 1e-9)


class ResBlock(nn.Module):
    """Residual pairs of a dilated and a plain convolution."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        half = kernel // 2
        self.convs1 = nn.ModuleList(
            weight_norm(nn.Conv1d(channels, channels, kernel, dilation=d, padding=half * d)) for d in dilations
        )
        self.convs2 = nn.ModuleList(weight_norm(nn.Conv1d(channels, channels, kernel, padding=half)) for _ in dilations)
        self.activations1 = nn.ModuleList(Snake(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in dilations)

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """Same shape out."""
        for conv1, conv2, snake1, snake2 in zip(
            self.convs1, self.convs2, self.activations1, self.activations2, strict=True
        ):
            x = x + conv2(snake2(conv1(snake1(x))))
        return x


class F0Predictor(nn.Module):
    """Pitch in Hz of each frame; it hears five frames to each side."""

    REACH = 5

    def __init__(self, num_mels: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(self.REACH):
            layers += [weight_norm(nn.Conv1d(width if i else num_mels, width, 3, padding=1)), nn.ELU()]
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, 1)

    def forward(self, mel: Float[Tensor, "b f t"]) -> Float[Tensor, "b t"]:
        """Hz; what is under `voiced_hz` counts as unvoiced."""
        hz: Tensor = self.classifier(self.condnet(mel).mT)  # b f t -> b d t -> b t 1
        return hz.squeeze(-1).abs()


class HarmonicSource(nn.Module):
    """Sines at the pitch and its multiples where there is voice, noise where there is none, mixed to one signal."""

    def __init__(self, config: HiFTConfig) -> None:
        super().__init__()
        self.config = config
        self.l_linear = nn.Linear(config.num_harmonics + 1, 1)

    def forward(
        self,
        f0: Float[Tensor, "b t"],
        eps: Float[Tensor, "b n k"] | None = None,
        phase: Float[Tensor, "b k"] | None = None,
    ) -> Float[Tensor, "b 1 n"]:
        """480 samples a frame. `eps`: standard normal noise, none by default; `phase`: see `sines`."""
        sines, voiced = self.sines(f0, phase)
        if eps is not None:
            config = self.config
            sigma = torch.where(voiced, config.noise_sigma, config.sine_amplitude / 3)  # b n 1
            sines = sines + sigma * eps
        return torch.tanh(self.l_linear(sines)).mT  # b n k -> b 1 n

    def sines(
        self, f0: Float[Tensor, "b t"], phase: Float[Tensor, "b k"] | None = None
    ) -> tuple[Float[Tensor, "b n k"], Tensor]:
        """The gated sines, and where there is voice [b, n, 1].

        Phase runs linearly from the middle of one frame to the middle of the next, and stands still in the first and
        the last half frame. `phase` is where each sine stood, in cycles, in the middle of the frame before the first:
        given it, the first half frame runs too, and two stretches join without a jump (`phase_after`).
        """
        step = self._cycles(f0)  # b t k
        start = torch.zeros_like(step[:, 0]) if phase is None else phase
        at = (start[:, None] + (step.double() % 1).cumsum(1)).to(step.dtype) % 1  # b t k, at the frame's middle
        before = at[:, :1] - (step[:, :1] if phase is not None else 0)
        origin = torch.cat([before, at], dim=1)  # b t+1 k: where each stretch between two middles starts
        first = step[:, :1] if phase is not None else torch.zeros_like(step[:, :1])
        slope = torch.cat([first, step[:, 1:], torch.zeros_like(step[:, :1])], dim=1)  # b t+1 k
        within = (torch.arange(FRAME_HOP, device=f0.device, dtype=step.dtype) + 0.5) / FRAME_HOP  # 480
        cycles = origin[:, :, None] + within[:, None] * slope[:, :, None]  # b t+1 480 k
        half = FRAME_HOP // 2
        cycles = cycles.flatten(1, 2)[:, half:-half]  # b n k
        voiced = (f0 > self.config.voiced_hz).repeat_interleave(FRAME_HOP, dim=1)[..., None]
        return self.config.sine_amplitude * torch.sin(2 * torch.pi * cycles) * voiced, voiced

    def phase_after(
        self, f0: Float[Tensor, "b t"], phase: Float[Tensor, "b k"] | None = None
    ) -> Float[Tensor, "b k"]:
        """Where each sine stands, in cycles, in the middle of the last frame."""
        moved = (self._cycles(f0).double() % 1).sum(1)
        return ((moved if phase is None else moved + phase) % 1).to(f0.dtype)

    def _cycles(self, f0: Float[Tensor, "b t"]) -> Float[Tensor, "b t k"]:
        """Cycles that each sine makes over one frame."""
        harmonics = torch.arange(1, self.config.num_harmonics + 2, device=f0.device, dtype=f0.dtype)
        return (f0[..., None] * harmonics / SPOKEN_HZ) % 1 * FRAME_HOP


class HiFT(nn.Module):
    """Mel [b, 80, t] to wave [b, 480 t]."""

    def __init__(self, config: HiFTConfig) -> None:
        super().__init__()
        self.config = config
        top, num_ups, bins = config.channels, len(config.up_rates), config.istft_size + 2
        widths = [top // 2 ** (i + 1) for i in range(num_ups)]
        self.m_source = HarmonicSource(config)
        self.conv_pre = weight_norm(nn.Conv1d(config.num_mels, top, 7, padding=3))
        self.ups = nn.ModuleList(
            weight_norm(nn.ConvTranspose1d(2 * width, width, kernel, rate, padding=(kernel - rate) // 2))
            for width, rate, kernel in zip(widths, config.up_rates, config.up_kernels, strict=True)
        )
        self.source_downs, self.source_resblocks = nn.ModuleList(), nn.ModuleList()
        for i, (width, kernel) in enumerate(zip(widths, config.source_kernels, strict=True)):
            self.source_downs.append(_source_down(bins, width, config.up_rates[i + 1 :]))
            self.source_resblocks.append(ResBlock(width, kernel, config.source_dilations))
        self.resblocks = nn.ModuleList(
            ResBlock(width, kernel, config.dilations) for width in widths for kernel in config.kernels
        )
        self.conv_post = weight_norm(nn.Conv1d(widths[-1], bins, 7, padding=3))
        self.f0_predictor = F0Predictor(config.num_mels, config.f0_width)

    def render(
        self,
        mel: Float[Tensor, "b f t"],
        *,
        f0: Float[Tensor, "b t"] | None = None,
        eps: Float[Tensor, "b n k"] | None = None,
    ) -> Float[Tensor, "b n"]:
        """The whole wave; `f0` is predicted unless it is given (training), `eps` is the noise of the source."""
        return self.decode(mel, self.m_source(self.f0_predictor(mel) if f0 is None else f0, eps))

    def decode(self, mel: Float[Tensor, "b f t"], source: Float[Tensor, "b 1 n"]) -> Float[Tensor, "b n"]:
        """Wave from a mel and a ready source."""
        config = self.config
        spectrum = self.stft(source)
        x = self.conv_pre(mel)
        for i, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, config.slope))
            if i == len(self.ups) - 1:
                x = F.pad(x, (1, 0), mode="reflect")  # the centred STFT has one frame more
            x = x + self.source_resblocks[i](self.source_downs[i](spectrum))
            count = len(config.kernels)
            x = torch.stack([block(x) for block in self.resblocks[i * count : (i + 1) * count]]).mean(0)
        return self.istft(self.conv_post(F.leaky_relu(x)))

    def stft(self, source: Float[Tensor, "b 1 n"]) -> Float[Tensor, "b bins t"]:
        """Real rows, then imaginary rows."""
        size, hop = self.config.istft_size, self.config.istft_hop
        window = torch.hann_window(size, device=source.device)
        bins = torch.stft(source[:, 0].float(), size, hop, window=window, pad_mode="reflect", return_complex=True)
        return torch.cat([bins.real, bins.imag], dim=1).to(source.dtype)

    def istft(self, x: Float[Tensor, "b bins t"]) -> Float[Tensor, "b n"]:
        """Log magnitudes and phases to a wave within the limit."""
        config = self.config
        half = config.istft_size // 2 + 1
        magnitude = torch.exp(x[:, :half].float()).clamp(max=config.max_magnitude)
        phase = x[:, half:].float()
        phase = torch.sin(phase) if config.phase == "sine" else phase
        bins = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        window = torch.hann_window(config.istft_size, device=x.device)
        wave = torch.istft(bins, config.istft_size, config.istft_hop, window=window)
        return wave.clamp(-config.limit, config.limit)

    def fold(self) -> "HiFT":
        """Remove the weight norm in place, for inference: the same numbers for less work, other parameter names."""
        for module in list(self.modules()):
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        return self


def _source_down(bins: int, width: int, later_rates: tuple[int, ...]) -> nn.Conv1d:
    """Bring the source's spectrum down to the rate of one stage; `later_rates` are the ups that follow it."""
    stride = 1
    for rate in later_rates:
        stride *= rate
    if stride == 1:
        return nn.Conv1d(bins, width, 1)
    return nn.Conv1d(bins, width, 2 * stride, stride=stride, padding=stride // 2)
