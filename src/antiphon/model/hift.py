"""HiFT vocoder: a 50 Hz mel becomes a 24 kHz wave, sung by a source of harmonics that follows the pitch.

    mel ─┬─ f0 ─ source (9 sines, noise) ─ STFT ─┐ (added at each rate)
         └─ conv_pre ─ up ─ res ─ up ─ res ─ ... ┴─ magnitude, phase ─ iSTFT ─ wave

Source: HiFT-GAN as CosyVoice 2 released it; parameter names are the released ones, weight norm included (`fold` removes
it for inference). Sizes are data: a coarse iSTFT of 960/240 is the same class.

The network hears about a dozen frames to each side, so a stream renders each frame twice and joins the two renderings:

    call 1   . . . . . . . . | 8 held back      rendered without what follows; three frames of it are kept as a wave
    call 2       8 before | 8 held | new . . .   rendered again; the first three held frames fade from old to new

Pitch and phase are carried, and the pitch of a frame is fixed only once its five later frames are known, so the two
renderings sing the same note in step and the halves of the fade (raised cosines) add up to one: no seam.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from antiphon.config import HiFTConfig
from antiphon.model.source import F0Predictor, HarmonicSource
from antiphon.nn.noise import SOURCE, Noise, Seeded
from antiphon.nn.state import state
from antiphon.rates import FRAME_HOP


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


HELD = 8  # frames that are not spoken yet: the network has not heard what follows them
BEFORE = 8  # frames kept before them, for the network to hear
FADE = 3  # frames over which the old rendering gives way to the new one; what they hear reaches no further than HELD


@state
class HiFTState:
    """A stream of the vocoder. Until 16 frames have come the tensors grow, then they keep their shape."""

    mel: Float[Tensor, "b f k"]  # the last 16 frames
    f0: Float[Tensor, "b k"]  # their pitch
    phase: Float[Tensor, "b h"]  # in cycles, in the middle of the frame before them
    wave: Float[Tensor, "b n"]  # the old rendering of the frames that fade
    seen: Int[Tensor, " b"]  # frames so far
    seed: Int[Tensor, " b"]  # of the noise


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

    def init_state(self, batch: int, *, seed: Int[Tensor, " b"] | int = 0) -> HiFTState:
        """Silence before the first frame."""
        like = self.m_source.l_linear.weight

        def zeros(*size: int, dtype: torch.dtype = like.dtype) -> Tensor:
            return torch.zeros(size, dtype=dtype, device=like.device)

        return HiFTState(
            mel=zeros(batch, self.config.num_mels, 0),
            f0=zeros(batch, 0),
            phase=zeros(batch, self.config.num_harmonics + 1),
            wave=zeros(batch, 0),
            seen=zeros(batch, dtype=torch.int64),
            seed=zeros(batch, dtype=torch.int64) + seed,
        )

    def forward(
        self,
        mel: Float[Tensor, "b f t"],
        state: HiFTState | None = None,
        final: bool = True,
        *,
        noise: Noise | None = None,
    ) -> tuple[Float[Tensor, "b n"], HiFTState]:
        """The wave of all frames but the last eight, at the end of all; 480 samples a frame over the whole stream.

        `noise` replaces the state's seed: channels are the sines, the clock counts samples. After the end the state is
        a fresh one. See `render` for a whole with the source's noise as a tensor.
        """
        state = self.init_state(len(mel)) if state is None else state
        before, new = state.mel.shape[-1], mel.shape[-1]
        heard, held = torch.cat([state.mel, mel], dim=-1), min(before, HELD)
        if heard.shape[-1] == 0:
            return state.wave, state
        f0 = self._pitch(heard, state)
        clock = (state.seen - before) * FRAME_HOP
        harmonics = self.config.num_harmonics + 1
        eps = (noise or Seeded(state.seed, SOURCE, harmonics))(clock, f0.shape[1] * FRAME_HOP).mT  # b k n -> b n k
        started = before == BEFORE + HELD  # otherwise the frames at hand begin where the stream began
        wave = self.decode(heard, self.m_source(f0, eps.to(f0.dtype), state.phase if started else None))
        wave = fade(state.wave, wave[:, (before - held) * FRAME_HOP :])
        if final:
            return wave, self.init_state(len(mel), seed=state.seed)
        num = (held + new - min(before + new, HELD)) * FRAME_HOP
        passed = max(before + new - HELD - BEFORE, 0)
        phase = self.m_source.phase_after(f0[:, :passed], state.phase)
        return wave[:, :num], HiFTState(
            mel=heard[..., passed:].contiguous(),
            f0=f0[:, passed:].contiguous(),
            phase=phase,
            wave=wave[:, num : num + FADE * FRAME_HOP].contiguous(),
            seen=state.seen + new,
            seed=state.seed,
        )

    step = forward

    def _pitch(self, heard: Float[Tensor, "b f t"], state: HiFTState) -> Float[Tensor, "b t"]:
        """Pitch of the frames at hand: what was known stays, what lacked its later frames is asked again."""
        known = max(state.f0.shape[1] - self.f0_predictor.REACH, 0)
        return torch.cat([state.f0[:, :known], self.f0_predictor(heard)[:, known:]], dim=1)

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
        log = x[:, :half].float().clamp(max=20.0)  # beyond it lies inf, which has no gradient
        magnitude = torch.exp(log).clamp(max=config.max_magnitude)
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


def fade(old: Float[Tensor, "b m"], new: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """`new`, its beginning reached from `old` over two raised cosines that add up to one."""
    length = min(old.shape[1], new.shape[1])
    place = (torch.arange(length, device=new.device, dtype=new.dtype) + 0.5) / max(length, 1)
    rise = torch.sin(0.5 * torch.pi * place).square()
    return torch.cat([old[:, :length] * (1 - rise) + new[:, :length] * rise, new[:, length:]], dim=1)
