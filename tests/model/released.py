"""The tiny released checkpoint of the language-model side, as a model of ours."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from antiphon.config import AdaptorConfig, DecoderConfig, EncoderConfig, SpeechLMConfig
from antiphon.model.speech_lm import SpeechLM

START, END, PATCH = 488, 489, 490  # ids of the tiny vocabulary


def tiny_lm(folder: Path) -> SpeechLM:
    """Built from the released config and names, strictly."""
    config = json.loads((folder / "config.json").read_text())
    text, sound = config["text_config"], config["audio_encoder_config"]
    ours = SpeechLMConfig(
        encoder=EncoderConfig(
            num_mels=sound["n_mels"],
            max_frames=sound["n_audio_ctx"],
            width=sound["n_audio_state"],
            num_heads=sound["n_audio_head"],
            num_layers=sound["n_audio_layer"],
        ),
        adaptor=AdaptorConfig(kernel=sound["kernel_size"], stride=sound["adapter_stride"]),
        decoder=DecoderConfig(
            width=text["hidden_size"],
            hidden=text["intermediate_size"],
            num_heads=text["num_attention_heads"],
            num_kv_heads=text["num_key_value_heads"],
            num_layers=text["num_hidden_layers"],
            vocab_size=text["vocab_size"],
            eps=text["rms_norm_eps"],
            rope_theta=text["rope_theta"],
            max_positions=text["max_position_embeddings"],
        ),
    )
    model = SpeechLM(ours)
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval().requires_grad_(False)


def arrays(path: Path) -> dict[str, torch.Tensor]:
    """Every array of an .npz file as a tensor."""
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}
