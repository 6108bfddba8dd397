"""Stages of the language-model layout: front end, encoder and adaptor, decoder, greedy tokens; then the texts."""

import json
import re

import torch
from torch import Tensor

from antiphon.audio.filters import hann, mel_filters
from antiphon.audio.mel import FFT_SIZE, NUM_MELS, log_mel
from antiphon.audio.resample import resample
from antiphon.audio.wave import PCM_SCALE, Audio
from antiphon.config import read_json
from antiphon.errors import WeightsError
from antiphon.model.lm import logits_of
from antiphon.model.speech_lm import SpeechLM
from antiphon.rates import HEARD_HZ, encoder_len, mel_frames, num_rows
from antiphon.verify.record import Record, rate_of
from antiphon.verify.texts import check_texts
from antiphon.weights.build import build, shapes
from antiphon.weights.hf_config import from_hf
from antiphon.weights.tensors import open_sharded

# Which recordings the prompts of model_io.npz hold, in order; a batch has one recording per row.
CLIPS = {
    "one_audio": ("sine",),
    "two_audio": ("real", "noise"),
    "batch_left": ("chirp", "noise"),
    "batch_right": ("chirp", "noise"),
    "single_C1": ("chirp",),
    "single_C2": ("noise",),
}
SINE = "sine"  # the recording whose beginnings are the edge cases of the log-mel


def check_language_model(record: Record) -> None:
    """Run every stage."""
    with record.stage("front end"):
        _front_end(record)
    with record.stage("counts of rows"):
        _counts(record)
    with record.stage("model.safetensors"):
        config = from_hf(read_json(record.folder / "config.json")).lm
        lm = build(
            lambda: SpeechLM(config),
            open_sharded(record.folder, "model"),
            what="language model",
            device=record.device,
            dtype=record.dtype,
        )
        listed = {name: tuple(shape) for name, shape in json.loads(record.get("key_shapes.json").read_text()).items()}
        record.judge("key_shapes.json", "", 0.0 if listed == shapes(lm) else 1.0)
        rows = record.get("tiny_ids.json", "vocab_size")
        record.judge("tiny_ids.json", "vocab_size", 0.0 if rows == config.decoder.vocab_size else 1.0)
        for case in _cases(record, "encoder.npz"):
            with record.stage(f"encoder.npz:{case}"):
                _encoder(record, lm, case)
        for case in _cases(record, "model_io.npz"):
            with record.stage(f"model_io.npz:{case}"):
                _decoder(record, lm, case)
    check_texts(record)


def _cases(record: Record, file: str) -> list[str]:
    return list(dict.fromkeys(key.split("/")[0] for key in record.keys(file)))


# --- sound and features ----------------------------------------------------------------------------------------------


def _front_end(record: Record) -> None:
    record.compare("filterbank.npz", "mel_filters", mel_filters(HEARD_HZ, FFT_SIZE, NUM_MELS))
    record.compare("filterbank.npz", "window", hann(FFT_SIZE))
    for key in record.keys("resample.npz", r"out_.*"):
        name, _ = key.removeprefix("out_").split("_to_")
        wave = record.tensor("resample.npz", f"in_{name}", torch.float32)
        record.compare("resample.npz", key, resample(wave, rate_of(name), HEARD_HZ))
    for key in record.keys("mel.npz"):
        record.compare("mel.npz", key, log_mel(_wave(record, key.removeprefix("mel_"))))
    sound = Audio.read(record.get("clip_real_16k.wav"))
    stored = _wave(record, "real").cpu()
    same = sound.rate == HEARD_HZ and sound.samples.shape == (1, len(stored))
    record.judge("clip_real_16k.wav", "", float((sound.samples[0] - stored).abs().max()) if same else float("inf"))


def _wave(record: Record, name: str) -> Tensor:
    """A recording by name, the beginning of one (`len160`), or silence (`silence_1600`)."""
    if match := re.fullmatch(r"len(\d+)", name):
        return _wave(record, SINE)[: int(match[1])]
    if match := re.fullmatch(r"silence_(\d+)", name):
        return torch.zeros(int(match[1]), device=record.device)
    if record.keys("waves.npz", f"{name}_i16"):
        return record.tensor("waves.npz", f"{name}_i16").float() / PCM_SCALE
    return record.tensor("waves.npz", name, torch.float32)


def _counts(record: Record) -> None:
    samples = record.tensor("token_num.npz", "samples").tolist()
    record.compare("token_num.npz", "frames", [mel_frames(n) for n in samples])
    record.compare("token_num.npz", "tokens", [num_rows(n) for n in samples])
    for given, counted in (("frames_dense", "tokens_dense"), ("lengths_arg", "tokens_of_lengths_arg")):
        frames = record.tensor("token_num.npz", given).tolist()
        record.compare("token_num.npz", counted, [(encoder_len(n) + 1) // 2 for n in frames])


# --- encoder and adaptor ---------------------------------------------------------------------------------------------


def _mels(record: Record, clips: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Stored log-mels padded with 0.0 into one batch, float32, and the frames of each."""
    mels = [record.tensor("mel.npz", f"mel_{clip}", torch.float32) for clip in clips]
    num_frames = torch.tensor([mel.shape[-1] for mel in mels], device=record.device)
    batch = torch.nn.utils.rnn.pad_sequence([mel.mT for mel in mels], batch_first=True).mT  # b f t
    return batch, num_frames


def _encoder(record: Record, lm: SpeechLM, case: str) -> None:
    clips = tuple(case.removeprefix("batch_").split("_")) if case.startswith("batch_") else (case,)
    mel, num_frames = _mels(record, clips)
    features, lengths = lm.encoder(mel, num_frames)
    record.compare("encoder.npz", f"{case}/mel_frames", num_frames)
    record.compare("encoder.npz", f"{case}/wav_lens", num_frames - 2)
    record.compare("encoder.npz", f"{case}/encoder_lens", lengths)
    record.compare("encoder.npz", f"{case}/embed_lens", (lengths + 1) // 2)
    record.compare("encoder.npz", f"{case}/encoder_out", features)
    record.compare(
        "encoder.npz", f"{case}/adaptor_out", lm.adapter(record.tensor("encoder.npz", f"{case}/encoder_out"))
    )
    if record.keys("encoder.npz", f"{case}/after_conv1"):
        first = torch.nn.functional.gelu(lm.encoder.conv1(mel.to(record.dtype)))
        second = record.tensor("encoder.npz", f"{case}/after_conv1")
        record.compare("encoder.npz", f"{case}/after_conv1", first)
        record.compare("encoder.npz", f"{case}/after_conv2", torch.nn.functional.gelu(lm.encoder.conv2(second)))


# --- decoder ---------------------------------------------------------------------------------------------------------


def _decoder(record: Record, lm: SpeechLM, case: str) -> None:
    ids = record.tensor("model_io.npz", f"{case}/input_ids")
    mask = _mask(record, case, ids)
    embeds = _embeds(record, lm, case, ids)
    record.compare("model_io.npz", f"{case}/inputs_embeds", embeds)
    stored = record.tensor("model_io.npz", f"{case}/inputs_embeds")
    hidden, _ = lm.model(stored, mask=None if mask.all() else mask)
    record.compare("model_io.npz", f"{case}/last_hidden", hidden, where=mask)
    logits = logits_of(record.tensor("model_io.npz", f"{case}/last_hidden"), lm.head)
    record.compare("model_io.npz", f"{case}/logits", logits, where=mask)
    plain = lm.model.embed_tokens(ids)
    for key, rows in (("greedy", stored), ("greedy_no_audio", plain)):
        if record.keys("model_io.npz", f"{case}/{key}"):
            _greedy(record, lm, f"{case}/{key}", [row[m] for row, m in zip(rows, mask, strict=True)])


def _mask(record: Record, case: str, ids: Tensor) -> Tensor:
    if record.keys("model_io.npz", f"{case}/attention_mask"):
        return record.tensor("model_io.npz", f"{case}/attention_mask").bool()
    return torch.ones_like(ids, dtype=torch.bool)


def _clips(record: Record, case: str, ids: Tensor) -> tuple[str, ...]:
    """The recordings of a prompt: those known for the case, else those whose rows alone fit its places."""
    start, patch = record.get("tiny_ids.json", "audio_start"), record.get("tiny_ids.json", "audio_patch")
    places: list[int] = []
    for row in ids.tolist():
        for at in (i for i, token in enumerate(row) if token == start):
            places.append(next(n for n in range(len(row)) if at + 1 + n >= len(row) or row[at + 1 + n] != patch))
    frames = {key.removeprefix("mel_"): record.get("mel.npz", key).shape[1] for key in record.keys("mel.npz")}
    rows = {clip: (encoder_len(num) + 1) // 2 for clip, num in frames.items()}
    known = CLIPS.get(case, ())
    if [rows.get(clip) for clip in known] == places:
        return known
    fitting = [[clip for clip in _recordings(record) if rows.get(clip) == num] for num in places]
    if any(len(clips) != 1 for clips in fitting):
        raise WeightsError(
            f"the prompt {case} has places for {places} rows, which do not tell whose recordings they are."
        )
    return tuple(clips[0] for clips in fitting)


def _recordings(record: Record) -> list[str]:
    return [key.removesuffix("_i16") for key in record.keys("waves.npz")]


def _embeds(record: Record, lm: SpeechLM, case: str, ids: Tensor) -> Tensor:
    """The prompt as the decoder sees it: rows of sound from the stored log-mels where placeholders stand."""
    heard = iter(lm.hear_batch(*_mels(record, _clips(record, case, ids))))
    patch = record.get("tiny_ids.json", "audio_patch")
    start, end = record.get("tiny_ids.json", "audio_start"), record.get("tiny_ids.json", "audio_end")
    rows = []
    for row in ids:
        segments, at = [], 0
        for opened in (row == start).nonzero()[:, 0].tolist():
            sound = next(heard)
            after = opened + 1 + len(sound)
            if after >= len(row) or not bool((row[opened + 1 : after] == patch).all()) or int(row[after]) != end:
                raise WeightsError(f"{case} leaves another place than the {len(sound)} rows that its recording takes.")
            segments += [row[at : opened + 1], sound]
            at = after
        rows.append(lm.embed([*segments, row[at:]]))
    if next(heard, None) is not None:
        raise WeightsError(f"{case} has fewer places for sound than recordings.")
    return torch.stack(rows)


def _greedy(record: Record, lm: SpeechLM, key: str, prompts: list[Tensor]) -> None:
    """Follow the stored tokens through the cache; each must be our best, or as good within the tolerance."""
    tokens = record.tensor("model_io.npz", key)
    behind, margins, peaks = [], [], []
    for prompt, row in zip(prompts, tokens, strict=True):
        state = lm.init_state(1, len(prompt) + len(row))
        x = prompt[None]
        for token in row:
            logits, state = lm(x, state)
            best = logits[0, -1].float().topk(2).values
            behind.append(best[0] - logits[0, -1, token].float())
            margins.append(best[0] - best[1])
            peaks.append(best[0].abs())
            x = lm.model.embed_tokens(token[None, None])
    record.judge("model_io.npz", key, float(torch.stack(behind).max()), float(torch.stack(peaks).max()))
    if record.keys("model_io.npz", f"{key}_margin"):
        record.compare("model_io.npz", f"{key}_margin", torch.stack(margins).view_as(tokens).double())
