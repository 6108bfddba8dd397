"""Code reader: what the codes must be good for. It reads phones, the mel and characters from them, and is thrown away.

    digits 25 Hz ─blocks─ twice as many ─convolutions─┬─ phones, mel 50 Hz
                                                      └─block─ characters (CTC) 50 Hz
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from antiphon.audio.spoken_mel import NUM_MELS
from antiphon.model.encoder import EncoderBlock
from antiphon.rates import FRAMES_PER_CODE

LONGEST_WAVE = 10_000.0  # of the position table


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """Sizes of the reader; small, so that the codes must say plainly what is spoken."""

    width: int = 192
    num_heads: int = 4
    num_blocks: int = 2
    num_convs: int = 3


class CodeReader(nn.Module):
    """Digits of codes to scores of phones, the (normalised) mel, and scores of characters."""

    def __init__(self, config: ReaderConfig, num_digits: int, num_phones: int, num_chars: int) -> None:
        super().__init__()
        width = config.width
        self.lift = nn.Linear(num_digits, width)
        self.blocks = nn.ModuleList(EncoderBlock(width, config.num_heads) for _ in range(config.num_blocks))
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(config.num_convs))
        self.last = EncoderBlock(width, config.num_heads)
        self.phone, self.mel = nn.Linear(width, num_phones), nn.Linear(width, NUM_MELS)
        self.char = nn.Linear(width, 1 + num_chars)  # 0 is the blank

    def forward(
        self, digits: Float[Tensor, "b t k"], bias: Float[Tensor, "b 1 1 t"], real: Float[Tensor, "b t 1"]
    ) -> tuple[Float[Tensor, "b t2 p"], Float[Tensor, "b t2 f"], Float[Tensor, "b t2 v"]]:
        """`bias` is 0 at the codes to hear and very negative at padding, `real` 1 and 0."""
        x = self.lift(digits)
        x = x + positions(x.shape[1], x.shape[2], x.device).to(x.dtype)
        for block in self.blocks:
            x = block(x, bias)
        x, real = (y.repeat_interleave(FRAMES_PER_CODE, dim=1) for y in (x, real))
        for conv in self.convs:
            x = x + F.gelu(conv((x * real).mT)).mT
        chars = self.char(self.last(x, bias.repeat_interleave(FRAMES_PER_CODE, dim=-1)))
        return self.phone(x), self.mel(x), chars


def positions(length: int, width: int, device: torch.device) -> Float[Tensor, "t d"]:
    """Sines and cosines of each place, in `width / 2` wavelengths."""
    steps = torch.arange(0, width, 2, device=device) / width
    angles = torch.arange(length, device=device)[:, None] * LONGEST_WAVE**-steps
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def read_chars(scores: Float[Tensor, "t v"], alphabet: str) -> str:
    """The most likely character at each place, repetitions and blanks taken out."""
    best = torch.unique_consecutive(scores.argmax(-1)).tolist()
    return "".join(alphabet[i - 1] for i in best if i)
