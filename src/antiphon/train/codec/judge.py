"""A judge of codes: what does a reply say aloud, whatever its text claims?

The reader that was trained beside the tokenizer reads characters from the codes that a language model emits, so that a
model whose words are right and whose speech is babble is not praised. It is stricter than a listener: it errs on true
codes too, and how often is told beside every figure that it gives.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from antiphon.rates import FRAMES_PER_CODE
from antiphon.train.codec.parts import below, filled, finished, voice_sizes
from antiphon.train.codec.reader import CodeReader, read_chars
from antiphon.train.codec.tokenizer import TokenizerTraining


class CodeJudge:
    """Reads codes; made by `judge_of`."""

    def __init__(self, reader: CodeReader, levels: Sequence[int], alphabet: str) -> None:
        self.reader, self.alphabet = reader, alphabet
        self.levels = torch.tensor(levels)

    @torch.no_grad()
    def read(self, codes: Sequence[int]) -> str:
        """What these codes say, in the alphabet of the reader's texts."""
        if not codes:
            return ""
        digits = self._digits(torch.tensor(codes))[None]
        real = torch.ones(1, len(codes), 1)
        _, _, chars = self.reader(digits, torch.zeros(1, 1, 1, len(codes)), real)
        return read_chars(chars[0, : FRAMES_PER_CODE * len(codes)].float(), self.alphabet)

    def _digits(self, codes: Int[Tensor, " t"]) -> Tensor:
        """The digits of each code, as `Codebook.digits` gives them."""
        base = self.levels.cumprod(0) // self.levels
        return (codes[:, None] // base % self.levels - (self.levels - 1) // 2).float()


def judge_of(source: str, runs: Path | None = None) -> CodeJudge | None:
    """The judge of a tokenizer's finished run, by name or path; None for a model, which keeps no reader."""
    found = finished(source, runs) if source else None
    if found is None or not isinstance(found[0], TokenizerTraining):
        return None
    options, tensors = found
    sizes = voice_sizes(options.init).tokenizer if options.init else options.sizes
    held = below(tensors, "reader.")
    alphabet = "".join(map(chr, tensors["alphabet"].tolist()))
    reader = filled(
        lambda: CodeReader(options.reader, len(sizes.levels), len(held["phone.weight"]), len(alphabet)), held
    )
    return CodeJudge(reader, sizes.levels, alphabet)
