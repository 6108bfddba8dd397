"""Pieces: the same whether a recording comes whole or in chunks, and none that fills no row."""

from pathlib import Path

import pytest
import torch

from antiphon.audio.chunk import Pieces, cut
from antiphon.errors import InputError
from antiphon.rates import PIECE_SAMPLES, encoder_len, mel_frames, num_rows
from tests.model.released import arrays


def test_a_minute_is_cut_as_the_released_client_cuts_it() -> None:
    pieces = cut(torch.zeros(960_000))
    assert [len(p) for p in pieces] == [400_000, 400_000, 160_000]
    assert [mel_frames(len(p)) for p in pieces] == [2502, 2502, 1002]


TAILS = {0: [], 320: [], 321: [321], 400_320: [400_000], 400_321: [400_000, 321]}


@pytest.mark.parametrize(("n", "lengths"), TAILS.items())
def test_a_tail_that_fills_no_row_is_dropped(n: int, lengths: list[int]) -> None:
    assert [len(p) for p in cut(torch.zeros(n))] == lengths


@pytest.mark.parametrize("push", [1, 7, 999, 1000, 1001, 5000])
def test_any_chunking_gives_the_same_pieces_as_soon_as_they_are_complete(push: int) -> None:
    x = torch.randn(1, 2500 if push == 1 else 6333)
    pieces, state, got, heard = Pieces(size=1000), None, [], 0
    chunks = torch.split(x, push, dim=-1)
    for index, chunk in enumerate(chunks):
        new, state = pieces.step(chunk, state, final=index == len(chunks) - 1)
        got, heard = got + new, heard + chunk.shape[-1]
        assert sum(p.shape[-1] for p in got) >= heard // 1000 * 1000
    expected = cut(x[0], size=1000)
    assert [p[0].tolist() for p in got] == [p.tolist() for p in expected]


def test_pieces_without_a_row_are_refused() -> None:
    with pytest.raises(InputError, match="at least 321"):
        Pieces(size=320)


def test_counts_equal_the_released_ones(golden_lm: Path) -> None:
    held = arrays(golden_lm / "token_num.npz")
    assert [mel_frames(n) for n in held["samples"].tolist()] == held["frames"].tolist()
    assert [num_rows(n) for n in held["samples"].tolist()] == held["tokens"].tolist()
    dense = [(encoder_len(t) + 1) // 2 for t in held["frames_dense"].tolist()]
    assert dense == held["tokens_dense"].tolist()
    assert all(num_rows(n) == (n + 959) // 1280 for n in range(1, PIECE_SAMPLES, 997))
