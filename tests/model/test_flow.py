"""The flow equals the released one, offline and streamed; chunks equal blocks; streams do not depend on each other."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from antiphon.config import FlowConfig
from antiphon.errors import CapacityError, InputError
from antiphon.model.flow import Flow, FlowState
from antiphon.nn.state import fork, stack
from tests.model.released_voice import flow, golden, has_the_released_names, near, noise

MEL, STATE, E2E = 2e-4, 2e-5, 1e-3


def prompt() -> tuple[Tensor, Tensor, Tensor]:
    z = golden("flow")
    return z["prompt_token"].long(), z["prompt_mel"].mT, z["spk"]


def codes() -> Tensor:
    return golden("flow")["token"].long()


def opened(truncation: str | None = "prompt", **options: object) -> FlowState:
    return flow().open(*prompt(), options=flow().options(truncation=truncation, **options), capacity=64, noise=noise())


def stream(x: Tensor, cuts: list[int], state: FlowState, **options: object) -> list[Tensor]:
    outputs, last = [], x.shape[1]
    for start, end in zip([0, *cuts], [*cuts, last], strict=True):
        y, state = flow()(x[:, start:end], state, end == last, **options)
        outputs.append(y)
    return outputs


def test_names_are_the_released_ones() -> None:
    with torch.device("meta"):
        model = Flow(FlowConfig())
    has_the_released_names(model, "flow_real.tsv")
    assert sum(p.numel() for p in model.parameters()) == 155_802_352


def test_offline() -> None:
    z = golden("flow")
    near(flow().speaker(z["spk"]), z["spk_affine"], STATE)
    near(flow().whole(codes(), *prompt(), noise=noise()), z["offline_mel"], MEL)


def test_a_folded_flow_is_the_released_one_too() -> None:
    folded, z = copy.deepcopy(flow()).fold(), golden("flow")
    assert all(torch.equal(tensor, flow().state_dict()[name]) for name, tensor in folded.state_dict().items())
    near(folded.whole(codes(), *prompt(), noise=noise()), z["offline_mel"], MEL)
    state = folded.open(*prompt(), capacity=64, noise=noise())
    for i, (start, end) in enumerate(((0, 13), (13, 23), (23, 31))):
        y, state = folded(codes()[:, start:end], state, end == 31, noise=noise())
        near(y, z[f"stream{i}_mel"], MEL)


def test_setup_caches() -> None:
    z, state = golden("flow"), opened()
    conformer, window = state.conformer, state.window
    near(torch.cat([conformer.ahead.tail, conformer.up.tail], -1), z["setup_conformer_cnn_cache"], MEL)
    near(window.tails[0, 0].transpose(0, 1), z["setup_estimator_cnn_cache_step0"], MEL)
    for step in (0, 9):
        held = torch.cat([window.keys, window.values], -1)[0, step].transpose(0, 1)[..., :40, :]
        near(held, z[f"setup_estimator_att_cache_step{step}"], MEL)


@pytest.mark.parametrize("truncation", ["prompt", "released", None])
def test_short_streams_are_the_same_under_every_truncation(truncation: str | None) -> None:
    z = golden("flow")
    for i, y in enumerate(stream(codes(), [13, 23], opened(truncation), noise=noise())):
        near(y, z[f"stream{i}_mel"], MEL)
    near(flow()(codes(), opened(truncation), noise=noise())[0], z["stream_single_chunk_mel"], MEL)


def long_stream(truncation: str) -> list[tuple[Tensor, int]]:
    z = golden("token2wav")
    options = flow().options(truncation=truncation, clock="cache")
    voice = z["prompt_tokens"].long(), z["prompt_mel_padded"].mT, z["spk_emb"]
    state, outputs, start = flow().open(*voice, options=options, capacity=170, noise=noise()), [], 0
    for end in (28, 53, 78, 103, 113):
        y, state = flow()(z["tokens"].long()[None, start:end], state, end == 113, noise=noise())
        outputs.append((y, int(state.window.held)))
        start = end
    return outputs


def test_the_released_truncation_and_clock() -> None:
    z = golden("token2wav")
    for i, (y, held) in enumerate(long_stream("released")):
        near(y, z[f"stream{i}_mel"], E2E)
        assert held == int(z["stream_estimator_cache_len_after_chunk"][i])


def test_the_intended_truncation_is_another_function() -> None:
    z = golden("token2wav")
    far = [(y - z[f"stream{i}_mel"]).abs().max().item() for i, (y, _) in enumerate(long_stream("prompt"))]
    assert max(far[:3]) < E2E and 2 * E2E < far[3] < 0.02 and 2 * E2E < far[4] < 0.02


@pytest.mark.parametrize(("truncation", "block"), [("prompt", 1), ("prompt", 4), (None, 10)])
def test_chunks_equal_one_call_with_blocks(truncation: str | None, block: int) -> None:
    """Also while the window forgets, and at the shortest chunks, at which the reference fails."""
    state = opened(truncation, recent=6, steps=1)
    outputs = stream(codes(), list(range(block + 3, 31, block)), fork(state))
    streamed = torch.cat(outputs[:-1], dim=-1)
    near(streamed, flow()(codes(), fork(state), block=block)[0][..., : streamed.shape[-1]], STATE)
    assert sum(y.shape[-1] for y in outputs) == 62


def test_one_block_equals_the_offline_result() -> None:
    heard, mel, embedding = prompt()
    options = flow().options(truncation=None)
    state = flow().init_state(1, speaker=flow().speaker(embedding), capacity=64, options=options)
    both, cond = torch.cat([heard, codes()], dim=1), F.pad(mel, (0, 62))
    y, _ = flow()(both, state, True, cond=cond, noise=noise())
    near(y[..., 40:], golden("flow")["offline_mel"], MEL)


def test_codes_pushed_one_by_one_wait_for_their_look_ahead() -> None:
    outputs = stream(codes()[:, :6], [1, 2, 3, 4, 5], opened(steps=1))
    assert [y.shape[-1] for y in outputs] == [0, 0, 0, 2, 2, 8]


def test_noise_follows_the_frame_and_the_seed() -> None:
    def said(seed: int, cuts: list[int]) -> Tensor:
        state = flow().open(*prompt(), seed=seed, options=flow().options(2, truncation=None), capacity=64)
        return torch.cat(stream(codes(), cuts, state), dim=-1)

    near(said(1, [13]), said(1, [13]), 0)
    assert not torch.allclose(said(1, [13]), said(2, [13]), atol=0.01)


def test_streams_of_different_voices_share_a_batch() -> None:
    options = flow().options(2)
    heard, mel, embedding = prompt()
    first = flow().open(heard, mel, embedding, seed=3, options=options, capacity=48)
    second = flow().open(heard[:, :9], mel[..., :18], -embedding, seed=4, options=options, capacity=48, num_prompt=40)
    x = codes()[:, :12]
    together, _ = flow()(x.repeat(2, 1), stack([fork(first), fork(second)]), False)
    near(together[:1], flow()(x, first, False)[0], STATE)
    near(together[1:], flow()(x, second, False)[0], STATE)


def test_without_guidance_half_the_rows_are_kept() -> None:
    assert opened(guidance=0.0, steps=1).window.keys.shape[2] == 1
    assert opened(steps=1).window.keys.shape[2] == 2


def test_training_masks() -> None:
    x, num_real = codes().repeat(2, 1), torch.tensor([31, 10])
    mu = flow().mu(x, num_real=num_real, block=4, prompt_len=torch.tensor([6, 2]))
    alone = flow().mu(x[1:, :10], block=4, prompt_len=torch.tensor([2]))
    near(mu[1:, :, :20], alone, STATE)
    noisy = torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))
    t, speaker, prompts = torch.tensor([0.3, 0.6]), torch.ones(2, 80), torch.tensor([6, 2])
    v = flow().velocity(noisy, t, mu, speaker, mu, num_real=num_real, block=4, prompt_len=prompts)
    short, told = noisy[1:, :, :20], mu[1:, :, :20]
    near(v[1:, :, :20], flow().velocity(short, t[1:], told, speaker[1:], told, block=4, prompt_len=prompts[1:]), STATE)
    other = noisy.clone()
    other[0, :, 40:] = 0  # a later block
    later = flow().velocity(other, t, mu, speaker, mu, num_real=num_real, block=4, prompt_len=prompts)
    near(later[0, :, :36], v[0, :, :36], 0)
    assert not torch.allclose(later[0, :, 36:], v[0, :, 36:])


def test_what_is_refused() -> None:
    heard, mel, embedding = prompt()
    with pytest.raises(InputError, match="6561"):
        flow()(torch.tensor([[3, 6561]]))
    with pytest.raises(InputError, match="at least 3 codes"):
        flow().open(heard[:, :2], mel[..., :4], embedding)
    with pytest.raises(InputError, match="frames a code"):
        flow().open(heard, mel[..., :39], embedding)
    with pytest.raises(InputError, match="truncation"):
        flow().init_state(1, options=flow().options(truncation="last"))
    with pytest.raises(InputError, match="blocks"):
        flow()(codes(), opened("released", steps=1), block=4)
    with pytest.raises(CapacityError):
        flow()(codes().repeat(1, 3), opened(steps=1))


def test_half_precision_keeps_time_and_mel_in_float32() -> None:
    model = Flow(flow().config)
    model.load_state_dict(flow().state_dict())
    mel = model.to(torch.bfloat16)(codes(), noise=noise())[0]
    assert mel.dtype == torch.float32
    assert (mel - flow()(codes(), noise=noise())[0]).abs().mean() < 0.05
