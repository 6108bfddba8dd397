"""A step of many streams: what a position becomes depends on what its own stream holds before it and nothing else."""

import pytest
import torch
from torch import Tensor

from antiphon.config import DecoderConfig
from antiphon.model.lm import Decoder
from antiphon.nn.places import Places, Pool, init_pool

SIZES = dict(num_layers=2, num_kv_heads=2, width=64, hidden=176, num_heads=4, vocab_size=97)
CONFIG = DecoderConfig(**SIZES, eps=1e-6, rope_theta=1e4, max_positions=64, tie_embeddings=False)
ROWS, LENGTH = 8, 20


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(3)
    return Decoder(CONFIG).eval()


@pytest.fixture(scope="module")
def streams(decoder: Decoder) -> Tensor:
    """The inputs of three streams."""
    return torch.randn(3, LENGTH, CONFIG.width, generator=torch.Generator().manual_seed(4))


def pool(decoder: Decoder) -> Pool:
    size = dict(slots=5, capacity=CONFIG.max_positions, like=decoder.norm.weight)
    return init_pool(CONFIG.num_layers, CONFIG.num_kv_heads, CONFIG.head_dim, **size)


@torch.inference_mode()
def step(decoder: Decoder, pool: Pool, streams: Tensor, taken: list[tuple[int, int]], slots: dict[int, int]) -> Tensor:
    """One step: rows of (stream, position), each stream in its slot."""
    x = torch.zeros(ROWS, 1, CONFIG.width)
    for row, (stream, position) in enumerate(taken):
        x[row, 0] = streams[stream, position]
    return decoder(x, Places(pool, [(slots[s], p) for s, p in taken], ROWS))[0][:, 0]


def alone(decoder: Decoder, streams: Tensor, stream: int) -> Tensor:
    """A stream in a pool of its own, one position a step."""
    own = pool(decoder)
    return torch.stack([step(decoder, own, streams, [(stream, p)], {stream: 0})[0] for p in range(LENGTH)])


def test_company_place_and_cut_change_no_bit(decoder: Decoder, streams: Tensor) -> None:
    expected = [alone(decoder, streams, stream) for stream in range(3)]
    generator = torch.Generator().manual_seed(5)
    for _ in range(4):
        shared, done, slots = pool(decoder), [0, 0, 0], dict(enumerate(torch.randperm(5, generator=generator).tolist()))
        while min(done) < LENGTH:
            order = torch.randperm(3, generator=generator).tolist()
            taken: list[tuple[int, int]] = []
            for stream in order:
                most = min(LENGTH - done[stream], ROWS - len(taken))
                num = int(torch.randint(0, most + 1, (), generator=generator))
                taken += [(stream, done[stream] + i) for i in range(num)]
                done[stream] += num
            if not taken:
                continue
            found = step(decoder, shared, streams, taken, slots)
            for row, (stream, position) in enumerate(taken):
                assert torch.equal(found[row], expected[stream][position]), (stream, position)


def test_a_cache_gives_the_same_within_rounding(decoder: Decoder, streams: Tensor) -> None:
    with torch.inference_mode():
        whole, _ = decoder(streams, decoder.init_state(3))
    for stream in range(3):
        torch.testing.assert_close(alone(decoder, streams, stream), whole[stream], atol=1e-5, rtol=1e-5)


def test_runs_give_the_same_within_rounding(decoder: Decoder, streams: Tensor) -> None:
    own = pool(decoder)
    with torch.inference_mode():
        first = decoder(streams[0, :6, None], Places(own, [(2, p) for p in range(6)], 6, runs=True))[0][:, 0]
        taken = [(2, p) for p in range(6, 9)] + [(4, 0)]
        x = torch.cat([streams[0, 6:9], streams[1, :1]])[:, None]
        second = decoder(x, Places(own, taken, 4, runs=True))[0][:, 0]
    expected = alone(decoder, streams, 0)
    torch.testing.assert_close(torch.cat([first, second[:3]]), expected[:9], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(second[3], alone(decoder, streams, 1)[0], atol=1e-5, rtol=1e-5)


def test_a_copied_beginning_goes_on_as_the_original(decoder: Decoder, streams: Tensor) -> None:
    own, expected = pool(decoder), alone(decoder, streams, 0)
    for p in range(7):
        step(decoder, own, streams, [(0, p)], {0: 1})
    own.copy(1, 3, 5)
    for p in range(5, 9):
        assert torch.equal(step(decoder, own, streams, [(0, p)], {0: 3})[0], expected[p])
    assert torch.equal(step(decoder, own, streams, [(0, 7)], {0: 1})[0], expected[7])  # the original goes on too
