"""Choosing tokens: greedy, by chance, within the most likely, with a penalty; chance is a function of the position."""

import pytest
import torch

from antiphon.errors import InputError
from antiphon.runtime.sample import Sampling, choose, uniform

LOGITS = torch.tensor([0.0, 2.0, 1.0, -1.0])


def drawn(sampling: Sampling, count: int = 4000) -> torch.Tensor:
    return torch.bincount(torch.tensor([choose(LOGITS, sampling, p) for p in range(count)]), minlength=4) / count


def test_greedy_takes_the_best_allowed() -> None:
    assert choose(LOGITS, Sampling(), 0) == 1
    assert choose(LOGITS, Sampling(), 0, forbidden=torch.tensor([False, True, False, False])) == 2


def test_draws_follow_the_chances() -> None:
    assert torch.allclose(drawn(Sampling(temperature=1.0, seed=3)), LOGITS.softmax(-1), atol=0.03)
    assert torch.allclose(drawn(Sampling(temperature=2.0, seed=4)), (LOGITS / 2).softmax(-1), atol=0.03)


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    found = drawn(Sampling(temperature=1.0, top_p=0.7))  # 0.61 alone is not enough, 0.61 + 0.22 is
    assert found[0] == found[3] == 0 and found[1] > 0 and found[2] > 0
    assert {choose(LOGITS, Sampling(temperature=1.0, top_p=0.5), p) for p in range(200)} == {1}


def test_forbidden_is_never_drawn() -> None:
    forbidden = torch.tensor([True, False, True, True])
    sampling = Sampling(temperature=100.0)
    assert {choose(LOGITS, sampling, p, forbidden=forbidden) for p in range(300)} == {1}


def test_the_penalty_divides_what_is_positive_and_multiplies_what_is_negative() -> None:
    seen = torch.tensor([False, True, False, True])
    assert choose(LOGITS, Sampling(repetition_penalty=3.0), 0, seen=seen) == 2
    only = torch.tensor([-1.0, -1.5])
    assert choose(only, Sampling(repetition_penalty=2.0), 0, seen=torch.tensor([True, False])) == 1


def test_a_draw_is_a_function_of_seed_and_position() -> None:
    numbers = [uniform(7, p) for p in range(2000)]
    assert [uniform(7, p) for p in reversed(range(2000))] == numbers[::-1]
    assert len(set(numbers)) == 2000 and all(0 <= n < 1 for n in numbers)
    assert abs(sum(numbers) / 2000 - 0.5) < 0.02
    assert [uniform(8, p) for p in range(5)] != numbers[:5]
    assert uniform(-5, 0) == uniform(-5, 0)


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_p": 1.1},
              {"repetition_penalty": 0.0}, {"seed": 1 << 63}]
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Sampling(**wrong)  # type: ignore[arg-type]
