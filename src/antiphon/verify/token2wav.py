"""Stages of the token2wav layout, from files to the streamed wave.

Streams are run with the reference's own habits, which are options of ours: the noise slice follows the length of the
cache, the cache is truncated newest first, and chunks are joined by the halves of a Hamming window.
"""

import torch
from torch import Tensor

from antiphon.audio.mel import log_mel
from antiphon.audio.spoken_mel import spoken_mel
from antiphon.audio.wave import Audio
from antiphon.config import FlowConfig
from antiphon.errors import WeightsError
from antiphon.model.flow import Flow, FlowState
from antiphon.model.hift import HiFT
from antiphon.model.joins import init_released, released_join
from antiphon.model.sampler import FlowOptions, time_grid
from antiphon.model.speaker import SpeakerNet
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.model.voice import at_length
from antiphon.nn.noise import Buffered
from antiphon.rates import FRAMES_PER_CODE, SPOKEN_HZ
from antiphon.verify.flow_parts import attention_cache, check_conformer, check_dit, chunks
from antiphon.verify.record import Record
from antiphon.verify.voice_parts import (
    check_features,
    check_files,
    check_fsq,
    check_hift,
    check_tokenizer,
    distance_to,
    load_hift,
    load_tokenizer,
)
from antiphon.weights.build import build
from antiphon.weights.flow_yaml import read_flow_yaml
from antiphon.weights.tensors import open_safetensors

PCM_PEAK = 32767.0  # the reference scales by this and cuts towards zero


def check_token2wav(record: Record) -> None:
    """Run every stage; one that fails does not keep the others from being checked."""
    with record.stage("files"):
        check_files(record)
    with record.stage("features"):
        check_features(record)
    with record.stage("tiny_s3tokenizer.safetensors"):
        tokenizer = load_tokenizer(record, open_safetensors(record.get("tiny_s3tokenizer.safetensors")))
        with record.stage("s3tokenizer.npz"):
            check_tokenizer(record, tokenizer)
        with record.stage("fsq.npz"):
            check_fsq(record, tokenizer)
        with record.stage("token2wav.npz:prompt"):
            _prompt(record, tokenizer)
    with record.stage("tiny_hift.safetensors"):
        hift = load_hift(record)
        with record.stage("hift.npz"):
            check_hift(record, hift)
        _check_flow(record, hift)


def _check_flow(record: Record, hift: HiFT) -> None:
    with record.stage("tiny_flow.safetensors"):
        flow = _load_flow(record)
        noise = Buffered(record.tensor("flow_noise.npz", "rand_noise", torch.float32))
        with record.stage("encoder.npz"):
            check_conformer(record, flow.encoder, flow.input_embedding)
        with record.stage("dit.npz"):
            check_dit(record, flow.decoder.estimator)
        with record.stage("cfm.npz"):
            _cfm(record, flow, noise)
        with record.stage("flow.npz"):
            _flow(record, flow, noise)
        with record.stage("token2wav.npz"):
            _streams(record, flow, hift, noise)


def _load_flow(record: Record) -> Flow:
    config = read_flow_yaml(record.get("tiny_flow.yaml"))
    store = open_safetensors(record.get("tiny_flow.safetensors"))
    return build(lambda: Flow(config), store, what="flow", device=record.device, dtype=record.dtype)


def _options(config: FlowConfig, steps: int | None = None) -> FlowOptions:
    """The reference's habits."""
    steps = config.num_steps if steps is None else steps
    return FlowOptions(steps=steps, guidance=config.guidance, truncation="released", clock="cache")


# --- sampler and flow ------------------------------------------------------------------------------------------------


def _cfm(record: Record, flow: Flow, noise: Buffered) -> None:
    mu, cond, speaker = (record.tensor("cfm.npz", key) for key in ("mu", "cond", "spks"))
    span = record.get("cfm.npz", "t_span")
    record.compare("cfm.npz", "t_span", time_grid(len(span) - 1, mu.device))
    x = noise(torch.zeros(len(mu), dtype=torch.int64, device=mu.device), mu.shape[-1]).to(mu.dtype)
    for key in record.keys("cfm.npz", r"out_\d+steps"):
        options = _options(flow.config, int(key.removeprefix("out_").removesuffix("steps")))
        record.compare("cfm.npz", key, flow.decoder(x, mu, speaker, cond, options)[0])


def _flow(record: Record, flow: Flow, noise: Buffered) -> None:
    name = "flow.npz"
    prompt, codes, mel, voice = (record.tensor(name, key) for key in ("prompt_token", "token", "prompt_mel", "spk"))
    mel = mel.mT  # b t f -> b f t
    record.compare(name, "spk_affine", flow.speaker(voice))
    options = _options(flow.config)
    record.compare(name, "offline_mel", flow.whole(codes, prompt, mel, voice, noise=noise, options=options))
    capacity = prompt.shape[1] + codes.shape[1]

    def opened() -> FlowState:
        return flow.open(prompt, mel, voice, options=options, capacity=capacity, noise=noise)

    state = opened()
    _caches(record, state)
    for index, (start, end, final) in enumerate(
        chunks(record, name, r"stream\d+_mel", 2, flow.encoder, codes.shape[1])
    ):
        y, after = flow(codes[:, start:end], state, final, noise=noise)
        assert after is not None
        state = after
        record.compare(name, f"stream{index}_mel", y)
    record.compare(name, "final_estimator_att_shape", _estimator_shape(record, state))
    record.compare(name, "final_conformer_att_shape", list(attention_cache(state.conformer).shape))
    record.compare(name, "stream_single_chunk_mel", flow(codes, opened(), True, noise=noise)[0])


def _caches(record: Record, state: FlowState) -> None:
    """What the prompt left, in the reference's shapes; it is one chunk, so its entries stand in their own order."""
    window, conformer = state.window, state.conformer
    tails = torch.cat([conformer.ahead.tail, conformer.up.tail], dim=-1)
    record.compare("flow.npz", "setup_conformer_cnn_cache", tails)
    record.compare("flow.npz", "setup_conformer_att_cache", attention_cache(conformer))
    held = int(window.held[0])
    for key in record.keys("flow.npz", r"setup_estimator_\w+_step\d+"):
        step = int(key.rsplit("_step", 1)[1])
        pair = torch.cat([window.keys, window.values], dim=-1)[0, step, :, :, :, :held]  # rows depth h s 2d
        found = pair if "_att_" in key else window.tails[0, step]
        record.compare("flow.npz", key, found.transpose(0, 1))  # rows depth -> depth rows


def _estimator_shape(record: Record, state: FlowState) -> list[int]:
    """Steps, depth, rows, heads, entries, keys and values. The reference reserves steps that it never takes."""
    steps = int(record.get("flow.npz", "final_estimator_att_shape")[0])
    _, taken, rows, depth, heads, _, width = state.window.keys.shape
    if steps < taken:
        raise WeightsError(f"flow.npz has a cache of {steps} Euler steps where {taken} are taken.")
    return [steps, depth, rows, heads, int(state.window.held[0]), 2 * width]


# --- from a clip to sound --------------------------------------------------------------------------------------------


def _prompt(record: Record, tokenizer: SpeechTokenizer) -> None:
    """The voice prompt, from the recording."""
    name, clip = "token2wav.npz", Audio.read(record.get("prompt_24k.wav"))
    heard = clip.heard.to(record.device)
    codes = tokenizer.encode(log_mel(heard, pad=0)[None])
    mel = spoken_mel(clip.mean().at(SPOKEN_HZ).samples.to(record.device))
    record.compare(name, "prompt_tokens_len", [codes.shape[1]])
    record.judge(name, "prompt_tokens", _code_distance(record, tokenizer, clip))
    record.compare(name, "prompt_mel_len_before_pad", [mel.shape[-1]])
    record.compare(name, "prompt_mel_padded", at_length(mel, FRAMES_PER_CODE * codes.shape[1]).mT)
    record.compare(name, "spk_emb", SpeakerNet(record.get("tiny_speaker_stub.onnx"))(heard))


def _code_distance(record: Record, tokenizer: SpeechTokenizer, clip: Audio) -> float:
    projected, _ = tokenizer.project(log_mel(clip.heard.to(record.device), pad=0)[None])
    stored = record.tensor("token2wav.npz", "prompt_tokens")
    if stored.shape[1] != projected.shape[1]:
        return float("inf")
    return distance_to(tokenizer.quantizer.codebook, projected[0], stored[0])


def _streams(record: Record, flow: Flow, hift: HiFT, noise: Buffered) -> None:
    """The stored prompt and codes as a stream and as a whole; the vocoder starts from the stored mels."""
    name = "token2wav.npz"
    prompt, mel, voice = (record.tensor(name, key) for key in ("prompt_tokens", "prompt_mel_padded", "spk_emb"))
    codes, mel = record.tensor(name, "tokens")[None], mel.mT  # b t f -> b f t
    options, capacity = _options(flow.config), prompt.shape[1] + codes.shape[1]
    record.compare(name, "offline_mel", flow.whole(codes, prompt, mel, voice, noise=noise, options=options))
    wave = hift.render(record.tensor(name, "offline_mel", torch.float32))
    record.compare(name, "offline_wav_zero_source_noise", wave[0])
    state = flow.open(prompt, mel, voice, options=options, capacity=capacity, noise=noise)
    joined, held, samples = init_released(hift, 1), [], []
    for index, (start, end, final) in enumerate(
        chunks(record, name, r"stream\d+_mel", 2, flow.encoder, codes.shape[1])
    ):
        y, after = flow(codes[:, start:end], state, final, noise=noise)
        assert after is not None
        state = after
        record.compare(name, f"stream{index}_mel", y)
        stored = record.tensor(name, f"stream{index}_mel", torch.float32)
        wave, joined = released_join(hift, stored, joined, final, _silent)
        record.compare(name, f"stream{index}_pcm16", pcm16(wave[0]))
        held.append(int(state.window.held[0]))
        samples.append(wave.shape[1])
    record.compare(name, "stream_estimator_cache_len_after_chunk", held)
    record.compare(name, "stream_samples", samples)


def _silent(clock: Tensor, num: int) -> Tensor:
    """No noise in the vocoder's source (it has nine sines or whatever the model has; one row stands for all)."""
    return torch.zeros(len(clock), 1, num, device=clock.device)


def pcm16(wave: Tensor) -> Tensor:
    """16-bit samples as the reference cuts them."""
    return (wave.clamp(-1, 1) * PCM_PEAK).trunc().to(torch.int16)
