"""The sizes of steps: a row is worth the same in all of them, and a product that tells on its company is found out."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from antiphon.nn.places import Places, init_pool, sizes_alike
from antiphon.runtime.model import Model, load
from antiphon.runtime.sizes import sizes_of


@pytest.fixture(scope="module")
def model(nano: Path) -> Model:
    return load(nano)


@pytest.mark.parametrize("streams, places", [(1, 1), (1, 16), (8, 12), (12, 16)])
def test_there_is_room_for_every_stream_and_for_no_more_than_asked(model: Model, streams: int, places: int) -> None:
    sizes = sizes_of(model.parts.lm, streams, places)
    assert sizes == sorted(set(sizes)) and 2 <= sizes[0] and streams <= sizes[-1] <= max(places, 2)


def test_a_position_is_worth_the_same_in_steps_of_every_size(model: Model) -> None:
    lm, sizes = model.parts.lm, sizes_of(model.parts.lm, 8, 12)
    x = torch.randn(12, lm.config.decoder.width, generator=torch.Generator().manual_seed(1))
    found = [hidden(model, x, size) for size in sizes]
    for size, rows in zip(sizes, found, strict=True):
        assert torch.equal(rows, found[-1][:size])


@torch.inference_mode()
def hidden(model: Model, x: Tensor, size: int) -> Tensor:
    """The first rows of `x`, positions of as many streams, through the whole decoder in one step."""
    lm, c = model.parts.lm, model.parts.lm.config.decoder
    pool = init_pool(c.num_layers, c.num_kv_heads, c.head_dim, slots=size, capacity=2, like=lm.model.norm.weight)
    rows: Tensor = lm.model(x[:size, None], Places(pool, [(slot, 0) for slot in range(size)], size))[0]
    return rows[:, 0]


@pytest.mark.parametrize(
    "step, sizes",
    [
        (lambda x: x * 2, [2, 3, 4, 5]),
        (lambda x: x * 2 if len(x) < 4 else x * 2 + 1e-6, [2, 3]),
        (lambda x: x + x.sum(0), []),
        (lambda x: x + torch.arange(len(x))[:, None], []),
    ],
    ids=["each for itself", "another way from four on", "company", "place"],
)
def test_sizes_in_which_a_row_changes_are_left_out(step: Callable[[Tensor], Tensor], sizes: list[int]) -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
    assert sizes_alike(step, x, x * 2) == sizes
