"""The speech tokenizer equals the released one, activation by activation and id by id."""

import pytest
import torch
from torch import Tensor

from antiphon.config import SpeechTokenizerConfig
from antiphon.errors import ConfigError, InputError
from antiphon.model.speech_tokenizer import SpeechTokenizer, fold_speech, merge_codes
from tests.model.released_voice import golden, has_the_released_names, near, tokenizer

ACTIVATION = 5e-5


def formula_mel(frames: int) -> Tensor:
    f, t = torch.arange(128, dtype=torch.float64)[:, None], torch.arange(frames, dtype=torch.float64)
    mel = 0.4 * torch.sin(0.013 * (f + 3) * t / 5 + f) + 0.3 * torch.cos(0.0021 * t * (1 + f % 5))
    return mel.float()[None]


def test_names_are_the_released_ones() -> None:
    with torch.device("meta"):
        model = SpeechTokenizer(SpeechTokenizerConfig())
    has_the_released_names(model, "s3tokenizer_v2_real.tsv")
    assert sum(p.numel() for p in model.parameters()) == 123_714_568


def test_activations_and_codes() -> None:
    z, model, heard = golden("s3tokenizer"), tokenizer(), []
    handle = model.encoder.blocks[0].attn.register_forward_hook(lambda m, i, o: heard.append(o))
    hidden, num = model.encoder(z["mel"], z["mel_len"].long())
    handle.remove()
    near(model.encoder.conv1(z["mel"])[..., :64], z["conv1_pre_gelu_first64"], ACTIVATION)
    near(heard[0], z["block0_attn_out"], ACTIVATION)
    near(hidden, z["hidden"], ACTIVATION)
    codes, num_codes = model(z["mel"])
    assert torch.equal(codes, z["code"].long()) and num.tolist() == num_codes.tolist() == z["code_len"].tolist()


def test_a_padded_row_has_the_codes_it_has_alone() -> None:
    z = golden("s3tokenizer")
    mel = torch.cat([z["mel"], z["mel"] * (torch.arange(203) < 101)])
    codes, num_codes = tokenizer()(mel, z["batch2_len"].long())
    assert num_codes.tolist() == z["batch2_code_len"].tolist()
    for row, expected, num in zip(codes, z["batch2_code"], num_codes.tolist(), strict=True):
        assert torch.equal(row[:num], expected[:num].long())


def test_fsq_rounds_like_the_released_one() -> None:
    z, book = golden("fsq"), tokenizer().quantizer.codebook
    assert torch.equal(book.index(z["pre_tanh"]), z["index"].long())


@pytest.mark.parametrize("frames", [3001, 5300])
def test_long_clips_repeat_the_reference_on_request(frames: int) -> None:
    codes = tokenizer().encode(formula_mel(frames), released=True)
    assert torch.equal(codes, golden("s3tokenizer")[f"long_{frames}_code"].long())


@pytest.mark.parametrize("frames", [3000, 3001, 3200, 5199, 5300, 5400, 5401, 5650, 8000])
def test_long_clips_lose_nothing(frames: int) -> None:
    windows, num_frames = fold_speech(torch.zeros(1, 2, frames))
    places = [torch.arange(-(-n // 4)) + 650 * i for i, n in enumerate(num_frames.tolist())]
    assert torch.equal(merge_codes(places), torch.arange(-(-frames // 4)))
    assert windows.shape[1:] == (2, 3000)


def test_a_window_bounds_what_a_code_hears() -> None:
    torch.manual_seed(0)
    config = SpeechTokenizerConfig(width=32, num_heads=2, num_layers=2, memory=3, window=2, levels=(3, 3))
    model = SpeechTokenizer(config)
    mel = torch.randn(1, 128, 160)
    changed = mel.clone()
    changed[..., 100:] = 0
    with torch.no_grad():
        a, b = model.project(mel)[0], model.project(changed)[0]
    assert torch.equal(a[:, :18], b[:, :18]) and not torch.equal(a[:, 20:], b[:, 20:])


def test_gradients_pass_through_the_rounding() -> None:
    book = SpeechTokenizer(SpeechTokenizerConfig(width=32, num_heads=2, num_layers=1)).quantizer.codebook
    projected = torch.randn(5, 8, requires_grad=True)
    book.digits(projected).sum().backward()
    assert projected.grad is not None and bool((projected.grad > 0).all())


def test_levels_and_empty_clips_are_refused() -> None:
    with pytest.raises(ConfigError, match="odd numbers"):
        SpeechTokenizerConfig(levels=(3, 4))
    with pytest.raises(InputError, match="empty"):
        tokenizer().encode(torch.zeros(1, 128, 0))
