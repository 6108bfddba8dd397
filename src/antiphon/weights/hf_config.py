"""The released `config.json`, both ways: `from_hf` reads it into a ModelConfig, `to_hf` writes the same file again.

Three spellings of one thing are read: nested (`text_config`, `audio_encoder_config`), re-saved by newer tools (`dtype`,
`model_type` inside the parts, extra nulls), and flat (text keys at the top, as the R1 family has them). A key is used,
or it is known to change nothing and its value is one of those that change nothing, or it is refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.config import AdaptorConfig, DecoderConfig, EncoderConfig, ModelConfig, SpeechLMConfig, VoiceConfig
from antiphon.errors import ConfigError

DTYPES = ("float32", "bfloat16", "float16")
FLAT = "step_audio_qwen2"
ENCODER_TYPE = "step_audio_2_encoder"
UNUSED_CODEBOOK = 4096  # the released files carry it and nothing reads it

Check = Callable[[Any], bool]


@dataclass(frozen=True)
class Key:
    """One key of a released config that fills a setting of ours."""

    name: str
    kind: type
    required: bool = True


TEXT = {
    "width": Key("hidden_size", int),
    "hidden": Key("intermediate_size", int),
    "num_heads": Key("num_attention_heads", int),
    "num_kv_heads": Key("num_key_value_heads", int),
    "num_layers": Key("num_hidden_layers", int),
    "vocab_size": Key("vocab_size", int),
    "eps": Key("rms_norm_eps", float),
    "rope_theta": Key("rope_theta", float),
    "max_positions": Key("max_position_embeddings", int),
    "eos_id": Key("eos_token_id", int, required=False),
    "pad_id": Key("pad_token_id", int, required=False),
    "tie_embeddings": Key("tie_word_embeddings", bool, required=False),
}
ENCODER = {
    "num_mels": Key("n_mels", int),
    "max_frames": Key("n_audio_ctx", int),
    "width": Key("n_audio_state", int),
    "num_heads": Key("n_audio_head", int),
    "num_layers": Key("n_audio_layer", int),
}
ADAPTOR = {"kernel": Key("kernel_size", int), "stride": Key("adapter_stride", int)}


def _one_of(*values: Any) -> Check:
    return lambda value: any(value == v and type(value) is type(v) for v in values)


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


# Keys that change nothing, with the values under which that is true.
INERT_TEXT: dict[str, Check] = {
    "hidden_act": _one_of("silu"),
    "attention_dropout": _one_of(0.0, 0),
    "rope_scaling": _one_of(None),
    "use_sliding_window": _one_of(False),
    "sliding_window": _is_count,
    "max_window_layers": _is_count,
    "max_seq_len": _is_count,
    "bos_token_id": _is_count,
    "initializer_range": lambda v: isinstance(v, float),
    "use_cache": _one_of(True, False),
    "layer_types": lambda v: v is None or (isinstance(v, list) and set(v) == {"full_attention"}),
    "model_type": _one_of("step_audio_2_text", "qwen2", "step_audio_2", ""),
    "transformers_version": _is_text,
    "_name_or_path": _is_text,
}
INERT_ENCODER: dict[str, Check] = {
    "n_codebook_size": _is_count,
    "model_type": _one_of(ENCODER_TYPE),
    "torch_dtype": _is_text,
    "dtype": _is_text,
    "transformers_version": _is_text,
    "_name_or_path": _is_text,
}
INERT_TOP: dict[str, Check] = {
    "architectures": lambda v: v is None or (isinstance(v, list) and all(isinstance(a, str) for a in v)),
    "auto_map": lambda v: v is None or isinstance(v, dict),  # names code to run; none of it is ever run
    "transformers_version": _is_text,
    "_name_or_path": _is_text,
    "use_cache": _one_of(True, False),
    "eos_token_id": lambda v: True,  # the text part's own and the token layout decide
    "pad_token_id": _is_count,
    "bos_token_id": _is_count,
}


def from_hf(
    data: Mapping[str, Any], *, name: str = "mini", variant: str | None = None, voice: VoiceConfig | None = None
) -> ModelConfig:
    """Read a released config. It says nothing of the voice nor of the prompt style, so the caller does.

    Raises ConfigError, naming the key, for one that is unknown, missing, of another kind, or set to what we cannot do.
    """
    kind = data.get("model_type")
    if kind not in ("step_audio_2", FLAT):
        raise ConfigError(
            f"config.json says model_type {kind!r}; step_audio_2 or {FLAT} was expected: choose another folder."
        )
    top = {k: v for k, v in data.items() if k not in ("model_type", "audio_encoder_config", "text_config")}
    text = data.get("text_config")
    if text is None:
        outer = INERT_TOP.keys() - INERT_TEXT.keys() - {key.name for key in TEXT.values()}
        text, top = {k: v for k, v in top.items() if k not in outer}, {k: top[k] for k in top if k in outer}
    dtype = _dtype(
        [*_take(text := _object(text, "text_config"), "dtype", "torch_dtype"), *_take(top, "dtype", "torch_dtype")]
    )
    tied = _take(top, "tie_word_embeddings")
    _refuse_unknown(top, {}, INERT_TOP, "")
    encoder = _object(data.get("audio_encoder_config"), "audio_encoder_config")
    decoder = _decoder(text, tied)
    _check_llm_dim(encoder, decoder)
    _refuse_unknown(encoder, {**ENCODER, **ADAPTOR, "": Key("llm_dim", int)}, INERT_ENCODER, "audio_encoder_config.")
    lm = SpeechLMConfig(
        encoder=EncoderConfig(**_fill(ENCODER, encoder, "audio_encoder_config.")),
        adaptor=AdaptorConfig(**_fill(ADAPTOR, encoder, "audio_encoder_config.")),
        decoder=decoder,
    )
    variant = variant or ("r1" if kind == FLAT else "mini")
    return ModelConfig(name=name, variant=variant, dtype=dtype, lm=lm, voice=voice)


def to_hf(config: ModelConfig) -> dict[str, Any]:
    """The released, nested form of `config`, keys in the released order.

    Raises ConfigError when the released form cannot say it (its adaptor is 2048 wide, whatever the file says).
    """
    lm = config.lm
    text = {key.name: getattr(lm.decoder, ours) for ours, key in TEXT.items()}
    text |= {"num_attention_groups": lm.decoder.num_kv_heads, "max_seq_len": lm.decoder.max_positions}
    text |= {"rope_scaling": None, "torch_dtype": config.dtype}
    order = ["hidden_size", "intermediate_size", "num_attention_heads", "num_attention_groups", "num_key_value_heads"]
    order += ["num_hidden_layers", "max_seq_len", "vocab_size", "rms_norm_eps", "eos_token_id", "pad_token_id"]
    order += ["rope_theta", "max_position_embeddings", "rope_scaling", "torch_dtype"]
    if lm.decoder.tie_embeddings:
        order.append("tie_word_embeddings")
    encoder = {key.name: getattr(lm.encoder, ours) for ours, key in ENCODER.items()}
    encoder |= {"n_codebook_size": UNUSED_CODEBOOK, "llm_dim": lm.decoder.width}
    encoder |= {key.name: getattr(lm.adaptor, ours) for ours, key in ADAPTOR.items()}
    return {
        "architectures": ["StepAudio2ForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_step_audio_2.StepAudio2Config",
            "AutoModelForCausalLM": "modeling_step_audio_2.StepAudio2ForCausalLM",
        },
        "model_type": "step_audio_2",
        "text_config": {name: text[name] for name in order if text[name] is not None or name == "rope_scaling"},
        "audio_encoder_config": encoder,
    }


def _decoder(text: dict[str, Any], tied: list[Any]) -> DecoderConfig:
    where = "text_config."
    fixed: dict[str, Check] = {
        "num_attention_groups": _one_of(text.get("num_key_value_heads")),
        "head_dim": lambda v: v is None or v * text.get("num_attention_heads", 0) == text.get("hidden_size"),
    }
    text = dict(text)
    if isinstance(ends := text.get("eos_token_id"), list) and ends:
        text["eos_token_id"] = ends[0]  # a list of ends: the token layout knows the others
    rope = text.pop("rope_parameters", None)  # how newer tools spell rope_theta
    if isinstance(rope, dict) and rope.get("rope_type") == "default" and set(rope) == {"rope_type", "rope_theta"}:
        text.setdefault("rope_theta", rope["rope_theta"])
    elif rope is not None:
        raise ConfigError(
            f"{where}rope_parameters is {rope!r}; plain rotary positions with a rope_theta were expected."
        )
    _refuse_unknown(text, TEXT, {**INERT_TEXT, **fixed}, where)
    values = _fill(TEXT, text, where)
    if tied:
        values.setdefault("tie_embeddings", _value(Key("tie_word_embeddings", bool), tied[0], ""))
    decoder = DecoderConfig(**values)
    if decoder.width % decoder.num_heads or decoder.num_heads % decoder.num_kv_heads or decoder.head_dim % 2:
        raise ConfigError(
            f"text_config has hidden_size {decoder.width}, {decoder.num_heads} heads, {decoder.num_kv_heads} key heads;"
            " heads must divide the width evenly, and key heads the heads: correct the config."
        )
    return decoder


def _check_llm_dim(encoder: Mapping[str, Any], decoder: DecoderConfig) -> None:
    if encoder.get("llm_dim") != decoder.width:
        raise ConfigError(
            f"audio_encoder_config.llm_dim is {encoder.get('llm_dim')!r};"
            f" the text model's width {decoder.width} was expected."
        )


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"config.json has {where} {value!r}; an object was expected: take the config.json of the release."
        )
    return dict(value)


def _take(values: dict[str, Any], *names: str) -> list[Any]:
    """Remove the named keys and give back the values that are not null."""
    found = [values.pop(name) for name in names if name in values]
    return [value for value in found if value is not None]


def _dtype(found: list[Any]) -> str:
    names = {str(value).removeprefix("torch.") for value in found} or {"bfloat16"}
    if len(names) > 1 or not names <= set(DTYPES):
        raise ConfigError(
            f"config.json names the dtypes {sorted(names)}; exactly one of {', '.join(DTYPES)} was expected."
        )
    return names.pop()


def _refuse_unknown(values: Mapping[str, Any], used: Mapping[str, Key], inert: Mapping[str, Check], where: str) -> None:
    names = {key.name for key in used.values()}
    for name, value in values.items():
        if name in names:
            continue
        if name not in inert:
            raise ConfigError(
                f"config.json has the key {where}{name}, which is not known; remove it if it changes nothing."
            )
        if not inert[name](value):
            raise ConfigError(
                f"config.json sets {where}{name} to {value!r}, which this model cannot do; use another checkpoint."
            )


def _fill(keys: Mapping[str, Key], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    filled = {}
    for ours, key in keys.items():
        if values.get(key.name) is not None:
            filled[ours] = _value(key, values[key.name], where)
        elif key.required:
            raise ConfigError(
                f"config.json lacks {where}{key.name}; its default fits no released model, so it must be given."
            )
    return filled


def _value(key: Key, value: Any, where: str) -> Any:
    if key.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    no_count = key.kind is int and (isinstance(value, bool) or (isinstance(value, int) and value < 0))
    if no_count or not isinstance(value, key.kind):
        raise ConfigError(f"config.json sets {where}{key.name} to {value!r}; {key.kind.__name__} was expected.")
    return value
