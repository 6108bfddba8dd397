"""What a step trains on is a function of (seed, step): every example once an epoch, every source by its share."""

from collections import Counter
from random import Random

import pytest

from antiphon.errors import ConfigError
from antiphon.train.pack import bucket, num_rows
from antiphon.train.sampler import Draw, Sampler, permute


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 65, 1000])
def test_a_permutation_is_one(count: int) -> None:
    assert sorted(permute(n, count, "a") for n in range(count)) == list(range(count))
    if count > 6:
        assert [permute(n, count, "a") for n in range(count)] != [permute(n, count, "b") for n in range(count)]


def sizes() -> dict[str, list[int]]:
    rng = Random(1)
    return {"text": [rng.randint(1, 100) for _ in range(120)], "speech": [rng.randint(50, 300) for _ in range(60)]}


def sampler(seed: int = 0, **changes: int) -> Sampler:
    options = {"micro_size": 512, "per_step": 3} | changes
    return Sampler(sizes(), {"text": 3.0, "speech": 1.0}, seed=seed, **options)


def test_any_step_at_once_and_the_same_from_anew() -> None:
    one, other = sampler(), sampler()
    steps = list(range(40))
    in_order = [one.at(step) for step in steps]
    Random(0).shuffle(steps)
    for step in steps:
        assert other.at(step) == in_order[step]
    assert sampler(seed=1).at(0) != in_order[0]


def test_a_step_is_whole_micro_batches() -> None:
    held, one = sizes(), sampler()
    for step in range(30):
        drawn = one.at(step)
        while drawn:
            length = bucket(held[drawn[0].source][drawn[0].index])
            rows = num_rows(length, 512)
            assert {bucket(held[d.source][d.index]) for d in drawn[:rows]} == {length}
            drawn = drawn[rows:]


def test_every_example_of_a_bucket_once_before_any_twice() -> None:
    held, counts, one = sizes(), Counter[Draw](), sampler()
    for step in range(400):
        counts.update(one.at(step))
    assert set(counts) == {Draw(source=s, index=i) for s, some in held.items() for i in range(len(some))}
    # over whole laps of the wheel an epoch begins anew at most once more for one than for another
    lone = Sampler({"a": [10] * 37}, {"a": 1.0}, seed=4, micro_size=32 * 5, per_step=1)
    length = len(lone._wheel)
    seen = Counter(d.index for step in range(length) for d in lone.at(step))
    assert max(seen.values()) - min(seen.values()) <= 1 and sum(seen.values()) == 5 * length


def test_shares_are_of_what_is_trained_on() -> None:
    held, padded = sizes(), Counter[str]()
    one = sampler(per_step=1)
    for step in range(len(one._wheel)):
        for d in one.at(step):
            padded[d.source] += bucket(held[d.source][d.index])
    assert padded["text"] / padded.total() == pytest.approx(0.75, abs=0.01)


def test_over_long_examples_are_left_out_and_counted() -> None:
    one = sampler(longest=200)
    assert one.dropped == {"text": 0, "speech": sum(s > 200 for s in sizes()["speech"])}
    assert all(sizes()[d.source][d.index] <= 200 for step in range(100) for d in one.at(step))
    with pytest.raises(ConfigError, match="'speech' has no example of at most 40"):
        sampler(longest=40)


def test_shares_must_fit_sources() -> None:
    with pytest.raises(ConfigError, match="give each a positive share"):
        Sampler({"a": [1]}, {"b": 1.0}, seed=0, micro_size=32, per_step=1)
