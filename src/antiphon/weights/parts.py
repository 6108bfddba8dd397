"""A whole model, loaded: one path for nano and for the released checkpoints, once their files are found."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from antiphon.config import ModelConfig
from antiphon.errors import WeightsError
from antiphon.model.flow import Flow
from antiphon.model.hift import HiFT
from antiphon.model.speech_lm import SpeechLM
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import Tokenizer
from antiphon.weights.build import build
from antiphon.weights.find import find
from antiphon.weights.folder import Folder, open_folder
from antiphon.weights.tensors import Store


@dataclass(frozen=True)
class VoiceParts:
    """What speaks, part by part. `speaker` is the speaker net's graph, `clip` a recording of the default voice."""

    tokenizer: SpeechTokenizer
    flow: Flow
    hift: HiFT
    speaker: Path
    clip: Path | None


@dataclass(frozen=True)
class Parts:
    """A whole model. `voice` is None for one that answers in text only."""

    config: ModelConfig
    lm: SpeechLM
    tokenizer: Tokenizer
    layout: TokenLayout
    voice: VoiceParts | None
    folder: Path


def makers(folder: Folder) -> dict[str, tuple[Callable[[], nn.Module], Store]]:
    """How to lay out each part of an opened folder, and its checkpoint."""
    config, voice = folder.config, folder.voice
    found: dict[str, tuple[Callable[[], nn.Module], Store]] = {
        "language model": (lambda: SpeechLM(config.lm), folder.lm)
    }
    if voice is not None and config.voice is not None:
        sizes = config.voice
        found["speech tokenizer"] = (lambda: SpeechTokenizer(sizes.tokenizer), voice.tokenizer)
        found["flow"] = (lambda: Flow(sizes.flow), voice.flow)
        found["vocoder"] = (lambda: HiFT(sizes.hift), voice.hift)
    return found


def load_parts(
    source: str | Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    variant: str | None = None,
    with_voice: bool = True,
) -> Parts:
    """Load a model: a preset, a folder in either layout, or a hub id.

    `dtype` is that of the language model (what the config says by default); what speaks is float32. `variant` replaces
    the prompt style. Raises WeightsError for what is missing or does not fit, ConfigError for a broken configuration.
    """
    found = find(source)
    folder = open_folder(found.folder, variant=variant or found.variant)
    config = folder.config
    tokenizer = Tokenizer.load(folder.path)
    rows = config.lm.decoder.vocab_size
    if tokenizer.num_ids > rows:
        raise WeightsError(
            f"the tokenizer in {folder.path} has {tokenizer.num_ids} ids and the model {rows} rows;"
            " use files that belong together."
        )
    layout = tokenizer.layout(rows)
    lm = build(
        lambda: SpeechLM(config.lm),
        folder.lm,
        what="language model",
        device=device,
        dtype=dtype or getattr(torch, config.dtype),
    )
    lm.model.fold()
    voice = _voice(folder, layout, device) if with_voice else None
    return Parts(config, lm, tokenizer, layout, voice, folder.path)


def load_voice(source: str | Path, *, device: torch.device | str = "cpu") -> VoiceParts | None:
    """What speaks in a model, without the rest; None for one that answers in text only. Raises as `load_parts` does."""
    found = find(source)
    folder = open_folder(found.folder, variant=found.variant)
    layout = Tokenizer.load(folder.path).layout(folder.config.lm.decoder.vocab_size)
    return _voice(folder, layout, device)


def _voice(folder: Folder, layout: TokenLayout, device: torch.device | str) -> VoiceParts | None:
    files, config = folder.voice, folder.config.voice
    if files is None or config is None:
        return None
    if layout.num_codes != config.flow.num_codes:
        raise WeightsError(
            f"{folder.path} has a vocabulary of {layout.num_codes} speech codes and a flow of {config.flow.num_codes};"
            " use files that belong together."
        )
    return VoiceParts(
        build(lambda: SpeechTokenizer(config.tokenizer), files.tokenizer, what="speech tokenizer", device=device),
        build(lambda: Flow(config.flow), files.flow, what="flow", device=device).fold(),
        build(lambda: HiFT(config.hift), files.hift, what="vocoder", device=device).fold(),
        files.speaker,
        files.clip,
    )
