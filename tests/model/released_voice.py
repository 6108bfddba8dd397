"""The tiny released checkpoints of the voice, as models of ours, and the arrays they are compared with."""

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from antiphon.config import ConformerConfig, DiTConfig, FlowConfig, HiFTConfig, SpeechTokenizerConfig
from antiphon.model.flow import Flow
from antiphon.model.hift import HiFT
from antiphon.model.speaker import SpeakerNet
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.model.voice import Voice
from antiphon.nn.noise import Buffered
from tests.model.released import arrays

GOLDEN = Path(__file__).parents[1] / "golden" / "token2wav"
KEYS = Path(__file__).parents[1] / "golden" / "token2wav-keys"
TINY_FLOW = FlowConfig(
    input_size=32,
    conformer=ConformerConfig(width=32, num_heads=2, hidden=48, num_layers=2, num_up_layers=2),
    dit=DiTConfig(width=48, num_heads=4, head_dim=16, depth=2),
)


def _loaded(model: nn.Module, name: str, prefix: str = "") -> nn.Module:
    weights = load_file(GOLDEN / f"{name}.safetensors")
    model.load_state_dict({key.removeprefix(prefix): value for key, value in weights.items()}, strict=True)
    return model.eval().requires_grad_(False)


@cache
def tokenizer() -> SpeechTokenizer:
    model = _loaded(SpeechTokenizer(SpeechTokenizerConfig(width=128, num_heads=2, num_layers=1)), "tiny_s3tokenizer")
    assert isinstance(model, SpeechTokenizer)
    return model


@cache
def flow() -> Flow:
    model = _loaded(Flow(TINY_FLOW), "tiny_flow")
    assert isinstance(model, Flow)
    return model


@cache
def hift() -> HiFT:
    model = _loaded(HiFT(HiFTConfig(channels=32, f0_width=24)), "tiny_hift", "generator.")
    assert isinstance(model, HiFT)
    return model


@cache
def voice() -> Voice:
    return Voice(tokenizer(), flow(), hift(), SpeakerNet(GOLDEN / "tiny_speaker_stub.onnx"))


@cache
def golden(name: str) -> dict[str, Tensor]:
    """Every array of one file."""
    return arrays(GOLDEN / f"{name}.npz")


def noise() -> Buffered:
    """The noise buffer behind every golden mel."""
    return Buffered(golden("flow_noise")["rand_noise"])


def silent(clock: Tensor, num: int) -> Tensor:
    """A source without noise."""
    return torch.zeros(len(clock), 9, num)


def names_and_shapes(name: str) -> dict[str, list[int]]:
    """Every tensor of a released checkpoint at full size."""
    rows = [line.split("\t") for line in (KEYS / name).read_text().splitlines() if not line.startswith("#")]
    return {key: [int(n) for n in shape.strip("[]").split(",") if n.strip()] for key, shape, _ in rows}


def has_the_released_names(model: nn.Module, name: str) -> None:
    """Names and shapes are those of the released checkpoint, with nothing missing and nothing extra."""
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == names_and_shapes(name)


def near(found: Tensor, expected: Tensor, atol: float) -> None:
    torch.testing.assert_close(found.float(), expected.float(), atol=atol, rtol=0)
