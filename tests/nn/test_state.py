"""The algebra of states: verbs keep values, order and independence, and refuse what cannot be done."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from antiphon.errors import InputError
from antiphon.nn.attention import KVState, init_kv
from antiphon.nn.state import fork, leaves, load, row, save, select, stack, state, static, to


@state
class Inner:
    x: Tensor


@state
class Outer:
    inner: Inner
    pair: tuple[Inner, Tensor]
    missing: Inner | None
    label: str = static("a")


def outer(batch: int, seed: int = 0) -> Outer:
    g = torch.Generator().manual_seed(seed)
    draw = [torch.randn(batch, n, generator=g) for n in (2, 3)]
    counter = torch.randint(9, (batch,), generator=g)
    return Outer(inner=Inner(x=draw[0]), pair=(Inner(x=draw[1]), counter), missing=None)


def values(s: object) -> dict[str, list[float]]:
    return {name: t.tolist() for name, t in leaves(s)}


def test_leaves_are_named_by_their_path_in_order() -> None:
    assert [n for n, _ in leaves(outer(2))] == ["inner.x", "pair.0.x", "pair.1"]


def test_rows_of_a_stack_are_what_was_stacked() -> None:
    parts = [outer(1, seed) for seed in range(3)]
    joined = stack(parts)
    assert joined.label == "a" and joined.missing is None
    for i, part in enumerate(parts):
        assert values(row(joined, i)) == values(part)
    assert values(row(joined, -1)) == values(parts[2])
    with pytest.raises(IndexError):
        row(joined, 3)
    with pytest.raises(InputError, match="at least one"):
        stack([])


def test_streams_that_differ_in_what_they_hold_are_not_stacked_silently() -> None:
    full = Outer(inner=Inner(x=torch.zeros(1, 2)), pair=outer(1).pair, missing=Inner(x=torch.zeros(1, 1)))
    with pytest.raises(AssertionError, match="missing in another"):
        stack([outer(1), full])

    @state
    class Listed:
        parts: list[Tensor]

    with pytest.raises(AssertionError, match="not list"):
        fork(Listed(parts=[torch.zeros(1)]))


def test_select_takes_each_stream_from_one_side() -> None:
    new, old, mask = outer(3, 1), outer(3, 2), torch.tensor([True, False, True])
    chosen = select(mask, new, old)
    for i, from_new in enumerate(mask.tolist()):
        assert values(row(chosen, i)) == values(row(new if from_new else old, i))


def test_a_fork_shares_no_memory() -> None:
    original = outer(2)
    for (_, a), (_, b) in zip(leaves(original), leaves(fork(original)), strict=True):
        assert torch.equal(a, b) and a.data_ptr() != b.data_ptr()


def test_to_moves_floats_and_leaves_counters() -> None:
    moved = to(outer(2), dtype=torch.float64)
    assert [t.dtype for _, t in leaves(moved)] == [torch.float64, torch.float64, torch.int64]


def test_save_and_load_to_the_bit_and_of_the_right_kind(tmp_path: Path) -> None:
    save(outer(3, 4), tmp_path / "s")
    assert values(load(tmp_path / "s", outer(1))) == values(outer(3, 4))
    with pytest.raises(InputError, match="x differs|inner.x differs"):
        load(tmp_path / "s", Inner(x=torch.zeros(1)))
    with pytest.raises(InputError, match="another kind of state"):
        load(tmp_path / "s", to(outer(1), dtype=torch.float64))
    (tmp_path / "s").write_bytes(b"no state")
    with pytest.raises(InputError, match="could not be read"):
        load(tmp_path / "s", outer(1))
    with pytest.raises(InputError, match="could not be read"):
        load(tmp_path / "none", outer(1))


def cache(batch: int, capacity: int = 6) -> KVState:
    return init_kv(2, 3, 4, batch=batch, capacity=capacity, like=torch.zeros(1))


def pushed(kv: KVState, num: int, seed: int = 0) -> KVState:
    draw = torch.randn(2, 2, len(kv.slot), 3, num, 4, generator=torch.Generator().manual_seed(seed))
    for layer, (k, v) in enumerate(draw):
        kv.append(layer, k, v)
    return kv.advance(num)


def test_eight_streams_of_one_pool_are_stacked_without_copying_a_byte() -> None:
    pool = cache(8)
    streams = [pushed(row(pool, i), 1 + i % 3, seed=i) for i in range(8)]
    before = pool.keys.clone()
    joined = stack(streams[::-1])
    for name in ("keys", "values", "stamps", "clock"):
        assert getattr(joined, name).data_ptr() == getattr(pool, name).data_ptr()
    assert torch.equal(joined.keys, before)
    assert joined.slot.tolist() == list(range(7, -1, -1)) and not joined.dense
    assert stack(streams).dense  # the whole pool in order reads it in place
    k, _ = stack(streams).append(0, torch.zeros(8, 3, 1, 4), torch.zeros(8, 3, 1, 4))
    assert k.data_ptr() == pool.keys.data_ptr()


def test_streams_of_different_pools_are_gathered_and_keep_what_they_hold() -> None:
    first, second = pushed(cache(1, 6), 3, seed=1), pushed(cache(2, 9), 5, seed=2)
    joined = stack([first, second])
    assert joined.capacity == 9 and joined.length.tolist() == [3, 5, 5] and joined.dense
    assert torch.equal(joined.keys[:, 0, :, :3], first.keys[:, 0, :, :3])
    assert torch.equal(joined.keys[:, 1:, :, :5], second.keys[:, :, :, :5])
    joined.check(1)


def test_rows_choose_between_two_moments_of_their_own_past() -> None:
    old = pushed(cache(3), 2, seed=1)
    new = pushed(old, 1, seed=2)
    chosen = select(torch.tensor([True, False, True]), new, old)
    assert chosen.length.tolist() == [3, 2, 3]
    assert chosen.stamp.tolist() == [2, 1, 2]
    chosen.check(1)
    shuffled = select(torch.tensor([False, True]), stack([row(new, 0), row(new, 1)]), stack([row(old, 2), row(old, 1)]))
    assert shuffled.slot.tolist() == [2, 1] and shuffled.length.tolist() == [2, 3]
    with pytest.raises(InputError, match="different pools"):
        select(torch.tensor([True] * 3), new, fork(old))


def test_a_saved_row_holds_its_own_cache_only(tmp_path: Path) -> None:
    pool = pushed(cache(5), 2)
    save(row(pool, 3), tmp_path / "one")
    one = load(tmp_path / "one", cache(1))
    assert one.keys.shape[1] == 1 and torch.equal(one.keys[:, 0], pool.keys[:, 3])
    one.check(1)
