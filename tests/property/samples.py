"""Every stateful module of the package at toy size: how to make one, what to feed it, and which laws it claims.

A module claims every law of `laws.py` unless `excepted` says why not. A tensor of its state whose change nobody can
hear is named in `silent`, with the reason. A class whose `forward` takes a state and that is part of another module is
named in `PARTS`. `test_registry.py` fails for whatever is missing here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from antiphon.audio.chunk import Pieces
from antiphon.audio.resample import Resampler
from antiphon.config import (
    AdaptorConfig,
    ConformerConfig,
    DecoderConfig,
    DiTConfig,
    EncoderConfig,
    FlowConfig,
    HiFTConfig,
    SpeechLMConfig,
    SpeechTokenizerConfig,
)
from antiphon.model.conformer import Conformer
from antiphon.model.flow import Flow, FlowOptions
from antiphon.model.hift import HiFT
from antiphon.model.lm import Decoder
from antiphon.model.speech_lm import SpeechLM
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.model.voice import Voice, VoicePrompt
from antiphon.nn.conv import CausalConv1d
from antiphon.nn.state import stack

CLOCK = "stamps only have to be new: a later one is as good"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One module and its claims. Lengths and chunks are in steps of the module's input."""

    build: Callable[[], Any]
    draw: Callable[[int, int, torch.Generator], Tensor]  # batch, length -> x
    axis: int  # of time in x
    chunk: int = 2  # the chunk of every law but the first; the state keeps its shapes under it
    cuts: Sequence[tuple[int, ...]] = ((1, 1, 1, 1, 1, 1), (2, 3, 1), (5, 1), (6,))
    whole: Callable[[Any, Tensor, tuple[int, ...]], Tensor] | None = None  # what a cut must equal; one call by default
    init: Callable[[Any, int], Any] = lambda module, batch: module.init_state(batch)
    join: Callable[[list[Any]], Tensor] = lambda parts: torch.cat(parts, dim=1)  # outputs of a stream
    warm: int = 0  # chunks until the state has its lasting shapes
    atol: float = 1e-5
    excepted: dict[str, str] = field(default_factory=dict)  # law -> why it is not claimed
    silent: dict[str, str] = field(default_factory=dict)  # tensor of the state -> why its change is not heard


def floats(*shape: int, axis: int) -> Callable[[int, int, torch.Generator], Tensor]:
    """Draws standard normal input; `shape` is that of one step of one stream, time stands at `axis`."""

    def draw(batch: int, length: int, generator: torch.Generator) -> Tensor:
        size = [batch, *shape]
        size.insert(axis, length)
        return torch.randn(size, generator=generator)

    return draw


def ids(num: int) -> Callable[[int, int, torch.Generator], Tensor]:
    """Draws whole numbers below `num`, [b, t]."""
    return lambda batch, length, generator: torch.randint(num, (batch, length), generator=generator)


def frozen(make: Callable[[], Any]) -> Callable[[], Any]:
    """The same weights every time, for inference."""

    def build() -> Any:
        torch.manual_seed(0)
        return make().eval().requires_grad_(False)

    return build


TINY_DECODER = DecoderConfig(width=32, hidden=48, num_heads=4, num_kv_heads=2, num_layers=2, vocab_size=50)
TINY_LM = SpeechLMConfig(
    encoder=EncoderConfig(num_mels=8, max_frames=20, width=16, num_heads=2, num_layers=1),
    adaptor=AdaptorConfig(hidden=16),
    decoder=TINY_DECODER,
)
TINY_CONFORMER = ConformerConfig(width=16, num_heads=2, hidden=24, num_layers=2, num_up_layers=1)
TINY_FLOW = FlowConfig(
    num_codes=30,
    input_size=12,
    num_mels=6,
    speaker_dim=5,
    num_steps=2,
    conformer=TINY_CONFORMER,
    dit=DiTConfig(width=16, num_heads=2, head_dim=8, depth=2, mlp_ratio=2.0, in_channels=24, out_channels=6),
)
TINY_HIFT = HiFTConfig(num_mels=6, channels=16, num_harmonics=2, f0_width=8)
CAPACITY = 128
CODES = 320  # that a stream of the voice may hear
LOOK = TINY_CONFORMER.look_ahead
BLOCKS = ((5 + LOOK, 5, 5, 5 - LOOK), (8 + LOOK, 8 - LOOK))  # codes pushed so that equal blocks come out


def in_blocks(module: Any, x: Tensor, cut: tuple[int, ...], state: Any = None) -> Tensor:
    """One call under the mask of the blocks that the cut renders."""
    y: Tensor = module(x, state, True, block=cut[0] - LOOK)[0]
    return y


def open_flow(module: Flow, batch: int) -> Any:
    """Streams behind a voice prompt, whose window is small enough to forget."""
    draw = torch.Generator().manual_seed(9)
    codes = torch.randint(30, (batch, 4), generator=draw)
    mel, embedding = torch.randn(batch, 6, 8, generator=draw), torch.randn(batch, 5, generator=draw)
    options = FlowOptions(steps=2, guidance=0.7, recent=12)
    return module.open(codes, mel, embedding, seed=7, options=options, capacity=CODES)


def vocoder() -> HiFT:
    """One that has something to sing: its pitch lies near 150 Hz."""
    hift = HiFT(TINY_HIFT)
    torch.nn.init.constant_(hift.f0_predictor.classifier.bias, 150.0)
    return hift


def voice() -> Voice:
    tokenizer = SpeechTokenizer(SpeechTokenizerConfig(width=8, num_heads=2, num_layers=1, memory=3))
    return Voice(tokenizer, Flow(TINY_FLOW), vocoder())


def open_voice(joins: str, truncation: str) -> Callable[[Voice, int], Any]:
    """Streams of one voice, each opened alone and then stacked."""
    options = FlowOptions(steps=1, guidance=0.7, recent=12, truncation=truncation)

    def init(module: Voice, batch: int) -> Any:
        draw = torch.Generator().manual_seed(9)
        codes = torch.randint(30, (1, 4), generator=draw)
        mel, speaker = torch.randn(1, 6, 8, generator=draw), torch.randn(1, 5, generator=draw)
        prompt = VoicePrompt(codes=codes, mel=mel, speaker=speaker)
        return stack([module.open(prompt, seed=7, options=options, joins=joins) for _ in range(batch)])

    return init


TWO_SIDED = "the vocoder hears frames on both sides of a joint: its chunks only come close to the whole, see test_hift"
SAMPLES: dict[str, Sample] = {
    "CausalConv1d": Sample(
        build=frozen(lambda: CausalConv1d(3, 5, 3, dilation=2)),
        draw=floats(3, axis=2),
        axis=2,
        join=lambda parts: torch.cat(parts, dim=2),
    ),
    "Resampler": Sample(
        build=frozen(lambda: Resampler(3, 2)),
        draw=floats(axis=1),
        axis=1,
        chunk=30,
        cuts=((1, 2, 3, 80, 4), (45, 45), (90,), (7, 83)),
        warm=1,
    ),
    "Pieces": Sample(
        build=lambda: Pieces(size=400),
        draw=floats(axis=1),
        axis=1,
        chunk=400,
        cuts=((150, 250, 399, 1), (799, 1), (800,)),
        init=lambda module, batch: module.step(torch.zeros(batch, 150), final=False)[1],
        join=lambda parts: torch.cat([piece for pieces in parts for piece in pieces], dim=1),
        excepted={"compile": "a cutter of sound on its way to the encoder; it computes nothing"},
    ),
    "Decoder": Sample(
        build=frozen(lambda: Decoder(TINY_DECODER)),
        draw=floats(32, axis=1),
        axis=1,
        init=lambda module, batch: module.init_state(batch, CAPACITY),
        silent={"clock": CLOCK},
    ),
    "SpeechLM": Sample(
        build=frozen(lambda: SpeechLM(TINY_LM)),
        draw=ids(50),
        axis=1,
        init=lambda module, batch: module.init_state(batch, CAPACITY),
        silent={"clock": CLOCK},
    ),
    "Conformer": Sample(
        build=frozen(lambda: Conformer(TINY_CONFORMER, 12)),
        draw=floats(12, axis=1),
        axis=1,
        chunk=5,
        cuts=BLOCKS,
        whole=in_blocks,
        init=lambda module, batch: module.init_state(batch, CODES),
        warm=1,
        silent={"slow.clock": CLOCK, "fast.clock": CLOCK},
    ),
    "Flow": Sample(
        build=frozen(lambda: Flow(TINY_FLOW)),
        draw=ids(30),
        axis=1,
        chunk=5,
        cuts=BLOCKS,
        whole=lambda module, x, cut: in_blocks(module, x, cut, open_flow(module, 1)),
        init=open_flow,
        join=lambda parts: torch.cat(parts, dim=2),
        warm=1,
        silent={
            "conformer.slow.clock": CLOCK,
            "conformer.fast.clock": CLOCK,
            "window.prompt_len": "asked for within a call cut into blocks, and by the released truncation, see Voice",
        },
    ),
    "HiFT": Sample(
        build=frozen(vocoder),
        draw=floats(6, axis=2),
        axis=2,
        chunk=8,
        warm=2,
        excepted={"chunks_equal_whole": TWO_SIDED},
    ),
    "Voice": Sample(
        build=frozen(voice),
        draw=ids(30),
        axis=1,
        chunk=5,
        init=open_voice("smooth", "prompt"),
        warm=3,
        excepted={"chunks_equal_whole": TWO_SIDED},
        silent={
            "flow.conformer.slow.clock": CLOCK,
            "flow.conformer.fast.clock": CLOCK,
            "flow.window.prompt_len": "see Flow, which it is a part of",
        },
    ),
    "Voice, as released": Sample(
        build=frozen(voice),
        draw=ids(30),
        axis=1,
        chunk=8,
        init=open_voice("released", "released"),
        warm=1,
        excepted={"chunks_equal_whole": "the released joints are louder and break the phase: kept for parity only"},
        silent={
            "flow.conformer.slow.clock": CLOCK,
            "flow.conformer.fast.clock": CLOCK,
            "flow.window.place": "the released truncation goes by order, not by frame; see Flow for where it is heard",
        },
    ),
}


def class_of(name: str) -> str:
    """The class that a sample is of; what follows a comma says how it is used."""
    return name.split(",")[0]


PARTS: dict[str, str] = {
    "DecoderLayer": "Decoder",
    "DecoderAttention": "Decoder",
    "LookAhead": "Conformer",  # holds nothing back itself: its parent pushes the look-ahead again
    "RelativeAttention": "Conformer",
    "ConformerLayer": "Conformer",
    "Upsample": "Conformer",
}
