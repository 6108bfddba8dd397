"""The vocoder equals the released one; a stream of it has no seams."""

import pytest
import torch
import torch.nn.functional as F

from antiphon.config import HiFTConfig
from antiphon.errors import ConfigError
from antiphon.model.hift import HiFT, fade
from tests.model.released_voice import golden, has_the_released_names, hift, near, silent

DECODE, PHASE = 2e-5, 5e-4


def test_names_are_the_released_ones() -> None:
    with torch.device("meta"):
        model = HiFT(HiFTConfig())
    has_the_released_names(model, "hift_real.tsv")
    assert sum(p.numel() for p in model.parameters()) == 20_821_295


def test_pitch_and_source() -> None:
    z, model = golden("hift"), hift()
    near(model.f0_predictor(z["mel"]), z["f0"], 1e-3)
    sines, voiced = model.m_source.sines(z["f0"])
    near(sines[0, :2400], z["sine_zero_noise_first2400"], PHASE)
    assert torch.equal(voiced[0, ::480, 0].float(), z["uv"])
    near(model.m_source(z["f0"]), z["source_zero_noise"], PHASE)
    eps = z["eps_first30frames_h0"][None, :, None].expand(1, -1, 9)
    near(model.m_source(z["f0"], eps), z["source_eps_shared"], PHASE)


def test_decoding_a_given_source() -> None:
    z, model = golden("hift"), hift()
    source = z["source_eps_shared"]
    near(model.stft(source)[..., :100], z["source_stft_first100"], DECODE)
    x = model.conv_pre(z["mel"])
    near(x, z["conv_pre_out"], DECODE)
    near(model.ups[0](F.leaky_relu(x, 0.1)), z["ups0_out"], DECODE)
    near(model.source_downs[0](model.stft(source)), z["source_down0_out"], DECODE)
    near(model.decode(z["mel"], source), z["wav_eps_shared"], DECODE)
    near(model.render(z["mel"]), z["wav_zero_noise"], PHASE)


def test_folding_changes_no_number() -> None:
    z, model = golden("hift"), HiFT(hift().config)
    model.load_state_dict(hift().state_dict())
    near(model.fold().render(z["mel"]), hift().render(z["mel"]), 1e-6)
    assert len(model.state_dict()) < len(hift().state_dict())


def test_phase_is_handed_over_without_a_jump() -> None:
    f0, source = golden("hift")["f0"], hift().m_source
    whole = source.sines(f0)[0]
    after = source.sines(f0[:, 10:], source.phase_after(f0[:, :10]))[0]
    near(after, whole[:, 4800:], 1e-5)
    assert (source.sines(f0[:, 10:])[0] - whole[:, 4800:]).abs().max() > 0.05


def test_phase_stays_exact_however_long_the_sound() -> None:
    """Ten minutes at a steady pitch end where the arithmetic says."""
    f0 = torch.full((1, 30_000), 123.456)
    cycles = (torch.arange(1, 10).double() * float(f0[0, 0]) * 30_000 / 50) % 1
    off = (hift().m_source.phase_after(f0)[0].double() - cycles + 0.5) % 1 - 0.5
    assert off.abs().max() < 0.04  # of 670,000 cycles: what one rounding of the pitch to float32 makes


@pytest.mark.parametrize(("chunk", "near_whole"), [(50, 0.05), (10, 0.12)])
def test_a_stream_is_the_whole_without_seams(chunk: int, near_whole: float) -> None:
    model, mel = hift(), golden("token2wav")["offline_mel"][..., :120]
    whole, state, parts = model(mel, noise=silent)[0], model.init_state(1), []
    for start in range(0, 120, chunk):
        y, state = model(mel[..., start : start + chunk], state, start + chunk >= 120, noise=silent)
        parts.append(y)
    streamed = torch.cat(parts, dim=1)
    assert streamed.shape == whole.shape
    assert (streamed - whole).std() < near_whole * whole.std()  # what the network hears beyond eight frames
    assert streamed.diff().abs().max() < 1.1 * whole.diff().abs().max()


def test_a_file_is_a_stream_of_one_chunk() -> None:
    mel = golden("hift")["mel"]
    near(hift()(mel, noise=silent)[0], golden("hift")["wav_zero_noise"], PHASE)
    y, state = hift()(mel[..., :20], hift().init_state(1), False)
    assert y.shape == (1, 12 * 480) and state.mel.shape[-1] == 16


def test_noise_follows_the_sample() -> None:
    mel = golden("hift")["mel"]
    first, again = (hift()(mel, hift().init_state(1, seed=5))[0] for _ in range(2))
    near(first, again, 0)
    assert (first - hift()(mel, hift().init_state(1, seed=6))[0]).abs().max() > 1e-4


def test_a_fade_between_equals_is_nothing() -> None:
    x = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    near(fade(x[:, :30], x), x, 1e-6)
    assert fade(x[:, :0], x).equal(x)


@pytest.mark.parametrize("phase", ["sine", "angle"])
def test_a_coarse_spectrum_is_the_same_class(phase: str) -> None:
    coarse = {"up_rates": (2,), "up_kernels": (4,), "istft_size": 960, "istft_hop": 240, "source_kernels": (3,)}
    config = HiFTConfig(channels=16, f0_width=8, phase=phase, **coarse)
    wave = HiFT(config).render(torch.randn(2, 80, 7))
    assert wave.shape == (2, 7 * 480)
    wave.square().sum().backward()


def test_sizes_that_do_not_make_480_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="480"):
        HiFTConfig(up_rates=(8, 5, 2))
    with pytest.raises(ConfigError, match="one each"):
        HiFTConfig(source_kernels=(7, 7))
