"""Sizes read off the shapes of a checkpoint, for the parts that are released without a configuration."""

import math
import re
from dataclasses import replace

from antiphon.config import AdaptorConfig, HiFTConfig, SpeechTokenizerConfig
from antiphon.errors import ConfigError, WeightsError
from antiphon.rates import FRAME_HOP
from antiphon.weights.tensors import Store

V = "parametrizations.weight.original1"  # the direction of a weight-normalised convolution
HEAD_DIM = 64  # of every released speech tokenizer
LEVELS = 3  # of each digit of a released code


def hift_config(store: Store) -> HiFTConfig:
    """Every size of a HiFT. Taken for granted: the iSTFT hops by a quarter of its size, dilations are 1, 3, 5, ..."""
    num_ups = _count(store, r"ups\.(\d+)\.bias")
    num_blocks = _count(store, r"resblocks\.(\d+)\.convs1\.0\.bias")
    if not num_ups or num_blocks % num_ups:
        raise WeightsError(
            f"{store.where} has {num_ups} up stages and {num_blocks} residual blocks; it is no HiFT vocoder."
        )
    size = _shape(store, f"conv_post.{V}")[0] - 2
    strides = [max(_shape(store, f"source_downs.{i}.weight")[2] // 2, 1) for i in range(num_ups)]
    total = FRAME_HOP // max(size // 4, 1)
    rates = [a // b for a, b in zip([total, *strides[:-1]], strides, strict=True)]
    dilations = [2 * i + 1 for i in range(_count(store, r"resblocks\.0\.convs1\.(\d+)\.bias"))]
    try:
        return HiFTConfig(
            num_mels=_shape(store, f"conv_pre.{V}")[1],
            channels=_shape(store, f"conv_pre.{V}")[0],
            num_harmonics=_shape(store, "m_source.l_linear.weight")[1] - 1,
            up_rates=tuple(rates),
            up_kernels=tuple(_shape(store, f"ups.{i}.{V}")[2] for i in range(num_ups)),
            istft_size=size,
            istft_hop=size // 4,
            kernels=tuple(_shape(store, f"resblocks.{i}.convs1.0.{V}")[2] for i in range(num_blocks // num_ups)),
            dilations=tuple(dilations),
            source_kernels=tuple(_shape(store, f"source_resblocks.{i}.convs1.0.{V}")[2] for i in range(num_ups)),
            source_dilations=tuple(dilations),
            f0_width=_shape(store, f"f0_predictor.condnet.0.{V}")[0],
        )
    except ConfigError as error:
        raise WeightsError(f"{store.where} has shapes that fit no HiFT vocoder ({error}); fetch it again.") from error


def speech_tokenizer_config(store: Store) -> SpeechTokenizerConfig:
    """Every size of a released speech tokenizer."""
    width, num_mels, _ = _shape(store, "encoder.conv1.weight", 3)
    return SpeechTokenizerConfig(
        num_mels=num_mels,
        width=width,
        num_heads=max(width // HEAD_DIM, 1),
        num_layers=_count(store, r"encoder\.blocks\.(\d+)\.attn_ln\.weight"),
        memory=_shape(store, "encoder.blocks.0.attn.fsmn_block.weight")[2],
        levels=(LEVELS,) * _shape(store, "quantizer._codebook.project_down.weight")[0],
    )


def adaptor_config(config: AdaptorConfig, store: Store) -> AdaptorConfig:
    """The adaptor's inner width, which the released config does not name."""
    return replace(config, hidden=_shape(store, "adapter.linear1.weight")[0])


def num_parameters(store: Store) -> int:
    """Numbers in all tensors together."""
    return sum(math.prod(entry.shape) for entry in store.values())


def _shape(store: Store, name: str, rank: int | None = None) -> tuple[int, ...]:
    if name not in store:
        raise WeightsError(f"{store.where} lacks {name}, from which its sizes are read; use the file of the release.")
    shape = store[name].shape
    if (rank is not None and len(shape) != rank) or (name.endswith(V) and len(shape) != 3) or not shape:
        raise WeightsError(
            f"{store.where} holds {name} of shape {list(shape)}; another rank was expected: fetch it again."
        )
    return shape


def _count(store: Store, pattern: str) -> int:
    return len({match[1] for name in store if (match := re.fullmatch(pattern, name))})
