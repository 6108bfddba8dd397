"""The vocoder's voice box: the pitch of each frame, and a source that sings at that pitch.

    mel ─ f0 (Hz) ─ 9 sines at its multiples, noise where there is no voice ─ one signal at 24 kHz

Deviations from the reference: the noise is an argument, and the phase is accumulated in cycles modulo one, so that it
stays exact however long the sound is and can be handed from one chunk to the next.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from antiphon.config import HiFTConfig
from antiphon.rates import FRAME_HOP, SPOKEN_HZ


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
