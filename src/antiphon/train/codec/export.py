"""What was trained, put into a whole model; and the codes of a corpus, for the training of the language model."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from antiphon.config import VoiceConfig
from antiphon.data.store import read_index, shard_numbers
from antiphon.errors import ConfigError, InputError
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.train.codec import flow, speaker, tokenizer, vocoder
from antiphon.train.codec.parts import open_model
from antiphon.train.features import Clip, Corpus, codes_by
from antiphon.weights.folder import VoiceFiles
from antiphon.weights.save import write_folder
from antiphon.weights.tensors import in_memory


def assemble(
    base: str | Path,
    target: Path,
    *,
    tokens: str | None = None,
    mel: str | None = None,
    wave: str | None = None,
    voice: str | None = None,
    layout: str = "own",
    dtype: torch.dtype | None = None,
) -> None:
    """Write the model `base` (preset, folder, hub id) to the new folder `target` with other parts of its voice.

    `tokens`, `mel`, `wave` and `voice` are runs (folders) or models for the speech tokenizer, the flow, the vocoder and
    the speaker net; what is None stays. Raises ConfigError for parts that do not belong together, WeightsError for what
    is missing.
    """
    folder = open_model(base)
    files, sizes = folder.voice, folder.config.voice
    if files is None or sizes is None:
        raise ConfigError(f"{base} has no voice, so its parts cannot be exchanged; give a model that speaks.")
    with tempfile.TemporaryDirectory() as place:
        if tokens is not None:
            made = tokenizer.trained(tokens)
            sizes = replace(sizes, tokenizer=made.config)
            files = replace(files, tokenizer=in_memory(tokens, made.state_dict()))
        if mel is not None:
            found = flow.trained(mel)
            sizes, files = replace(sizes, flow=found.config), replace(files, flow=in_memory(mel, found.state_dict()))
        if wave is not None:
            hift = vocoder.trained(wave)
            sizes, files = replace(sizes, hift=hift.config), replace(files, hift=in_memory(wave, hift.state_dict()))
        if voice is not None:
            files = replace(files, speaker=speaker.graph(voice, Path(place)))
        _check(sizes, files)
        whole = replace(folder, config=replace(folder.config, voice=sizes), voice=files)
        write_folder(whole, target, layout=layout, dtype=dtype)


def _check(sizes: VoiceConfig, files: VoiceFiles) -> None:
    """Raise ConfigError if codes or voice vectors are read otherwise than they are written."""
    from antiphon.model.speaker import SpeakerNet

    if sizes.tokenizer.num_codes != sizes.flow.num_codes:
        raise ConfigError(
            f"the speech tokenizer has {sizes.tokenizer.num_codes} codes and the flow {sizes.flow.num_codes};"
            " train the flow on this tokenizer's codes."
        )
    dim = SpeakerNet(files.speaker)(torch.zeros(16_000)).shape[-1]
    if dim != sizes.flow.speaker_dim:
        raise ConfigError(
            f"the speaker net gives vectors of {dim} numbers and the flow reads {sizes.flow.speaker_dim};"
            " train the flow with this speaker net."
        )


def write_codes(by: SpeechTokenizer, data: Path, target: Path) -> int:
    """Write the codes of each shard of a folder to `target`/NNNNN.npz, as `train.sounds` reads them; how many in all.

    `codes` holds those of all clips end to end, `at` where each begins and the end. Shards that are there stay.
    """
    corpus, feature, total = Corpus([data], keep=False), codes_by(by), 0
    target.mkdir(parents=True, exist_ok=True)
    for shard in shard_numbers(data):
        path = target / f"{shard:05d}.npz"
        if path.exists():
            continue
        clips = [Clip(data, shard, i, row) for i, row in enumerate(read_index(data, shard))]
        if not clips:
            raise InputError(f"{data} has an empty shard {shard:05d}; make it again.")
        held = [corpus.feature(clip, feature)[:, 0].astype(np.int32) for clip in clips]
        part = path.with_suffix(".part.npz")
        np.savez(part, codes=np.concatenate(held), at=np.cumsum([0, *map(len, held)]))
        os.replace(part, path)
        total += sum(map(len, held))
    return total
