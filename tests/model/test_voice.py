"""From a clip and codes to sound: equal to the released pipeline, offline and streamed."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError, WeightsError
from antiphon.model.speaker import SpeakerNet
from antiphon.model.voice import VoicePrompt, VoiceState, at_length
from antiphon.nn.state import fork
from tests.model.released_voice import GOLDEN, flow, golden, near, noise, silent, voice

CUTS = (28, 53, 78, 103, 113)


@pytest.fixture(scope="module")
def prompt() -> VoicePrompt:
    return voice().prepare(Audio.read(GOLDEN / "prompt_24k.wav"))


def codes() -> Tensor:
    return golden("token2wav")["tokens"].long()[None]


def test_prompt(prompt: VoicePrompt) -> None:
    z = golden("token2wav")
    assert torch.equal(prompt.codes, z["prompt_tokens"].long())
    near(prompt.mel.mT, z["prompt_mel_padded"], 2e-5)
    near(prompt.speaker, z["spk_emb"], 5e-4)


def test_stereo_is_heard_left_and_shown_in_the_middle(prompt: VoicePrompt) -> None:
    clip = Audio.read(GOLDEN / "prompt_24k.wav")
    both = Audio(torch.cat([clip.samples, torch.zeros_like(clip.samples)]), clip.rate)
    heard = voice().prepare(both)
    assert torch.equal(heard.codes, prompt.codes) and torch.equal(heard.speaker, prompt.speaker)
    near(heard.mel[..., 40], voice().prepare(Audio(clip.samples / 2, clip.rate)).mel[..., 40], 1e-5)


def test_the_offline_wave(prompt: VoicePrompt) -> None:
    wave = voice().whole(codes(), prompt, noise=noise(), source_noise=silent)
    near(wave[0], golden("token2wav")["offline_wav_zero_source_noise"], 5e-3)


def test_the_released_stream_sample_by_sample(prompt: VoicePrompt) -> None:
    z, options = golden("token2wav"), flow().options(truncation="released", clock="cache")
    state = voice().open(prompt, options=options, capacity=170, joins="released", noise=noise())
    for i, (start, end) in enumerate(zip((0, *CUTS), CUTS, strict=False)):
        wave, state = voice()(codes()[:, start:end], state, end == 113, noise=noise(), source_noise=silent)
        pcm = (wave[0].clamp(-1, 1) * 32767).to(torch.int16)
        assert len(pcm) == int(z["stream_samples"][i])
        assert (pcm.int() - z[f"stream{i}_pcm16"].int()).abs().max() <= 60


def spoken(state: VoiceState, cuts: list[int], end: int) -> Tensor:
    parts = []
    for start, stop in zip([0, *cuts], [*cuts, end], strict=True):
        wave, state = voice()(codes()[:, start:stop], state, stop == end)
        parts.append(wave)
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 4, 5, 9], [2, 4, 30], [28]])
def test_every_cut_says_960_samples_a_code(prompt: VoicePrompt, cuts: list[int]) -> None:
    state = voice().open(prompt, options=flow().options(1), capacity=96)
    assert spoken(state, cuts, 31).shape == (1, 31 * 960)


def test_a_stream_opened_once_is_forked_for_every_utterance(prompt: VoicePrompt) -> None:
    state = voice().open(prompt, options=flow().options(1), capacity=96, seed=2)
    first = spoken(fork(state), [9], 20)
    assert torch.equal(spoken(fork(state), [9], 20), first)


def test_fitting_repeats_or_cuts() -> None:
    mel = torch.arange(6.0).reshape(1, 2, 3)
    assert at_length(mel, 5)[0, 0].tolist() == [0, 1, 2, 2, 2] and at_length(mel, 2)[0, 0].tolist() == [0, 1]


def test_what_is_refused(prompt: VoicePrompt, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0.12 s"):
        voice().prepare(Audio(torch.zeros(1, 1000), 16_000))
    with pytest.raises(InputError, match="smooth"):
        voice().open(prompt, joins="hard", options=flow().options(1), capacity=60)
    with pytest.raises(InputError, match="8 or more"):
        state = voice().open(prompt, joins="released", options=flow().options(1), capacity=60)
        voice()(codes()[:, :5], state, False)
    (tmp_path / "graph.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="graph"):
        SpeakerNet(tmp_path / "graph.onnx")
