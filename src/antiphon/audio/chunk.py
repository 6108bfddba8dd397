"""Cut sound into the pieces that the encoder hears: consecutive, at most 25 s, no overlap.

The encoder is bidirectional over its piece, so a stream becomes a row of pieces and each is encoded once, when it is
complete. A tail that would fill no row of the prompt is dropped.

    pushed   |---7 s---|-----12 s-----|----9 s----|           pieces   |---------25 s---------|-3 s-|
"""

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.errors import InputError
from antiphon.nn.state import state
from antiphon.rates import PIECE_SAMPLES, num_rows


def cut(wave: Float[Tensor, " n"], size: int = PIECE_SAMPLES) -> list[Float[Tensor, " _"]]:
    """The pieces of a whole recording at 16 kHz; none for one too short to fill a row."""
    return [piece for piece in torch.split(wave, size) if num_rows(len(piece)) > 0]


@state
class PieceState:
    """Sound that does not yet make a piece."""

    held: Float[Tensor, "b n"]


class Pieces:
    """`cut` for a stream: push sound as it comes, take pieces as they become complete."""

    def __init__(self, size: int = PIECE_SAMPLES) -> None:
        if num_rows(size) < 1:
            raise InputError(f"pieces of {size} samples fill no row of the prompt; give at least 321.")
        self.size = size

    def init_state(self, batch: int = 1) -> PieceState:
        """Nothing heard yet."""
        return PieceState(held=torch.zeros(batch, 0))

    def forward(
        self, x: Float[Tensor, "b n"], state: PieceState | None = None, final: bool = True
    ) -> tuple[list[Float[Tensor, "b _"]], PieceState]:
        """Complete pieces; with `final` also the last, shorter one. Streams of a batch are cut at the same places."""
        held = x if state is None else torch.cat([state.held, x], dim=-1)
        whole = held.shape[-1] if final else held.shape[-1] // self.size * self.size
        pieces = [piece for piece in torch.split(held[:, :whole], self.size, dim=-1) if num_rows(piece.shape[-1]) > 0]
        return pieces, PieceState(held=held[:, whole:])

    __call__ = forward
    step = forward
