"""How the reference joins its chunks: kept to the letter, so that its streamed wave can be reproduced.

Each chunk is rendered behind the last eight frames of the one before. Their source is the old one, the phase of what
follows starts from zero, and the 160 ms in common fade with the halves of a Hamming window, which add up to 1.08: a
little louder at every joint, and a jump of the harmonics behind it. `HiFT.forward` has neither; this is for parity.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from antiphon.errors import InputError
from antiphon.model.hift import HiFT
from antiphon.nn.noise import SOURCE, Noise, Seeded
from antiphon.nn.state import state
from antiphon.rates import FRAME_HOP

FRAMES = 8
SAMPLES = FRAMES * FRAME_HOP  # 3840


@state
class ReleasedState:
    """What the reference keeps between two chunks; empty before the first."""

    mel: Float[Tensor, "b f k"]
    source: Float[Tensor, "b 1 n"]
    wave: Float[Tensor, "b n"]
    seen: Int[Tensor, " b"]
    seed: Int[Tensor, " b"]


def init_released(hift: HiFT, batch: int, seed: Int[Tensor, " b"] | int = 0) -> ReleasedState:
    """Nothing heard yet."""
    like = hift.init_state(batch, seed=seed)
    return ReleasedState(mel=like.mel, source=like.wave[:, None], wave=like.wave, seen=like.seen, seed=like.seed)


def released_join(
    hift: HiFT, mel: Float[Tensor, "b f t"], state: ReleasedState, final: bool, noise: Noise | None = None
) -> tuple[Float[Tensor, "b n"], ReleasedState]:
    """The wave but its last 3840 samples, at the end all of it. Raises InputError for a first chunk below 8 frames."""
    before, heard = state.mel.shape[-1], torch.cat([state.mel, mel], dim=-1)
    if heard.shape[-1] < FRAMES and not final:
        raise InputError(f"the released join got {heard.shape[-1]} frames; its first chunk needs {FRAMES} or more.")
    f0 = hift.f0_predictor(heard)
    noise = noise or Seeded(state.seed, SOURCE, hift.config.num_harmonics + 1)
    eps = noise((state.seen - before) * FRAME_HOP, heard.shape[-1] * FRAME_HOP).mT  # b k n -> b n k
    source, known = hift.m_source(f0, eps.to(f0.dtype)), state.wave.shape[1]
    source = torch.cat([state.source, source[..., known:]], dim=-1)
    wave = hift.decode(heard, source)
    window = torch.hamming_window(2 * SAMPLES, periodic=False, dtype=torch.float64, device=wave.device).to(wave.dtype)
    if known:
        faded = wave[:, :known] * window[:known] + state.wave * window[known:]
        wave = torch.cat([faded, wave[:, known:]], dim=1)
    if final:
        return wave, init_released(hift, len(mel), state.seed)
    kept = ReleasedState(
        mel=heard[..., -FRAMES:].contiguous(),
        source=source[..., -SAMPLES:].contiguous(),
        wave=wave[:, -SAMPLES:].contiguous(),
        seen=state.seen + mel.shape[-1],
        seed=state.seed,
    )
    return wave[:, :-SAMPLES], kept
