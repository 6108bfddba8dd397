"""The decoder and its cache: cached equals recomputed, stale and full caches are refused, idle rows rest."""

import pytest
import torch

from antiphon.config import DecoderConfig
from antiphon.errors import CapacityError, InputError, StaleState
from antiphon.model.lm import Decoder
from antiphon.nn.state import fork, row, stack

CONFIG = DecoderConfig(width=32, hidden=48, num_heads=4, num_kv_heads=2, num_layers=2, vocab_size=50)


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(CONFIG).eval().requires_grad_(False)


def test_cached_steps_equal_one_pass(decoder: Decoder) -> None:
    x = torch.randn(2, 12, 32)
    whole, none = decoder(x)
    assert none is None
    state, outputs = decoder.init_state(2, capacity=16), []
    for t in range(12):
        y, state = decoder(x[:, t : t + 1], state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_left_and_right_padding_do_not_reach_real_positions(decoder: Decoder) -> None:
    x = torch.randn(1, 6, 32)
    alone, _ = decoder(x)
    noise = torch.randn(1, 3, 32)
    real, pad = torch.ones(1, 6, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.bool)
    left, _ = decoder(torch.cat([noise, x], dim=1), mask=torch.cat([pad, real], dim=1))
    right, _ = decoder(torch.cat([x, noise], dim=1), mask=torch.cat([real, pad], dim=1))
    torch.testing.assert_close(left[:, 3:], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(right[:, :6], alone, atol=1e-5, rtol=1e-5)
    assert left.isfinite().all() and right.isfinite().all()


@pytest.mark.parametrize("t", [1, 4])
def test_a_ragged_batch_equals_its_rows(decoder: Decoder, t: int) -> None:
    prompts = [torch.randn(1, n, 32) for n in (5, 2)]
    padded = torch.zeros(2, 5, 32)
    for line, p in zip(padded, prompts, strict=True):
        line[: p.shape[1]] = p[0]
    _, state = decoder(padded, decoder.init_state(2, capacity=16), count=torch.tensor([5, 2]))
    assert state is not None and state.length.tolist() == [5, 2]
    more = torch.randn(2, t, 32)
    y, _ = decoder(more, state)
    for i, p in enumerate(prompts):
        whole, _ = decoder(torch.cat([p, more[i : i + 1]], dim=1))
        torch.testing.assert_close(y[i], whole[0, -t:], atol=1e-5, rtol=1e-5)


def test_an_idle_row_keeps_its_cache_to_the_bit_even_when_full(decoder: Decoder) -> None:
    _, state = decoder(torch.randn(2, 4, 32), decoder.init_state(2, capacity=6), count=torch.tensor([4, 2]))
    _, full = decoder(torch.randn(2, 2, 32), state, count=torch.tensor([2, 0]))
    keys, values, stamps = full.keys[:, 0].clone(), full.values[:, 0].clone(), full.stamps[0].clone()
    later = full
    for _ in range(4):
        _, later = decoder(torch.randn(2, 1, 32), later, count=torch.tensor([0, 1]))
    assert later.length.tolist() == [6, 6]
    assert torch.equal(later.keys[:, 0], keys) and torch.equal(later.values[:, 0], values)
    assert torch.equal(later.stamps[0], stamps)


def test_an_idle_older_state_does_not_make_a_newer_one_stale(decoder: Decoder) -> None:
    _, old = decoder(torch.randn(1, 3, 32), decoder.init_state(1, capacity=8))
    x = torch.randn(1, 2, 32)
    _, new = decoder(x, old)
    decoder(torch.randn(1, 1, 32), old, count=torch.tensor([0]))
    decoder(torch.randn(1, 1, 32), new)  # still good
    with pytest.raises(StaleState):
        decoder(x, old)
        decoder(torch.randn(1, 1, 32), new)


def test_going_back_makes_the_future_stale_and_forking_keeps_both(decoder: Decoder) -> None:
    _, old = decoder(torch.randn(1, 3, 32), decoder.init_state(1, capacity=8))
    x, other, next_x = torch.randn(1, 2, 32), torch.randn(1, 2, 32), torch.randn(1, 1, 32)
    _, new = decoder(x, old)
    expected, _ = decoder(next_x, fork(new))
    kept = fork(new)
    _, changed = decoder(other, old)
    with pytest.raises(StaleState, match="overwritten"):
        decoder(next_x, new)
    assert torch.equal(decoder(next_x, kept)[0], expected)
    assert not torch.equal(decoder(next_x, changed)[0], expected)


def test_a_reused_slot_makes_its_former_stream_stale(decoder: Decoder) -> None:
    fresh = decoder.init_state(2, capacity=8)
    _, first = decoder(torch.randn(1, 3, 32), row(fresh, 0))
    decoder(torch.randn(1, 1, 32), row(fresh, 0))
    with pytest.raises(StaleState):
        decoder(torch.randn(1, 1, 32), first)


def test_a_full_cache_is_refused_before_anything_is_written(decoder: Decoder) -> None:
    _, state = decoder(torch.randn(1, 6, 32), decoder.init_state(1, capacity=8))
    before = state.keys.clone()
    with pytest.raises(CapacityError, match="6 of 8 positions and 3 more"):
        decoder(torch.randn(1, 3, 32), state)
    assert torch.equal(state.keys, before)
    decoder(torch.randn(1, 2, 32), state)


def test_a_cache_refuses_gradients() -> None:
    decoder = Decoder(CONFIG)
    with pytest.raises(InputError, match="no gradients"):
        decoder(torch.randn(1, 3, 32), decoder.init_state(1, capacity=8))
    decoder(torch.randn(1, 3, 32))[0].sum().backward()  # without a state, training goes through
    assert decoder.layers[0].self_attn.k_proj.weight.grad is not None


def test_two_moments_of_one_stream_cannot_share_a_batch(decoder: Decoder) -> None:
    _, old = decoder(torch.randn(1, 3, 32), decoder.init_state(1, capacity=8))
    _, new = decoder(torch.randn(1, 1, 32), old)
    with pytest.raises(InputError, match="share one slot"):
        stack([old, new])


def test_only_what_was_written_is_heard(decoder: Decoder) -> None:
    """The cache's unwritten tail is there and masked: whatever it holds, the stream goes on the same."""
    x, state = torch.randn(1, 1, 32), decoder.init_state(1, capacity=8)
    _, state = decoder(torch.randn(1, 3, 32), state)
    expected, _ = decoder(x, fork(state))
    for pool in ("keys", "values"):
        tail, written = fork(state), fork(state)
        getattr(tail, pool)[..., 4:, :] += 1.0
        getattr(written, pool)[..., :3, :] += 1.0
        assert torch.equal(decoder(x, tail)[0], expected)
        assert not torch.equal(decoder(x, written)[0], expected)


def test_a_folded_decoder_gives_the_same_under_the_same_names() -> None:
    torch.manual_seed(4)
    made, x = Decoder(CONFIG), torch.randn(2, 7, CONFIG.width)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    with torch.no_grad():
        expected, _ = made(x)
        folded, _ = made.fold()(x)
    torch.testing.assert_close(folded, expected, atol=1e-6, rtol=1e-5)
    assert list(made.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())
    made.load_state_dict({name: tensor + 0.1 for name, tensor in before.items()})
    with torch.no_grad():
        assert not torch.allclose(made(x)[0], expected)  # what is loaded later is what it computes with
        fresh = Decoder(CONFIG)
        fresh.load_state_dict(made.state_dict())
        torch.testing.assert_close(made(x)[0], fresh(x)[0], atol=1e-6, rtol=1e-5)
