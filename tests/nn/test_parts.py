"""The small parts against their definitions."""

import pytest
import torch
import torch.nn.functional as F

from antiphon.nn.conv import CausalConv1d
from antiphon.nn.mlp import GatedMLP, gelu_mlp
from antiphon.nn.norm import RMSNorm
from antiphon.nn.rope import rotate, rotation


def test_rms_norm_measures_in_float32_and_scales_in_the_working_dtype() -> None:
    norm, x = RMSNorm(16, 1e-6), torch.randn(3, 16) * 5
    expected = x / (x.double().square().mean(-1, keepdim=True) + 1e-6).sqrt().float()
    torch.testing.assert_close(norm(x), expected, atol=1e-6, rtol=1e-6)
    assert norm.to(torch.bfloat16)(x.bfloat16() * 1e20).isfinite().all()  # its square would overflow half precision


def test_rotation_depends_on_the_distance_alone() -> None:
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def score(at_q: int, at_k: int) -> float:
        turned = [rotate(x, *rotation(torch.tensor([at]), 8, 1e4)) for x, at in ((q, at_q), (k, at_k))]
        return float((turned[0] * turned[1]).sum())

    assert score(5, 3) == pytest.approx(score(105, 103), abs=1e-4)
    assert score(5, 3) != pytest.approx(score(5, 4), abs=1e-4)


def test_channel_i_turns_with_channel_i_plus_half() -> None:
    x = torch.zeros(1, 1, 1, 8)
    x[..., 1] = 1.0
    turned = rotate(x, *rotation(torch.tensor([2]), 8, 1e4))
    angle = torch.tensor(2.0 / 1e4**0.25)
    assert turned[0, 0, 0, 1] == pytest.approx(float(angle.cos()), abs=1e-6)
    assert turned[0, 0, 0, 5] == pytest.approx(float(angle.sin()), abs=1e-6)


def test_mlps() -> None:
    gated, plain, x = GatedMLP(6, 10), gelu_mlp(6, 10), torch.randn(2, 6)
    expected = (F.silu(x @ gated.gate_proj.weight.mT) * (x @ gated.up_proj.weight.mT)) @ gated.down_proj.weight.mT
    torch.testing.assert_close(gated(x), expected)
    assert list(plain.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_causal_convolution_is_one_padded_on_the_left(dilation: int) -> None:
    conv, x = CausalConv1d(4, 6, 3, dilation=dilation), torch.randn(2, 4, 11)
    y, state = conv(x)
    expected = F.conv1d(F.pad(x, (conv.reach, 0)), conv.weight, conv.bias, dilation=dilation)
    torch.testing.assert_close(y, expected)
    assert torch.equal(state.tail, x[..., -conv.reach :])
    assert torch.equal(conv.step(x, conv.init_state(2))[0], y)


def test_a_convolution_of_one_tap_remembers_nothing() -> None:
    conv = CausalConv1d(4, 6, 1)
    y, state = conv(torch.randn(2, 4, 5))
    assert y.shape == (2, 6, 5) and state.tail.shape == (2, 4, 0)
    conv(torch.randn(2, 4, 5), state)


def test_a_convolution_that_pads_or_strides_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="no stride"):
        CausalConv1d(4, 6, 3, padding=1)(torch.randn(2, 4, 5))
