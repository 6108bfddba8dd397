"""Chunked cross-entropy is cross-entropy, in value and gradient, and never holds all scores."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from antiphon.train.loss import IGNORE, cross_entropy


def problem(n: int = 50, v: int = 300, d: int = 16) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    targets = torch.randint(0, v, (n,))
    targets[[3, 4, n - 1]] = IGNORE
    hidden, weight = torch.randn(n, d), torch.randn(v, d) * 0.3
    return hidden.requires_grad_(), weight.requires_grad_(), targets


@pytest.mark.parametrize("chunk", [1, 7, 50, 1000])
def test_value_and_gradients(chunk: int) -> None:
    hidden, weight, targets = problem()
    scale = torch.rand(len(targets))  # each target has a weight of its own
    plain = F.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORE, reduction="none")
    wanted = torch.autograd.grad((plain * scale).sum(), (hidden, weight))
    ours = cross_entropy(hidden, weight, targets, chunk)
    got = torch.autograd.grad((ours * scale).sum(), (hidden, weight))
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(got, wanted)


def test_under_autocast_as_near_as_the_plain_one() -> None:
    hidden, weight, targets = problem()
    exact = F.cross_entropy(hidden @ weight.T, targets, ignore_index=IGNORE, reduction="none")
    exact_grad = torch.autograd.grad(exact.sum(), weight)[0]
    with torch.autocast("cpu", torch.bfloat16):
        plain = F.cross_entropy((hidden @ weight.T).float(), targets, ignore_index=IGNORE, reduction="none")
        ours = cross_entropy(hidden, weight, targets, 7)
    errors = [(x - exact).abs().max() for x in (plain, ours)]
    assert ours.dtype == torch.float32 and errors[1] <= 1.5 * errors[0] + 1e-3
    grads = [torch.autograd.grad(x.sum(), weight)[0] for x in (plain, ours)]
    assert (grads[1] - exact_grad).norm() <= 1.5 * (grads[0] - exact_grad).norm() + 1e-3


class Largest(TorchDispatchMode):
    """The number of elements of the largest result."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numel = max(self.numel, out.numel())
        return out


def test_memory_is_bounded_by_the_chunk() -> None:
    hidden, weight, targets = problem(n=64, v=500, d=4)
    with Largest() as seen:
        cross_entropy(hidden, weight, targets, 8).sum().backward()
    assert seen.numel == max(8 * 500, weight.numel())


def test_nothing_to_learn_has_no_gradient() -> None:
    hidden, weight, _ = problem()
    loss = cross_entropy(hidden, weight, torch.full((50,), IGNORE)).sum()
    loss.backward()
    assert loss == 0 and not hidden.grad.any() and not weight.grad.any()
