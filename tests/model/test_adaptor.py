"""The adaptor: halves the rate, lifts the width. Parity with the released one is in test_encoder."""

import pytest
import torch

from antiphon.config import AdaptorConfig
from antiphon.model.adaptor import Adaptor


@pytest.mark.parametrize("t", [1, 2, 7, 8])
def test_shape(t: int) -> None:
    assert Adaptor(AdaptorConfig(hidden=12), 6, 10)(torch.randn(2, t, 6)).shape == (2, (t + 1) // 2, 10)


def test_a_row_hears_one_feature_to_each_side_and_no_further() -> None:
    adaptor, x = Adaptor(AdaptorConfig(hidden=12), 6, 10), torch.randn(1, 12, 6)
    changed = x.clone()
    changed[:, 7] += 1.0
    moved = (adaptor(changed) - adaptor(x)).abs().amax(-1)[0] > 0
    assert moved.nonzero()[:, 0].tolist() == [3, 4]  # rows centred on 6 and 8


def test_the_hidden_layer_is_a_relu() -> None:
    adaptor = Adaptor(AdaptorConfig(hidden=12), 6, 10)
    with torch.no_grad():
        adaptor.linear1.weight.zero_()
        adaptor.linear1.bias.fill_(-0.5)  # a GELU would let a little of it through
    assert torch.equal(adaptor(torch.randn(1, 4, 6)), adaptor.linear2.bias.expand(1, 2, 10))
