"""Speech tokenizer: a 16 kHz log-mel becomes codes at 25 Hz (S3 tokenizer v2: FSMN attention, then FSQ).

    mel 100 Hz ─conv/2─ 50 Hz ─conv/2─ 25 Hz ─blocks─ project ─tanh, round─ digits ─mixed radix─ code

It is bidirectional over its clip, so it carries no state. Clips beyond 30 s are cut into overlapping windows and their
codes merged (`encode`). Parameter names are the released ones. The front end is the log-mel of `antiphon.audio.mel`
without the padding of the piece. `config.window` bounds the attention: the released model hears the whole clip, a small
one that must learn local codes does not.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.config import SpeechTokenizerConfig
from antiphon.errors import InputError
from antiphon.model.encoder import MASKED, EncoderAttention
from antiphon.nn.blocks import time_mask
from antiphon.nn.mlp import gelu_mlp
from antiphon.nn.rope import rotate, rotation
from antiphon.rates import CODE_HZ, MEL_HZ

ROPE_THETA = 10_000.0
REACH = 0.9990000128746033  # just under 1: the outer levels are reached before tanh saturates; float32 of the export
WINDOW, STRIDE = 3000, 2600  # mel frames of a window of a long clip, and between two starts
FRAMES_PER_CODE = MEL_HZ // CODE_HZ  # 4 log-mel frames
EDGE = 50  # codes dropped on each side of a joint: half the overlap


class MemoryAttention(EncoderAttention):
    """Rotary attention, plus a memory: a depthwise convolution of the values, which stays in its neighbourhood."""

    def __init__(self, width: int, num_heads: int, memory: int) -> None:
        super().__init__(width, num_heads)
        self.fsmn_block = nn.Conv1d(width, width, memory, groups=width, bias=False, padding=memory // 2)

    def forward(  # type: ignore[override]
        self,
        x: Float[Tensor, "b t d"],
        bias: Float[Tensor, "b 1 q t"],
        real: Float[Tensor, "b t 1"],
        turn: tuple[Tensor, Tensor],
    ) -> Float[Tensor, "b t d"]:
        """`real` is 1 at the real positions of each row, 0 at padding."""
        value = self.value(x)
        q, k, v = (y.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for y in (self.query(x), self.key(x), value))
        scale = q.shape[-1] ** -0.25
        q, k = rotate(q, *turn) * scale, rotate(k, *turn) * scale
        weights = torch.softmax(q @ k.mT + bias.to(q.dtype), dim=-1)  # b h t t
        heard = value * real
        memory = (self.fsmn_block(heard.mT).mT + heard) * real  # b t d -> b d t -> b t d
        y: Tensor = self.out((weights @ v).transpose(1, 2).flatten(2)) + memory
        return y


class TokenizerBlock(nn.Module):
    """Pre-norm block with memory attention."""

    def __init__(self, width: int, num_heads: int, memory: int) -> None:
        super().__init__()
        self.attn_ln = nn.LayerNorm(width)
        self.attn = MemoryAttention(width, num_heads, memory)
        self.mlp_ln = nn.LayerNorm(width)
        self.mlp = gelu_mlp(width, 4 * width)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        bias: Float[Tensor, "b 1 q t"],
        real: Float[Tensor, "b t 1"],
        turn: tuple[Tensor, Tensor],
    ) -> Float[Tensor, "b t d"]:
        """Same shape out."""
        x = x + self.attn(self.attn_ln(x), bias, real, turn)
        x = x + self.mlp(self.mlp_ln(x))
        return x


class TokenizerEncoder(nn.Module):
    """Two strided convolutions (100 Hz to 25 Hz), then the blocks; no norm after the last."""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.conv1 = nn.Conv1d(config.num_mels, width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            TokenizerBlock(width, config.num_heads, config.memory) for _ in range(config.num_layers)
        )

    def forward(
        self, mel: Float[Tensor, "b f t"], num_frames: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b t_quarter d"], Int[Tensor, " b"]]:
        """Features at 25 Hz and how many are real in each row."""
        x, num_codes = self.embed(mel, num_frames)
        length, config = x.shape[1], self.config
        real = time_mask(num_codes, length)
        allowed = real[:, None, None, :]
        if config.window is not None:
            places = torch.arange(length, device=x.device)
            allowed = allowed & ((places[:, None] - places[None]).abs() <= config.window)
        bias = (~allowed).to(x.dtype) * MASKED
        turn = rotation(torch.arange(length, device=x.device), config.width // config.num_heads, ROPE_THETA, x.dtype)
        for block in self.blocks:
            x = block(x, bias, real[..., None].to(x.dtype), turn)
        return x, num_codes

    def embed(
        self, mel: Float[Tensor, "b f t"], num_frames: Int[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b t_quarter d"], Int[Tensor, " b"]]:
        """The convolutions; positions past a row's end are zeroed before each."""
        x = mel.to(self.conv1.weight.dtype)
        for conv in (self.conv1, self.conv2):
            x = F.gelu(conv(x * time_mask(num_frames, x.shape[-1])[:, None]))
            num_frames = (num_frames + 1) // 2
        return x.mT, num_frames  # b d t/4 -> b t/4 d


class Codebook(nn.Module):
    """FSQ: a projection whose squashed values, rounded, are the digits of the code (the first counts least)."""

    def __init__(self, width: int, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        self.project_down = nn.Linear(width, len(levels))

    def digits(self, projected: Float[Tensor, "*b k"]) -> Float[Tensor, "*b k"]:
        """Rounded values, -(L-1)/2 .. (L-1)/2; the gradient passes straight through the rounding."""
        half = projected.new_tensor([(level - 1) // 2 for level in self.levels])
        squashed = torch.tanh(projected.float()).to(projected.dtype) * (half * REACH)
        return squashed + (squashed.round() - squashed).detach()

    def index(self, projected: Float[Tensor, "*b k"]) -> Int[Tensor, "*b"]:
        """The code of each projected vector."""
        half = torch.tensor([(level - 1) // 2 for level in self.levels], device=projected.device)
        base = torch.tensor(self.levels, device=projected.device).cumprod(0) // torch.tensor(
            self.levels, device=projected.device
        )
        return ((self.digits(projected).round().long() + half) * base).sum(-1)


class Quantizer(nn.Module):
    """Holds the code book under its released name."""

    def __init__(self, width: int, levels: tuple[int, ...]) -> None:
        super().__init__()
        self._codebook = Codebook(width, levels)

    @property
    def codebook(self) -> Codebook:
        """The FSQ."""
        return self._codebook


class SpeechTokenizer(nn.Module):
    """Log-mel [b, 128, t] at 100 Hz to codes at 25 Hz. Carries no state."""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TokenizerEncoder(config)
        self.quantizer = Quantizer(config.width, config.levels)

    def forward(
        self, mel: Float[Tensor, "b f t"], num_frames: Int[Tensor, " b"] | None = None
    ) -> tuple[Int[Tensor, "b t_quarter"], Int[Tensor, " b"]]:
        """Codes and how many are real in each row; `num_frames` are the mel frames of each (all by default)."""
        projected, num_codes = self.project(mel, num_frames)
        return self.quantizer.codebook.index(projected), num_codes

    def project(
        self, mel: Float[Tensor, "b f t"], num_frames: Int[Tensor, " b"] | None = None
    ) -> tuple[Float[Tensor, "b t_quarter k"], Int[Tensor, " b"]]:
        """What is squashed and rounded into codes; training starts here (see `Codebook.digits`)."""
        if num_frames is None:
            num_frames = torch.full((mel.shape[0],), mel.shape[-1], device=mel.device)
        hidden, num_codes = self.encoder(mel, num_frames)
        return self.quantizer.codebook.project_down(hidden), num_codes

    def encode(self, mel: Float[Tensor, "1 f t"], *, released: bool = False) -> Int[Tensor, "1 t_quarter"]:
        """Codes of one clip of any length, in overlapping windows beyond 30 s.

        `released` repeats a fault of the reference: a window before the last is cut at its end as if it were full, so
        up to 2 s of codes are lost where it is not.
        """
        if mel.shape[-1] == 0:
            raise InputError("the clip is empty; give at least one frame of log-mel (10 ms).")
        if mel.shape[-1] <= WINDOW:
            return self._encode(mel)[None]
        windows, num_frames = fold_speech(mel, released=released)
        codes = [self._encode(w[None], n[None]) for w, n in zip(windows, num_frames, strict=True)]
        return merge_codes(codes, released=released)[None]

    def _encode(self, mel: Float[Tensor, "1 f t"], num_frames: Int[Tensor, " one"] | None = None) -> Tensor:
        codes, num_codes = self(mel, num_frames)
        real: Tensor = codes[0, : int(num_codes[0])]
        return real


def fold_speech(
    mel: Float[Tensor, "1 f t"], *, released: bool = False
) -> tuple[Float[Tensor, "w f window"], Int[Tensor, " w"]]:
    """Cut a long clip into zero-padded windows of 30 s that overlap by 4 s, and say how long each really is."""
    length = mel.shape[-1]
    needed = length if released else max(length - EDGE * FRAMES_PER_CODE, 1)  # the last edge is already covered
    starts = range(0, needed, STRIDE)
    windows = [mel[0, :, start : start + WINDOW] for start in starts]
    num_frames = torch.tensor([w.shape[-1] for w in windows], device=mel.device)
    return torch.stack([F.pad(w, (0, WINDOW - w.shape[-1])) for w in windows]), num_frames


def merge_codes(codes: list[Int[Tensor, " _"]], *, released: bool = False) -> Int[Tensor, " t"]:
    """Join the codes of overlapping windows: each side of a joint gives up half the overlap."""
    last, joint = len(codes) - 1, WINDOW // FRAMES_PER_CODE - EDGE
    ends = [len(c) if i == last else len(c) - EDGE if released else joint for i, c in enumerate(codes)]
    return torch.cat([c[EDGE if i else 0 : end] for i, (c, end) in enumerate(zip(codes, ends, strict=True))])
