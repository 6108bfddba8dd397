"""Stages of the token2wav layout that need no flow: features, speech tokenizer, vocoder, and the files themselves."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.audio.fbank import fbank
from antiphon.audio.mel import log_mel
from antiphon.audio.resample import resample
from antiphon.audio.spoken_mel import spoken_mel
from antiphon.audio.wave import PCM_SCALE, Audio
from antiphon.errors import WeightsError
from antiphon.model.hift import HiFT
from antiphon.model.speech_tokenizer import REACH, WINDOW, Codebook, SpeechTokenizer, fold_speech, merge_codes
from antiphon.rates import FRAME_HOP
from antiphon.verify.record import Record, rate_of
from antiphon.weights.build import build
from antiphon.weights.names import hift_name
from antiphon.weights.onnx_tokenizer import open_onnx_tokenizer
from antiphon.weights.sizes import hift_config, speech_tokenizer_config
from antiphon.weights.tensors import Store, open_safetensors

PROMPT_RATE = 24_000


@contextmanager
def captured(module: nn.Module) -> Iterator[list[Tensor]]:
    """The outputs that `module` gives while the block runs (the first of a tuple)."""
    outputs: list[Tensor] = []
    handle = module.register_forward_hook(lambda m, i, y: outputs.append(y[0] if isinstance(y, tuple) else y))
    try:
        yield outputs
    finally:
        handle.remove()


def first_of(key: str) -> int | None:
    """The length in a key that holds only a beginning: `..._first64`."""
    match = re.search(r"_first(\d+)", key)
    return int(match[1]) if match else None


# --- files and features ----------------------------------------------------------------------------------------------


def check_files(record: Record) -> None:
    """The index, the recording, resampling and the three spectrograms."""
    index = json.loads(record.get("index.json").read_text(encoding="utf8"))
    stored = ((file, key, array) for (file, key), array in record.arrays.items() if file.endswith(".npz"))
    held = {(file[:-4], key, str(list(array.shape)), str(array.dtype)) for file, key, array in stored}
    listed = {(file, key, str(shape), dtype) for file, keys in index.items() for key, (shape, dtype) in keys.items()}
    record.judge("index.json", "", float(len(held ^ listed)))
    sound = Audio.read(record.get("prompt_24k.wav"))
    record.compare("resample.npz", "pcm16_24k", (sound.samples[0] * PCM_SCALE).round().to(torch.int16))


def check_features(record: Record) -> None:
    """Resampling both ways and the three spectrograms, each from the stored wave."""
    pcm = record.tensor("resample.npz", "pcm16_24k").float() / PCM_SCALE
    for key in record.keys("resample.npz", r"a\w+_to_\w+"):
        start, end = key[1:].split("_to_")
        end = end.split("_first")[0]
        wave = (
            pcm if rate_of(start) == PROMPT_RATE else record.tensor("resample.npz", f"a24k_to_{start}", torch.float32)
        )
        record.compare("resample.npz", key, resample(wave, rate_of(start), rate_of(end))[: first_of(key)])
    heard = record.tensor("resample.npz", "a24k_to_16k", torch.float32)
    energies = fbank(heard)
    for key in record.keys("features.npz"):
        if key.startswith("mel24k"):
            record.compare("features.npz", key, spoken_mel(pcm))
        elif key.startswith("logmel16k"):
            record.compare("features.npz", key, log_mel(heard, pad=0))
        elif key.endswith("_cmn"):
            record.compare("features.npz", key, energies - energies.mean(0))
        elif key.startswith("kaldi_fbank"):
            record.compare("features.npz", key, energies)


# --- speech tokenizer ------------------------------------------------------------------------------------------------


def load_tokenizer(record: Record, store: Store) -> SpeechTokenizer:
    """A speech tokenizer of the sizes that its shapes tell, in float32 at the least: its codes are roundings."""
    config, dtype = speech_tokenizer_config(store), torch.promote_types(record.dtype, torch.float32)
    return build(lambda: SpeechTokenizer(config), store, what="speech tokenizer", device=record.device, dtype=dtype)


def check_tokenizer(record: Record, tokenizer: SpeechTokenizer) -> None:
    """Both tokenizers, from the stored log-mel; codes beyond 30 s with the reference's own way of cutting."""
    export = open_onnx_tokenizer(record.get("tiny_s3tokenizer_v2_names.onnx"))
    _expected(record, export)
    mel, length = record.tensor("s3tokenizer.npz", "mel", torch.float32), record.tensor("s3tokenizer.npz", "mel_len")
    encoder, name = tokenizer.encoder, "s3tokenizer.npz"
    block = encoder.get_submodule("blocks.0.attn")
    with captured(encoder.conv1) as first, captured(encoder.conv2) as second, captured(block) as attn:
        hidden, num_codes = encoder(mel, length)
    record.compare(name, "hidden", hidden)
    record.compare(name, "code_len", num_codes)
    for key, found in (("conv1_pre_gelu", first[0]), ("conv2_pre_gelu", second[0])):
        for stored in record.keys(name, f"{key}_first\\d+"):
            record.compare(name, stored, found[..., : first_of(stored)])
    record.compare(name, "block0_attn_out", attn[0])
    book = tokenizer.quantizer.codebook
    _codes(record, "code", book, book.project_down(record.tensor(name, "hidden", hidden.dtype))[0])
    other = load_tokenizer(record, export)
    projected, num_codes = other.project(mel, length)
    _codes(record, "onnx_model_code", other.quantizer.codebook, projected[0])
    record.compare(name, "onnx_model_code_len", num_codes)
    _batch(record, tokenizer, mel)
    for key in record.keys(name, r"long_\d+_code"):
        _long(record, tokenizer, key)


def _expected(record: Record, export: Store) -> None:
    """Names, shapes, sums and end values of the imported weights."""
    lines = [line.split("\t") for line in record.get("tiny_s3tokenizer_v2_names.expected.tsv").read_text().splitlines()]
    worst = 0.0 if {row[0] for row in lines[1:]} == set(export) else float("inf")
    for row in lines[1:]:
        tensor = export[row[0]].read().double() if row[0] in export else torch.zeros(1)
        if str(list(tensor.shape)) != row[1]:
            worst = float("inf")
            continue
        found = (float(tensor.sum()), float(tensor.flatten()[0]), float(tensor.flatten()[-1]))
        worst = max(worst, *(abs(a - float(b)) for a, b in zip(found, row[2:], strict=True)))
    record.judge("tiny_s3tokenizer_v2_names.expected.tsv", "", worst)


def check_fsq(record: Record, tokenizer: SpeechTokenizer) -> None:
    """Rounding alone."""
    pre_tanh = record.tensor("fsq.npz", "pre_tanh", torch.float32)
    record.compare("fsq.npz", "index", tokenizer.quantizer.codebook.index(pre_tanh))


def _batch(record: Record, tokenizer: SpeechTokenizer, mel: Tensor) -> None:
    """The clip and a beginning of it, zero-padded, in one batch."""
    name, num_frames = "s3tokenizer.npz", record.tensor("s3tokenizer.npz", "batch2_len")
    kept = torch.arange(mel.shape[-1], device=mel.device) < num_frames[:, None, None]
    projected, num_codes = tokenizer.project(mel * kept, num_frames)
    record.compare(name, "batch2_code_len", num_codes)
    _codes(record, "batch2_code", tokenizer.quantizer.codebook, projected, num_codes.tolist())


def _long(record: Record, tokenizer: SpeechTokenizer, key: str) -> None:
    """Codes of the formula mel (its length is in the key)."""
    mel = formula_mel(int(key.split("_")[1]), tokenizer.config.num_mels).to(record.device)
    codes = tokenizer.encode(mel, released=True)
    record.compare("s3tokenizer.npz", key.removesuffix("code") + "len", [codes.shape[1]])
    parts = list(zip(*fold_speech(mel, released=True), strict=True)) if mel.shape[-1] > WINDOW else [(mel[0], None)]
    projected = []
    for part, num_frames in parts:
        found, num = tokenizer.project(part[None], None if num_frames is None else num_frames[None])
        projected.append(found[0, : int(num[0])])
    whole = torch.cat(projected)
    places = torch.split(torch.arange(len(whole), device=mel.device), [len(part) for part in projected])
    whole = whole[merge_codes(list(places), released=True)]
    if not torch.equal(tokenizer.quantizer.codebook.index(whole), codes[0]):
        raise WeightsError(f"{key}: the codes of a long clip are not those of its windows.")
    _codes(record, key, tokenizer.quantizer.codebook, whole)


def formula_mel(num_frames: int, num_mels: int) -> Tensor:
    """The mel that long clips are tested with: two slow waves, computed in double precision."""
    f, t = np.arange(num_mels)[:, None], np.arange(num_frames)[None]
    mel = 0.4 * np.sin(0.013 * (f + 3) * t / 5 + f) + 0.3 * np.cos(0.0021 * t * (1 + f % 5))
    return torch.from_numpy(mel.astype(np.float32))[None]


def _codes(record: Record, key: str, book: Codebook, projected: Tensor, lengths: list[int] | None = None) -> None:
    """Compare stored ids; see `distance_to`."""
    stored = record.tensor("s3tokenizer.npz", key)
    if stored.shape[-1] != projected.shape[-2]:
        record.compare("s3tokenizer.npz", key, book.index(projected).view(*stored.shape[:-1], -1))
        return
    counts = [stored.shape[1]] * len(stored) if lengths is None else lengths
    rows = zip(projected.view(len(stored), *projected.shape[-2:]), stored, counts, strict=True)
    record.judge("s3tokenizer.npz", key, max(distance_to(book, row[:n], ids[:n]) for row, ids, n in rows))


def distance_to(book: Codebook, projected: Tensor, ids: Tensor) -> float:
    """How far our unrounded digits lie outside the cells of the stored ids: 0 where the ids are equal."""
    levels = torch.tensor(book.levels, device=ids.device)
    base = levels.cumprod(0) // levels
    half = torch.div(levels - 1, 2, rounding_mode="floor")
    if bool((ids < 0).any()) or bool((ids >= int(levels.prod())).any()):
        return float("inf")
    wanted = torch.div(ids[..., None], base, rounding_mode="floor") % levels - half
    values = torch.tanh(projected.float()) * half * REACH
    outside = ((values - wanted).abs() - 0.5).clamp(min=0) * (values.round() != wanted)
    return float(outside.max()) if outside.numel() else 0.0


# --- vocoder ---------------------------------------------------------------------------------------------------------


def load_hift(record: Record) -> HiFT:
    """The vocoder, in float32 whatever the dtype of the rest: its phases need it."""
    store = open_safetensors(record.get("tiny_hift.safetensors")).renamed(hift_name)
    config = hift_config(store)
    return build(lambda: HiFT(config), store, what="vocoder", device=record.device, dtype=torch.float32)


def check_hift(record: Record, hift: HiFT) -> None:
    """Pitch, source and decoder, each from the stored output of the one before."""

    def stored(key: str) -> Tensor:
        return record.tensor("hift.npz", key, torch.float32)

    mel, f0 = stored("mel"), stored("f0")
    record.compare("hift.npz", "f0", hift.f0_predictor(mel))
    sines, voiced = hift.m_source.sines(f0)
    record.compare("hift.npz", "uv", voiced[0, ::FRAME_HOP, 0].float())
    for key in record.keys("hift.npz", r"sine_zero_noise\w*"):
        record.compare("hift.npz", key, sines[0, : first_of(key)])
    (given,) = record.keys("hift.npz", r"eps_first\d+frames_h0")  # one row of noise, which every sine gets
    eps = stored(given)[None, :, None].expand_as(sines)
    record.compare("hift.npz", "source_zero_noise", hift.m_source(f0))
    record.compare("hift.npz", "source_eps_shared", hift.m_source(f0, eps))
    record.compare("hift.npz", "wav_zero_noise", hift.decode(mel, stored("source_zero_noise")))
    source = stored("source_eps_shared")
    with captured(hift.conv_post) as post:
        record.compare("hift.npz", "wav_eps_shared", hift.decode(mel, source))
    for key in record.keys("hift.npz", r"conv_post_out_first\d+"):
        record.compare("hift.npz", key, post[0][..., : first_of(key)])
    _activations(record, hift, mel, source)
    held, cached = stored("source_zero_noise").clone(), stored("cache_source")
    held[..., : cached.shape[-1]] = cached
    record.compare("hift.npz", "wav_cached_source", hift.decode(mel, held))


def _activations(record: Record, hift: HiFT, mel: Tensor, source: Tensor) -> None:
    spectrum = hift.stft(source)
    for key in record.keys("hift.npz", r"source_stft_first\d+"):
        record.compare("hift.npz", key, spectrum[..., : first_of(key)])

    def stored(name: str) -> Tensor:
        return record.tensor("hift.npz", name, torch.float32)

    record.compare("hift.npz", "conv_pre_out", hift.conv_pre(mel))
    record.compare("hift.npz", "ups0_out", hift.ups[0](F.leaky_relu(stored("conv_pre_out"), hift.config.slope)))
    record.compare("hift.npz", "source_down0_out", hift.source_downs[0](spectrum))
    x = stored("ups0_out") + hift.source_resblocks[0](stored("source_down0_out"))
    # The reference adds its residual blocks up in place, so what it stored under the first is the sum of the stage.
    stage = list(hift.resblocks)[: len(hift.config.kernels)]
    record.compare("hift.npz", "resblock0_out", torch.stack([block(x) for block in stage]).sum(0))
