"""Chance is a function of seed, stream and position."""

import torch
from torch import Tensor

from antiphon.nn.noise import FLOW, SOURCE, Buffered, Seeded, draw, mixed


def drawn(seed: int, stream: int, start: int, end: int) -> Tensor:
    return draw(torch.tensor([seed]), stream, torch.arange(start, end)[None], 80)


def test_the_hash_is_splitmix64() -> None:
    """The generator's published sequence for seed 1234567: its n-th output mixes seed + n steps."""
    step = 0x9E3779B97F4A7C15 - (1 << 64)
    states = [1234567]
    for _ in range(2):
        states.append((states[-1] + step + (1 << 63)) % (1 << 64) - (1 << 63))
    found = [int(x) % (1 << 64) for x in mixed(torch.tensor(states))]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_any_cut_and_any_company_draws_the_same() -> None:
    whole = drawn(7, FLOW, 0, 100)
    assert torch.equal(torch.cat([drawn(7, FLOW, 0, 33), drawn(7, FLOW, 33, 100)], dim=1), whole)
    both = draw(torch.tensor([1, 7]), FLOW, torch.arange(100).expand(2, -1), 80)
    assert torch.equal(both[1:], whole)


def test_it_is_normal_and_uncorrelated() -> None:
    x = drawn(3, FLOW, 0, 5000)
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01 and abs((x**4).mean() - 3) < 0.1
    for other in (drawn(4, FLOW, 0, 5000), drawn(3, SOURCE, 0, 5000), drawn(3, FLOW, 1, 5001), x.roll(1, 2)):
        assert abs((x * other).mean()) < 0.01


def test_sources_of_noise_start_where_each_stream_stands() -> None:
    clock = torch.tensor([0, 5])
    seeded = Seeded(torch.tensor([9, 9]), FLOW, 4)(clock, 10)
    assert seeded.shape == (2, 4, 10) and torch.equal(seeded[0, :, 5:], seeded[1, :, :5])
    buffer = torch.arange(20.0).reshape(1, 1, 20)
    assert Buffered(buffer)(clock, 3).tolist() == [[[0, 1, 2]], [[5, 6, 7]]]
