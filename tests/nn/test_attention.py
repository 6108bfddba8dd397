"""Attention against its definition; grouped heads; the masks."""

import pytest
import torch

from antiphon.nn.attention import attend, causal_mask


def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float) -> torch.Tensor:
    """Softmax attention, one head after the other, in double precision."""
    groups, out = q.shape[1] // k.shape[1], []
    for head in range(q.shape[1]):
        scores = q[:, head].double() @ k[:, head // groups].double().mT * scale
        scores = scores.masked_fill(~mask, -torch.inf)
        out.append(scores.softmax(-1) @ v[:, head // groups].double())
    return torch.stack(out, dim=1).float()


@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("t", [1, 5])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_equals_its_definition(heads: tuple[int, int], t: int, scale: float | None) -> None:
    g = torch.Generator().manual_seed(0)
    q = torch.randn(2, heads[0], t, 8, generator=g)
    k, v = (torch.randn(2, heads[1], 9, 8, generator=g) for _ in range(2))
    mask = causal_mask(t, 9, q.device) & (torch.rand(2, 1, t, 9, generator=g) > 0.3)
    mask[..., 0] = True
    expected = plain(q, k, v, mask[:, 0], 8**-0.5 if scale is None else scale)
    torch.testing.assert_close(attend(q, k, v, mask, scale), expected, atol=1e-6, rtol=1e-5)


def test_the_last_query_stands_at_the_last_key() -> None:
    assert causal_mask(2, 4, torch.device("cpu")).tolist() == [[True, True, True, False], [True, True, True, True]]
