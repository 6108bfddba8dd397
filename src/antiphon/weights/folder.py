"""A folder of weights, opened but not read: one description for both layouts.

    released                                            ours
    config.json                                         NAME.json            (a ModelConfig)
    model.safetensors, or shards with an index          lm.safetensors, or shards with an index
    token2wav/flow.yaml, flow.pt                        flow.safetensors
    token2wav/hift.pt                                   hift.safetensors
    token2wav/speech_tokenizer_v2_25hz.onnx             speech_tokenizer.safetensors
    token2wav/campplus.onnx                             speaker.onnx
    tokenizer.json, vocab.json, merges.txt, ...         the same
    voice.wav                                           the same             (a clip of the default voice, or none)
    antiphon.json                                       (what the released files cannot say of a model, if anything)

From here on nothing depends on the layout. Any .pt may also be a .safetensors of the same stem.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from antiphon.config import ModelConfig, VoiceConfig, from_dict, read_json
from antiphon.errors import ConfigError, WeightsError
from antiphon.weights.flow_yaml import read_flow_yaml
from antiphon.weights.hf_config import from_hf
from antiphon.weights.names import flow_name, hift_name, lm_name
from antiphon.weights.onnx_tokenizer import open_onnx_tokenizer
from antiphon.weights.sizes import adaptor_config, hift_config, speech_tokenizer_config
from antiphon.weights.tensors import Store, open_file, open_safetensors, open_sharded

T = TypeVar("T")

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
)
NOT_A_CONFIG = (*TOKENIZER_FILES, "config.json")
OWN_CONFIG = "antiphon.json"  # beside released files: what they cannot say of this model
VOICE_CLIP = "voice.wav"
ONNX_TOKENIZER = "speech_tokenizer_v2_25hz.onnx"


@dataclass(frozen=True)
class VoiceFiles:
    """What speaks: three checkpoints, the speaker net's graph, and the clip of the default voice."""

    flow: Store
    hift: Store
    tokenizer: Store
    speaker: Path
    clip: Path | None = None


@dataclass(frozen=True)
class Folder:
    """Everything of one model, opened. `voice` is None exactly if the config has no voice."""

    path: Path
    config: ModelConfig
    lm: Store
    voice: VoiceFiles | None


def open_folder(path: Path, *, variant: str | None = None) -> Folder:
    """Recognise the layout, read the configuration, open the checkpoints.

    `variant` (the prompt style) replaces what the folder says; a released folder says nothing, so its name is asked.
    Raises WeightsError for what is missing, ConfigError for what cannot be meant.
    """
    if not path.is_dir():
        raise WeightsError(f"{path} is no folder; give the folder of a model.")
    if (path / "config.json").exists():
        return _released(path, variant)
    own = [p for p in sorted(path.glob("*.json")) if p.name not in NOT_A_CONFIG and ".index." not in p.name]
    if len(own) != 1:
        found = ", ".join(p.name for p in own) or "none"
        raise WeightsError(
            f"{path} holds no config.json and not one configuration of ours ({found}); give a model's folder."
        )
    return _own(path, own[0], variant)


def variant_of(name: str) -> str | None:
    """The prompt style that a folder's or repository's name tells, if it tells one."""
    words = name.lower().replace("_", "-").split("-")
    known = {"base": "mini-base", "think": "mini-think", "r1": "r1", "r1.1": "r1"}
    return next((known[word] for word in words if word in known), None)


def _own(path: Path, file: Path, variant: str | None) -> Folder:
    config = from_dict(ModelConfig, read_json(file))
    config = config if variant is None else replace(config, variant=variant)
    lm = open_sharded(path, "lm")
    if config.voice is None:
        return Folder(path, config, lm, None)
    stems = ("flow", "hift", "speech_tokenizer")
    flow, hift, tokenizer = (_need(path, f"{stem}.safetensors", lambda f: open_sharded(path, f.stem)) for stem in stems)
    clip = path / VOICE_CLIP
    speaker = _need(path, "speaker.onnx", lambda f: f)
    return Folder(path, config, lm, VoiceFiles(flow, hift, tokenizer, speaker, clip if clip.exists() else None))


def _released(path: Path, variant: str | None) -> Folder:
    lm = open_sharded(path, "model").renamed(lm_name)
    config = from_hf(read_json(path / "config.json"), variant=variant or variant_of(path.name))
    config = replace(config, lm=replace(config.lm, adaptor=adaptor_config(config.lm.adaptor, lm)))
    home = path / "token2wav"
    voice = _voice(home, path / VOICE_CLIP) if home.is_dir() else None
    if (path / OWN_CONFIG).exists():
        own = from_dict(ModelConfig, read_json(path / OWN_CONFIG))
        if own.lm != config.lm or (own.voice is None) != (voice is None):
            raise ConfigError(
                f"{path} has an {OWN_CONFIG} that does not fit the files beside it; convert the model again."
            )
        return Folder(path, own if variant is None else replace(own, variant=variant), lm, voice)
    if voice is None:
        return Folder(path, config, lm, None)
    sizes = VoiceConfig(
        tokenizer=speech_tokenizer_config(voice.tokenizer),
        flow=read_flow_yaml(_need(home, "flow.yaml", lambda f: f)),
        hift=hift_config(voice.hift),
    )
    if sizes.tokenizer.num_codes != sizes.flow.num_codes:
        raise ConfigError(
            f"{home} has a speech tokenizer of {sizes.tokenizer.num_codes} codes and a flow of {sizes.flow.num_codes};"
            " use files that belong together."
        )
    return Folder(path, replace(config, voice=sizes), lm, voice)


def _voice(home: Path, clip: Path) -> VoiceFiles:
    def opened(stem: str) -> Store:
        store = open_file(home, stem)
        if store is None:
            raise WeightsError(f"{home} lacks {stem}.pt; fetch the checkpoint completely.")
        return store

    export = home / ONNX_TOKENIZER
    plain = home / "speech_tokenizer.safetensors"
    tokenizer = open_safetensors(plain) if plain.exists() else _need(home, export.name, open_onnx_tokenizer)
    speaker = _need(home, "campplus.onnx", lambda f: f)
    flow, hift = opened("flow").renamed(flow_name), opened("hift").renamed(hift_name)
    return VoiceFiles(flow, hift, tokenizer, speaker, clip if clip.exists() else None)


def _need(folder: Path, name: str, opener: Callable[[Path], T]) -> T:
    if not (folder / name).exists() and not (folder / f"{name}.index.json").exists():
        raise WeightsError(f"{folder} lacks {name}; fetch the checkpoint completely.")
    return opener(folder / name)
