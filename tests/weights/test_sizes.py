"""Every name and shape at full size, on the meta device, against the lists of the release."""

import ast
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
from torch import nn

from antiphon.config import DecoderConfig, FlowConfig, HiFTConfig, SpeechLMConfig, SpeechTokenizerConfig
from antiphon.model.flow import Flow
from antiphon.model.hift import HiFT
from antiphon.model.speech_lm import SpeechLM
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.weights.build import shapes, skeleton
from antiphon.weights.find import preset
from antiphon.weights.sizes import hift_config, speech_tokenizer_config
from antiphon.weights.tensors import Entry, Store

KEYS = Path(__file__).parent.parent / "golden" / "token2wav-keys"


def listed(name: str) -> dict[str, tuple[int, ...]]:
    rows = [
        line.split("\t") for line in (KEYS / f"{name}_real.tsv").read_text().splitlines() if not line.startswith("#")
    ]
    return {row[0]: tuple(ast.literal_eval(row[1])) for row in rows}


def store(shapes: dict[str, tuple[int, ...]]) -> Store:
    import torch

    return Store("the list", {n: Entry(s, torch.float32, lambda s=s: torch.empty(s)) for n, s in shapes.items()})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "module", "tensors", "numbers"),
    [
        ("flow", lambda: Flow(FlowConfig()), 605, 155_802_352),
        ("hift", lambda: HiFT(HiFTConfig()), 328, 20_821_295),
        ("s3tokenizer_v2", lambda: SpeechTokenizer(SpeechTokenizerConfig()), 102, 123_714_568),
    ],
)
def test_what_speaks(name: str, module: object, tensors: int, numbers: int) -> None:
    found = shapes(skeleton(module))  # type: ignore[arg-type]
    assert found == listed(name)
    assert (len(found), sum(prod(s) for s in found.values())) == (tensors, numbers)


def test_sizes_are_read_off_the_released_shapes() -> None:
    assert hift_config(store(listed("hift"))) == HiFTConfig()
    assert speech_tokenizer_config(store(listed("s3tokenizer_v2"))) == SpeechTokenizerConfig()


def count(module: nn.Module) -> tuple[int, int]:
    found = shapes(module)
    return len(found), sum(prod(s) for s in found.values())


def test_mini() -> None:
    assert count(skeleton(lambda: SpeechLM(preset("mini").lm))) == (832, 8_315_179_264)


def test_32b_by_formula() -> None:
    config = preset("32b").lm
    assert config.decoder == replace(
        DecoderConfig(width=5120, hidden=27648, num_heads=40, num_kv_heads=8, num_layers=64),
        max_positions=config.decoder.max_positions,
        eos_id=151643,
        pad_id=151643,
    )
    width, hidden, kv, vocab = 5120, 27648, 8 * 128, 158720
    attention = 2 * width * width + width + 2 * (width * kv + kv)
    layer = attention + 3 * width * hidden + 2 * width
    encoder = 636_968_960  # the same as the mini's
    adaptor = (3 * 1280 * 1280 + 1280) + (1280 * 2048 + 2048) + (2048 * width + width)
    expected = 2 * vocab * width + 64 * layer + width + encoder + adaptor
    assert count(skeleton(lambda: SpeechLM(config))) == (3 + 64 * 12 + 487 + 6, expected)
    assert 33.4e9 < expected < 33.5e9


def test_a_tied_head_is_no_tensor() -> None:
    config = SpeechLMConfig(decoder=DecoderConfig(tie_embeddings=True, num_layers=1))
    assert "lm_head.weight" not in shapes(skeleton(lambda: SpeechLM(config)))
