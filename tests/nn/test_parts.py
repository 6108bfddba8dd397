"""The small parts against their definitions."""

import pytest
import torch
import torch.nn.functional as F

from antiphon.nn.conv import CausalConv1d
from antiphon.nn.joined import Joined
from antiphon.nn.mlp import GatedMLP, gelu_mlp
from antiphon.nn.norm import RMSNorm
from antiphon.nn.precision import precision
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


@pytest.mark.parametrize("bias", [True, False])
def test_joined_layers_give_the_same_side_by_side_and_keep_their_names(bias: bool) -> None:
    first, second = torch.nn.Linear(6, 4, bias=bias), torch.nn.Linear(6, 2, bias=bias)
    x, before = torch.randn(3, 6), {name: t.clone() for name, t in first.state_dict().items()}
    expected = torch.cat([first(x), second(x)], dim=-1)
    joined = Joined(first, second)
    torch.testing.assert_close(joined(x), expected)
    torch.testing.assert_close(torch.cat([first(x), second(x)], dim=-1), expected)
    assert list(first.state_dict()) == list(before)
    assert all(torch.equal(t, before[name]) for name, t in first.state_dict().items())
    assert first.weight.data_ptr() == joined.weight.data_ptr()  # held once
    assert not second.weight.requires_grad


def test_the_precision_is_what_is_asked_or_what_the_processor_can(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for amx, avx512, wanted in ((False, False, "float32"), (True, False, "bfloat16"), (False, True, "bfloat16")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda amx=amx: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda avx512=avx512: avx512)
        assert precision("auto", cpu) == wanted
        assert precision("float32", cpu) == "float32" and precision("bfloat16", cpu) == "bfloat16"
    assert precision("auto", torch.device("mps")) == "float32"


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_causal_convolution_is_one_padded_on_the_left(dilation: int) -> None:
    conv, x = CausalConv1d(4, 6, 3, dilation=dilation), torch.randn(2, 4, 11)
    y, state = conv(x)
    expected = F.conv1d(F.pad(x, (conv.reach, 0)), conv.weight, conv.bias, dilation=dilation)
    torch.testing.assert_close(y, expected)
    assert torch.equal(state.tail, x[..., -conv.reach :])
    assert torch.equal(conv.step(x, conv.init_state(2))[0], y)
    conv.fold()
    folded, left = conv(x)
    torch.testing.assert_close(folded, expected, atol=1e-6, rtol=1e-5)
    assert torch.equal(left.tail, state.tail) and left.tail.is_contiguous()
    torch.testing.assert_close(conv(x[..., 4:], conv(x[..., :4])[1])[0], expected[..., 4:], atol=1e-6, rtol=1e-5)


def test_a_convolution_of_one_tap_remembers_nothing() -> None:
    conv = CausalConv1d(4, 6, 1)
    y, state = conv(torch.randn(2, 4, 5))
    assert y.shape == (2, 6, 5) and state.tail.shape == (2, 4, 0)
    conv(torch.randn(2, 4, 5), state)
    conv.fold()
    assert conv(torch.randn(2, 4, 5), state)[1].tail.shape == (2, 4, 0)


def test_a_convolution_that_pads_or_strides_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="no stride"):
        CausalConv1d(4, 6, 3, padding=1)(torch.randn(2, 4, 5))
