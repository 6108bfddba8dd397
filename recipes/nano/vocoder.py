"""Train nano's vocoder: a HiFT whose iSTFT is coarse (one upsampling by two, 960/240), so that a CPU can train it.

    python -m recipes.nano.vocoder MINUTES

The loss compares log spectra at four resolutions and the mel itself; the pitch predictor learns beside it, and half of
the time the source already follows the predicted pitch, as it must when it speaks.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from antiphon.audio.spoken_mel import spoken_mel
from antiphon.model.hift import HiFT
from antiphon.rates import FRAME_HOP
from recipes.nano import sizes
from recipes.nano.features import Clip, clips
from recipes.nano.loop import latest, one_thread, train

RUN = Path("runs/hift")
FRAMES, BATCH = 48, 8  # just under a second each
RESOLUTIONS = ((240, 60), (512, 128), (1024, 256), (2048, 480))


def spectra(wave: Tensor, size: int, hop: int) -> Tensor:
    """Magnitudes [b, bins, t], floored so that silence has a logarithm."""
    bins = torch.stft(wave, size, hop, window=torch.hann_window(size), return_complex=True)
    return torch.view_as_real(bins).square().sum(-1).clamp(min=1e-8).sqrt()


def spectral_loss(made: Tensor, true: Tensor) -> Tensor:
    """Log-magnitude distance plus spectral convergence, over all resolutions."""
    total = made.new_zeros(())
    for size, hop in RESOLUTIONS:
        a, b = spectra(made, size, hop), spectra(true, size, hop)
        total = total + (a.log() - b.log()).abs().mean() + (a - b).norm() / b.norm().clamp(min=1e-3)
    return total / len(RESOLUTIONS)


def segments(data: list[Clip], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Random stretches: mel [b, 80, t], pitch [b, t] and wave [b, 480 t]."""
    mels, pitches, waves = [], [], []
    for _ in range(BATCH):
        clip = data[int(rng.integers(len(data)))]
        assert clip.frames is not None and clip.f0 is not None
        at = int(rng.integers(0, len(clip.frames) - FRAMES + 1))
        mels.append(clip.frames[at : at + FRAMES].astype(np.float32).T)
        pitches.append(clip.f0[at : at + FRAMES].astype(np.float32))
        waves.append(clip.wave[at * FRAME_HOP : (at + FRAMES) * FRAME_HOP].astype(np.float32) / 32768)
    return tuple(torch.from_numpy(np.stack(x)) for x in (mels, pitches, waves))  # type: ignore[return-value]


def main(minutes: float) -> None:
    one_thread()
    torch.manual_seed(4)
    data = [c for c in clips("target") if c.frames is not None and len(c.frames) > FRAMES]
    dev = [c for c in clips("target_dev") if c.frames is not None][:12]
    model = HiFT(sizes.HIFT)
    torch.nn.init.constant_(model.conv_post.bias[: sizes.HIFT.istft_size // 2 + 1], -3.0)  # start quietly
    print(len(data), "clips,", sum(p.numel() for p in model.parameters()), "parameters", flush=True)

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([4, step])
        torch.manual_seed(step)
        mel, f0, true = segments(data, rng)
        guess = model.f0_predictor(mel).float()
        pitch = guess.detach() if step > 400 and rng.random() < 0.5 else f0
        eps = torch.randn(BATCH, FRAMES * FRAME_HOP, sizes.HIFT.num_harmonics + 1)
        with torch.autocast("cpu", enabled=False):
            source = model.m_source(pitch, eps)
        made = model.decode(mel, source).float()
        with torch.autocast("cpu", enabled=False):
            return {
                "spectra": spectral_loss(made, true),
                "mel": 0.5 * (spoken_mel(made) - spoken_mel(true)).abs().mean(),
                "f0": 0.01 * (guess - f0).abs().mean(),
            }

    def evaluate() -> dict[str, float]:
        far, pitch = [], []
        for clip in dev:
            assert clip.frames is not None and clip.f0 is not None
            mel = torch.from_numpy(clip.frames.astype(np.float32)).T[None]
            far.append((spoken_mel(model.render(mel)) - mel)[..., : mel.shape[-1]].abs().mean().item())
            pitch.append(
                (model.f0_predictor(mel)[0] - torch.from_numpy(clip.f0.astype(np.float32))).abs().mean().item()
            )
        return {"mel": round(float(np.mean(far)), 4), "f0": round(float(np.mean(pitch)), 2)}

    train(RUN, model, losses, minutes=minutes, lr=4e-4, evaluate=evaluate, betas=(0.8, 0.99), decay=0.0, warm_up=300)


def trained() -> HiFT:
    """The vocoder of the run."""
    model, held = HiFT(sizes.HIFT), latest(RUN)
    assert held is not None
    model.load_state_dict(held["model"])
    return model.eval()


if __name__ == "__main__":
    main(float(sys.argv[1]))
