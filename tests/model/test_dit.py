"""The velocity network equals the released one, whole and in chunks."""

import torch
from torch import Tensor

from antiphon.model.dit import DiT, modulate, time_waves
from antiphon.model.sampler import time_grid
from tests.model.released_voice import flow, golden, near, noise

ATOL = 2e-5
ULP_OF_700 = 6.2e-5  # the sinusoids reach angles of 700, whose float32 neighbours lie this far apart


def model() -> DiT:
    return flow().decoder.estimator


def inputs(start: int, end: int) -> list[Tensor]:
    z = golden("dit")
    return [z[k][..., start:end] if z[k].dim() == 3 else z[k] for k in ("x", "t", "mu", "spks", "cond")]


def test_stages() -> None:
    z, block = golden("dit"), model().blocks[0]
    near(time_waves(z["t"]), z["t_freq"], ULP_OF_700)
    near(model().t_embedder(z["t"]), z["t_emb"], ATOL)
    steer = block.adaLN_modulation(z["t_emb"])
    near(block(z["block0_in"], steer, None, None)[0], z["block0_out"], ATOL)
    near(block.conv(z["block0_in"])[0], z["block0_conv_out"], ATOL)
    near(block.mlp(z["block0_in"]), z["block0_mlp_out"], ATOL)
    shift, scale = steer[:, None].chunk(9, dim=-1)[:2]
    near(block.attn(modulate(z["block0_in"], shift, scale), None, None)[0], z["block0_attn_out"], ATOL)
    near(model()(*inputs(0, 24))[0], z["estimator_out"], ATOL)


def test_chunks_and_what_they_leave() -> None:
    z = golden("dit")
    first, past = model()(*inputs(0, 14), keep=True)
    assert past is not None
    near(first, z["chunk0_out"], ATOL)
    near(past.tails, z["chunk0_cnn_cache"], ATOL)
    near(torch.cat([past.keys, past.values], -1), z["chunk0_att_cache"], ATOL)
    second, new = model()(*inputs(14, 24), None, past, keep=True)
    assert new is not None
    near(second, z["chunk1_out"], ATOL)
    near(new.tails, z["chunk1_cnn_cache"], ATOL)
    near(torch.cat([new.keys, new.values], -1), z["chunk1_att_cache"][..., :10, :], ATOL)


def test_sampler() -> None:
    z = golden("cfm")
    near(time_grid(10, torch.device("cpu")), z["t_span"], 1e-7)
    x = noise()(torch.zeros(1, dtype=torch.int64), 40)
    for steps in (10, 2):
        mel, left = flow().decoder(x, z["mu"], z["spks"], z["cond"], flow().options(steps))
        near(mel, z[f"out_{steps}steps"], 1e-4)
        assert not left


def test_steering_of_many_times_is_that_of_each() -> None:
    times = torch.tensor([0.0, 0.3, 0.9])
    together = model().steering(times)
    assert len(together) == len(model().blocks) + 1
    for number in range(3):
        for part, alone in zip(together, model().steering(times[number : number + 1]), strict=True):
            near(part[number : number + 1], alone, ATOL)
    x, t, *rest = inputs(0, 24)
    near(model()(x, t, *rest, steering=model().steering(t))[0], model()(x, t, *rest)[0], ATOL)


def test_training_steps_leave_nothing_behind() -> None:
    _, past = model()(*inputs(0, 14))
    assert past is None
