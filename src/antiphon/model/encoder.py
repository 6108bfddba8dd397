"""Audio encoder: a log-mel piece becomes features at 25 Hz (a Whisper-type encoder, then pooling by two and a norm).

It is bidirectional over its piece, so it carries no state: a stream is a row of pieces, each encoded once.
Source: the Qwen2-Audio encoder as Step-Audio 2 mini uses it. Two habits of the reference are kept, because the released
weights saw them: the last position of a piece is masked as a key, and a batch is padded with 0.0, which changes the
last row of a shorter piece. Encode pieces alone (`SpeechLM.hear`) to get results that do not depend on the company.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from antiphon.config import EncoderConfig
from antiphon.errors import InputError
from antiphon.nn.mlp import gelu_mlp
from antiphon.nn.precision import working

MASKED = -1e10  # finite on purpose: a fully masked row becomes uniform, not NaN


class EncoderAttention(nn.Module):
    """Full attention; queries and keys are each scaled by d^-1/4, and the key projection has no bias."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "b t d"], bias: Float[Tensor, "b 1 1 t"]) -> Float[Tensor, "b t d"]:
        """`bias` is added to the scores: 0 for a key to hear, a large negative number for one to ignore."""
        x = working(x)
        q, k, v = (p(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for p in (self.query, self.key, self.value))
        scale = q.shape[-1] ** -0.25
        scores = (q * scale) @ (k * scale).mT + bias.to(q.dtype)  # b h t t
        weights = torch.softmax(scores, dim=-1)  # in float32 within, whatever the scores are in
        y: Tensor = self.out((weights @ v).transpose(1, 2).flatten(2))  # b h t d/h -> b t d
        return y


class EncoderBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.attn_ln = nn.LayerNorm(width)
        self.attn = EncoderAttention(width, num_heads)
        self.mlp_ln = nn.LayerNorm(width)
        self.mlp = gelu_mlp(width, 4 * width)

    def forward(self, x: Float[Tensor, "b t d"], bias: Float[Tensor, "b 1 1 t"]) -> Float[Tensor, "b t d"]:
        """Same shape out."""
        x = x + self.attn(self.attn_ln(x), bias)
        x = x + self.mlp(self.mlp_ln(x))
        return x


class AudioEncoder(nn.Module):
    """Log-mel pieces [b, 128, t] at 100 Hz to features [b, t / 4, d] at 25 Hz. Carries no state."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.conv1 = nn.Conv1d(config.num_mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.positional_embedding = nn.Embedding(config.max_frames, width)
        self.blocks = nn.ModuleList(EncoderBlock(width, config.num_heads) for _ in range(config.num_layers))
        self.after_norm = nn.LayerNorm(width)

    def forward(
        self, mel: Float[Tensor, "b f t"], num_frames: Int[Tensor, " b"] | None = None
    ) -> tuple[Float[Tensor, "b t_quarter d"], Int[Tensor, " b"]]:
        """Features and how many of them are real, per piece; `num_frames` are the mel frames of each (all by default).

        Raises InputError for a piece longer than the position table.
        """
        if num_frames is None:
            num_frames = torch.full((mel.shape[0],), mel.shape[-1], device=mel.device)
        x = self.embed(mel)
        bias = (~_key_mask(num_frames - 2, mel.shape[-1])).to(x.dtype)[:, None, None] * MASKED
        for block in self.blocks:
            x = block(x, bias)
        x = F.avg_pool1d(x.mT, 2).mT  # b t d -> b d t/2 -> b t/2 d
        return self.after_norm(x), (num_frames - 1).clamp(min=0) // 4

    def embed(self, mel: Float[Tensor, "b f t"]) -> Float[Tensor, "b t_half d"]:
        """The convolutions (100 Hz to 50 Hz) and the learned positions."""
        x = F.gelu(self.conv1(mel.to(self.conv1.weight.dtype)))
        x = F.gelu(self.conv2(x)).mT  # b d t/2 -> b t/2 d
        rows = x.shape[1]
        if rows > self.config.max_frames:
            raise InputError(
                f"a piece of {mel.shape[-1]} mel frames is longer than the encoder's {2 * self.config.max_frames};"
                " cut it."
            )
        return (x + self.positional_embedding.weight[:rows]).to(x.dtype)


def _key_mask(lengths: Int[Tensor, " b"], num_frames: int) -> Bool[Tensor, "b t_half"]:
    """Keys to hear: frame validity, taken at every second frame (odd ones if the padded length is even)."""
    frames = torch.arange((num_frames + 1) % 2, num_frames, 2, device=lengths.device)
    return frames[None] < lengths[:, None]
