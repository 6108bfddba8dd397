"""The released `flow.yaml`, both ways. Its tags name classes; four are known, any other is refused, none is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from antiphon.config import ConformerConfig, DiTConfig, FlowConfig
from antiphon.errors import ConfigError

FLOW = "!new:cosyvoice2.flow.flow.CausalMaskedDiffWithXvec"
ENCODER = "!new:cosyvoice2.transformer.upsample_encoder_v2.UpsampleConformerEncoderV2"
DECODER = "!new:cosyvoice2.flow.flow_matching.CausalConditionalCFM"
ESTIMATOR = "!new:cosyvoice2.flow.decoder_dit.DiT"
TAGS = (FLOW, ENCODER, DECODER, ESTIMATOR)
TAG = "!tag"  # where a mapping remembers its tag

DROPOUT = 0.1  # of the released training; without effect when generating
FIXED_FLOW = {"output_type": "mel"}
FIXED_ENCODER: dict[str, Any] = {
    "input_layer": "linear",
    "pos_enc_layer_type": "rel_pos_espnet",
    "selfattention_layer_type": "rel_selfattn",
    "key_bias": True,
    "normalize_before": True,
}
DROPOUTS = ("dropout_rate", "positional_dropout_rate", "attention_dropout_rate")


class _Loader(yaml.SafeLoader):
    """A safe loader that also knows the four tags, as plain mappings."""


def _construct(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
    if node.tag not in TAGS:
        raise ConfigError(
            f"flow.yaml has the tag {node.tag}; only the four of the release are known, and none is ever run."
        )
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            f"flow.yaml puts {node.tag} on something else than a mapping; take the flow.yaml of the release."
        )
    fields = {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}
    return {TAG: node.tag, **fields}


_Loader.add_constructor(None, _construct)


def read_flow_yaml(path: Path) -> FlowConfig:
    """The sizes of the flow. Raises ConfigError for a tag, a key or a value that is not known."""
    try:
        data = yaml.load(path.read_text(encoding="utf8"), Loader=_Loader)  # noqa: S506 (a subclass of the safe loader)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} could not be read as YAML ({error}); fetch it again.") from error
    if not isinstance(data, Mapping) or set(data) != {"flow"}:
        raise ConfigError(f"{path} was expected to hold one key, flow; take the flow.yaml of the release.")
    flow = _Part(data["flow"], FLOW, "flow")
    encoder = _Part(flow.take("encoder", object), ENCODER, "flow.encoder")
    decoder = _Part(flow.take("decoder", object), DECODER, "flow.decoder")
    estimator = _Part(decoder.take("estimator", object), ESTIMATOR, "flow.decoder.estimator")
    config = FlowConfig(
        num_codes=flow.take("vocab_size", int),
        input_size=flow.take("input_size", int),
        num_mels=flow.take("output_size", int),
        speaker_dim=flow.take("spk_embed_dim", int),
        guidance=decoder.take("inference_cfg_rate", float),
        conformer=_conformer(encoder, flow.values["input_size"]),
        dit=DiTConfig(
            width=estimator.take("hidden_size", int),
            num_heads=estimator.take("num_heads", int),
            head_dim=estimator.take("head_dim", int),
            depth=estimator.take("depth", int),
            mlp_ratio=estimator.take("mlp_ratio", float),
            in_channels=estimator.take("in_channels", int),
            out_channels=estimator.take("out_channels", int),
        ),
    )
    flow.fixed(FIXED_FLOW)
    encoder.fixed(FIXED_ENCODER)
    for part in (flow, encoder, decoder, estimator):
        part.finish()
    return config


def _conformer(encoder: "_Part", input_size: int) -> ConformerConfig:
    for name in DROPOUTS:
        encoder.take(name, float)
    config = ConformerConfig(
        width=encoder.take("output_size", int),
        num_heads=encoder.take("attention_heads", int),
        hidden=encoder.take("linear_units", int),
        num_layers=encoder.take("num_blocks", int),
        num_up_layers=encoder.take("num_up_blocks", int),
        look_ahead=encoder.take("pre_lookahead_len", int),
        up_stride=encoder.take("up_stride", int),
    )
    encoder.fixed({"input_size": input_size, "up_scale_factor": config.up_stride})
    return config


class _Part:
    """One tagged mapping; what is not taken from it by the end is refused."""

    def __init__(self, values: Any, tag: str, where: str) -> None:
        if not isinstance(values, dict) or values.get(TAG) != tag:
            found = values.get(TAG, "no tag") if isinstance(values, dict) else repr(values)
            raise ConfigError(
                f"flow.yaml has {found} at {where}; {tag} was expected: take the flow.yaml of the release."
            )
        self.values, self.where, self.left = values, where, set(values) - {TAG}

    def take(self, name: str, kind: type) -> Any:
        """The value of a required key."""
        if name not in self.values:
            raise ConfigError(f"flow.yaml lacks {self.where}.{name}; take the flow.yaml of the release.")
        value = self.values[name]
        self.left.discard(name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigError(f"flow.yaml sets {self.where}.{name} to {value!r}; {kind.__name__} was expected.")
        return value

    def fixed(self, only: Mapping[str, Any]) -> None:
        """Required keys that may have one value only."""
        for name, value in only.items():
            if (found := self.take(name, type(value))) != value:
                raise ConfigError(f"flow.yaml sets {self.where}.{name} to {found!r}; only {value!r} can be done.")

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        if self.left:
            raise ConfigError(
                f"flow.yaml has the key {self.where}.{sorted(self.left)[0]}, which is not known; remove it."
            )


def write_flow_yaml(config: FlowConfig) -> str:
    """The text of a `flow.yaml` with these sizes, in the released order."""
    conformer, dit = config.conformer, config.dit
    encoder = {
        "input_size": config.input_size,
        "output_size": conformer.width,
        "input_layer": FIXED_ENCODER["input_layer"],
        "pre_lookahead_len": conformer.look_ahead,
        "num_blocks": conformer.num_layers,
        "num_up_blocks": conformer.num_up_layers,
        "up_stride": conformer.up_stride,
        "up_scale_factor": conformer.up_stride,
        "attention_heads": conformer.num_heads,
        **{k: FIXED_ENCODER[k] for k in ("pos_enc_layer_type", "selfattention_layer_type", "key_bias")},
        "linear_units": conformer.hidden,
        **{name: DROPOUT for name in DROPOUTS},
        "normalize_before": FIXED_ENCODER["normalize_before"],
    }
    flow: dict[str, Any] = {
        "input_size": config.input_size,
        "output_size": config.num_mels,
        "spk_embed_dim": config.speaker_dim,
    }
    flow |= {**FIXED_FLOW, "vocab_size": config.num_codes}
    estimator = {"in_channels": dit.in_channels, "out_channels": dit.out_channels, "mlp_ratio": dit.mlp_ratio}
    estimator |= {"depth": dit.depth, "num_heads": dit.num_heads, "head_dim": dit.head_dim, "hidden_size": dit.width}
    lines = [f"flow: {FLOW}", *_lines(flow, 1), f"  encoder: {ENCODER}", *_lines(encoder, 2)]
    lines += [f"  decoder: {DECODER}", *_lines({"inference_cfg_rate": config.guidance}, 2)]
    lines += [f"    estimator: {ESTIMATOR}", *_lines(estimator, 3)]
    return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, Any], depth: int) -> list[str]:
    return ["  " * depth + f"{k}: {str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items()]
