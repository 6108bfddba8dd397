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
from antiphon.model.voice import Voice
from antiphon.nn.noise import Buffered
from antiphon.rates import SPOKEN_HZ
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
)
from antiphon.weights.build import build
from antiphon.weights.flow_yaml import read_flow_yaml
from antiphon.weights.tensors import open_safetensors

PCM_PEAK = 32767.0  # the reference scales by this and cuts towards zero


def check_token2wav(record: Record) -> None:
    """Run every stage."""
    with record.stage("files"):
        check_files(record)
    with record.stage("features"):
        check_features(record)
    with record.stage("s3tokenizer.npz"):
        tokenizer = check_tokenizer(record)
        with record.stage("fsq.npz"):
            check_fsq(record, tokenizer)
    with record.stage("hift.npz"):
        hift = load_hift(record)
        check_hift(record, hift)
    with record.stage("tiny_flow.safetensors"):
        flow = _load_flow(record)
        noise = Buffered(record.tensor("flow_noise.npz", "rand_noise", torch.float32))
        for name, check in (("encoder.npz", _conformer), ("dit.npz", _dit)):
            with record.stage(name):
                check(record, flow)
        for name, sample in (("cfm.npz", _cfm), ("flow.npz", _flow)):
            with record.stage(name):
                sample(record, flow, noise)
        with record.stage("token2wav.npz"):
            _prompt(record, Voice(tokenizer, flow, hift, SpeakerNet(record.get("tiny_speaker_stub.onnx"))))
            _streams(record, flow, hift, noise)


def _load_flow(record: Record) -> Flow:
    config = read_flow_yaml(record.get("tiny_flow.yaml"))
    store = open_safetensors(record.get("tiny_flow.safetensors"))
    return build(lambda: Flow(config), store, what="flow", device=record.device, dtype=record.dtype)


def _conformer(record: Record, flow: Flow) -> None:
    check_conformer(record, flow.encoder, flow.input_embedding)


def _dit(record: Record, flow: Flow) -> None:
    check_dit(record, flow.decoder.estimator)


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
    for index, (start, end, final) in enumerate(chunks(record, name, r"stream\d+_mel", 2, flow.encoder, codes.shape[1])):
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


def _prompt(record: Record, voice: Voice) -> None:
    """The voice prompt, from the recording."""
    name, clip = "token2wav.npz", Audio.read(record.get("prompt_24k.wav"))
    prompt = voice.prepare(clip)
    record.compare(name, "prompt_tokens_len", [prompt.codes.shape[1]])
    record.judge(name, "prompt_tokens", _code_distance(record, voice.tokenizer, clip))
    frames = spoken_mel(clip.mean().at(SPOKEN_HZ).samples).shape[-1]
    record.compare(name, "prompt_mel_len_before_pad", [frames])
    record.compare(name, "prompt_mel_padded", prompt.mel.mT)
    record.compare(name, "spk_emb", prompt.speaker)


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
    for index, (start, end, final) in enumerate(chunks(record, name, r"stream\d+_mel", 2, flow.encoder, codes.shape[1])):
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
