"""config.json both ways: the three spellings, what is refused, and the released file itself."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from antiphon.config import ModelConfig
from antiphon.errors import ConfigError
from antiphon.weights.find import preset
from antiphon.weights.hf_config import from_hf, to_hf

RELEASED: dict[str, Any] = {
    "architectures": ["StepAudio2ForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_step_audio_2.StepAudio2Config",
        "AutoModelForCausalLM": "modeling_step_audio_2.StepAudio2ForCausalLM",
    },
    "model_type": "step_audio_2",
    "text_config": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_attention_heads": 28,
        "num_attention_groups": 4,
        "num_key_value_heads": 4,
        "num_hidden_layers": 28,
        "max_seq_len": 16384,
        "vocab_size": 158720,
        "rms_norm_eps": 1e-6,
        "eos_token_id": 151643,
        "pad_token_id": 151643,
        "rope_theta": 1000000.0,
        "max_position_embeddings": 16384,
        "rope_scaling": None,
        "torch_dtype": "bfloat16",
    },
    "audio_encoder_config": {
        "n_mels": 128,
        "n_audio_ctx": 1500,
        "n_audio_state": 1280,
        "n_audio_head": 20,
        "n_audio_layer": 32,
        "n_codebook_size": 4096,
        "llm_dim": 3584,
        "kernel_size": 3,
        "adapter_stride": 2,
    },
}


def changed(path: str, value: Any = None, *, drop: bool = False) -> dict[str, Any]:
    """The released config with one key set or dropped."""
    data = copy.deepcopy(RELEASED)
    *parents, name = path.split(".")
    inner = data
    for parent in parents:
        inner = inner[parent]
    if drop:
        del inner[name]
    else:
        inner[name] = value
    return data


def test_the_released_config_is_the_mini_preset() -> None:
    assert from_hf(RELEASED, voice=ModelConfig().voice) == preset("mini")


def test_the_released_config_comes_back_to_the_letter(golden_lm: Path) -> None:
    tiny = (golden_lm / "config.json").read_text()
    for data in (RELEASED, json.loads(tiny)):
        assert json.dumps(to_hf(from_hf(data))) == json.dumps(data)


def test_every_preset_survives_the_round_trip() -> None:
    for name in ("mini", "mini-base", "mini-think", "r1", "32b"):
        config = preset(name)
        assert from_hf(to_hf(config), name=name, variant=config.variant, voice=config.voice) == config


def test_flat_form_of_the_r1_family() -> None:
    flat = {"model_type": "step_audio_qwen2", "architectures": ["StepAudioR1"], **RELEASED["text_config"]}
    flat["audio_encoder_config"] = RELEASED["audio_encoder_config"]
    config = from_hf(flat)
    assert config.lm == from_hf(RELEASED).lm
    assert (config.variant, config.dtype) == ("r1", "bfloat16")


def test_resaved_spelling() -> None:
    data = changed("text_config.torch_dtype", drop=True)
    data["text_config"] |= {"dtype": "bfloat16", "max_window_layers": None, "hidden_act": "silu", "head_dim": 128}
    data["audio_encoder_config"] |= {"model_type": "step_audio_2_encoder"}
    data |= {"dtype": "bfloat16", "transformers_version": "4.57.6", "tie_word_embeddings": False}
    assert from_hf(data) == from_hf(RELEASED)


def test_tied_embeddings_are_said_and_read() -> None:
    config = from_hf(changed("text_config.tie_word_embeddings", True))
    assert config.lm.decoder.tie_embeddings
    assert from_hf(to_hf(config)) == config


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("text_config.rope_scaling", {"type": "yarn"}, "rope_scaling"),
        ("text_config.hidden_act", "gelu", "hidden_act"),
        ("text_config.use_sliding_window", True, "use_sliding_window"),
        ("text_config.num_attention_groups", 7, "num_attention_groups"),
        ("text_config.surprise", 1, "text_config.surprise"),
        ("audio_encoder_config.surprise", 1, "audio_encoder_config.surprise"),
        ("surprise", 1, "surprise"),
        ("quantization_config", {}, "quantization_config"),
        ("text_config.torch_dtype", "int8", "int8"),
        ("text_config.hidden_size", "3584", "hidden_size"),
        ("text_config.hidden_size", 3583, "hidden_size"),
        ("text_config.head_dim", 64, "head_dim"),
        ("audio_encoder_config.llm_dim", 4096, "llm_dim"),
        ("model_type", "qwen2_audio", "qwen2_audio"),
        ("audio_encoder_config", None, "audio_encoder_config"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(path: str, value: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        from_hf(changed(path, value))


@pytest.mark.parametrize("key", [*RELEASED["audio_encoder_config"]])
def test_encoder_keys_are_required(key: str) -> None:
    data = changed(f"audio_encoder_config.{key}", drop=True)
    if key == "n_codebook_size":  # nothing reads it
        assert from_hf(data) == from_hf(RELEASED)
        return
    with pytest.raises(ConfigError, match=key):
        from_hf(data)


def test_the_dtype_is_kept() -> None:
    config = replace(from_hf(RELEASED), dtype="float16")
    assert from_hf(to_hf(config)).dtype == "float16"
