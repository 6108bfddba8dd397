"""The conformer equals the released one, offline and streamed, and blocks equal chunks."""

import pytest
import torch
from torch import Tensor

from antiphon.errors import CapacityError, InputError
from antiphon.model.conformer import Conformer, ConformerState
from tests.model.released_voice import flow, golden, near

ATOL = 2e-5


def model() -> Conformer:
    return flow().encoder


def embedded() -> Tensor:
    return golden("encoder")["embedded"]


def stream(cuts: list[int], state: ConformerState) -> tuple[list[Tensor], list[ConformerState]]:
    outputs, states, x = [], [], embedded()
    for start, end in zip([0, *cuts], [*cuts, 31], strict=True):
        y, state = model()(x[:, start:end], state, end == 31)
        outputs.append(y)
        states.append(state)
    return outputs, states


def test_offline_stages() -> None:
    z, encoder = golden("encoder"), model()
    near(flow().input_embedding(z["token"].long()), z["embedded"], 0)
    x = encoder.embed(z["embedded"])
    near(x, z["after_embed_scaled"], ATOL)
    near(encoder.pre_lookahead_layer(x)[0], z["after_prelookahead"], ATOL)
    near(encoder(z["embedded"])[0], z["full_out"], ATOL)


def test_streamed_chunks_and_caches() -> None:
    z = golden("encoder")
    outputs, states = stream([13, 23], model().init_state(1, 32))
    for i, (y, state) in enumerate(zip(outputs, states, strict=True)):
        near(y, z[f"stream{i}_out"], ATOL)
        near(torch.cat([state.ahead.tail, state.up.tail], dim=-1), z[f"stream{i}_cnn_cache"], ATOL)
    last, cache = states[-1], z["stream2_att_cache"]
    near(torch.cat([last.slow.keys, last.slow.values], -1)[..., :31, :], cache[:2, ..., :31, :], ATOL)
    near(torch.cat([last.fast.keys, last.fast.values], -1)[..., :62, :], cache[2:], ATOL)


@pytest.mark.parametrize("block", [1, 4, 10])
def test_chunks_equal_one_call_with_blocks(block: int) -> None:
    """Also the shortest chunks, at which the reference fails."""
    outputs, _ = stream(list(range(block + 3, 31, block)), model().init_state(1, 40))
    streamed = torch.cat(outputs[:-1], dim=1)
    near(streamed, model()(embedded(), block=block)[0][:, : streamed.shape[1]], ATOL)
    assert sum(y.shape[1] for y in outputs) == 62


def test_a_prompt_is_a_block_of_its_own() -> None:
    x = embedded()
    with_prompt = model()(x, block=4, prompt_len=torch.tensor([7]))[0]
    parts, state = model()(x[:, :10], model().init_state(1, 40), False)
    near(with_prompt[:, :14], parts, ATOL)
    near(with_prompt[:, 14:22], model()(x[:, 10:14], state, False)[0], ATOL)


def test_a_padded_row_is_what_it_is_alone() -> None:
    x = embedded().repeat(2, 1, 1)
    x[1, 17:] = 5.0
    y = model()(x, num_real=torch.tensor([31, 17]))[0]
    near(y[1:, :34], model()(x[1:, :17])[0], ATOL)


def test_the_history_has_an_end() -> None:
    with pytest.raises(CapacityError):
        model()(embedded(), model().init_state(1, 30))
    with pytest.raises(InputError, match="init_state"):
        model()(embedded(), None, False)
