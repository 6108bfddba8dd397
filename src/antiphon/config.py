"""Every size of every model, as data: frozen dataclasses that read and write JSON and the released `config.json`.

nano, mini and the 32B differ here and nowhere else. Unknown keys are refused by name.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from antiphon.errors import ConfigError
from antiphon.rates import FRAME_HOP

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Audio encoder: log-mel frames to 25 Hz features."""

    num_mels: int = 128
    max_frames: int = 1500  # rows of the position table, at 50 Hz
    width: int = 1280
    num_heads: int = 20
    num_layers: int = 32


@dataclass(frozen=True, kw_only=True)
class AdaptorConfig:
    """Adaptor: 25 Hz features to 12.5 Hz rows of the language model."""

    kernel: int = 3
    stride: int = 2
    hidden: int = 2048


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Qwen2 decoder."""

    width: int = 3584
    hidden: int = 18944
    num_heads: int = 28
    num_kv_heads: int = 4
    num_layers: int = 28
    vocab_size: int = 158720
    eps: float = 1e-6
    rope_theta: float = 1e6
    max_positions: int = 16384
    tie_embeddings: bool = False
    eos_id: int | None = None  # as a released config.json states them; the token layout decides what ends a turn
    pad_id: int | None = None

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.width // self.num_heads


@dataclass(frozen=True, kw_only=True)
class SpeechTokenizerConfig:
    """Speech tokenizer: 16 kHz log-mel to FSQ codes at 25 Hz."""

    num_mels: int = 128
    width: int = 1280
    num_heads: int = 20
    num_layers: int = 6
    memory: int = 31  # taps of the FSMN memory
    levels: tuple[int, ...] = (3,) * 8
    window: int | None = None  # attention reaches this many codes to each side; None: everywhere

    @property
    def num_codes(self) -> int:
        """Size of the code book."""
        return math.prod(self.levels)

    def __post_init__(self) -> None:
        if not self.levels or any(level < 3 or level % 2 == 0 for level in self.levels):
            raise ConfigError(f"tokenizer.levels is {self.levels}; odd numbers from 3 up were expected.")


@dataclass(frozen=True, kw_only=True)
class ConformerConfig:
    """Look-ahead conformer: codes at 25 Hz to features at 50 Hz."""

    width: int = 512
    num_heads: int = 8
    hidden: int = 2048
    num_layers: int = 6
    num_up_layers: int = 4
    look_ahead: int = 3
    up_stride: int = 2


@dataclass(frozen=True, kw_only=True)
class DiTConfig:
    """The velocity network of the flow."""

    width: int = 512
    num_heads: int = 8
    head_dim: int = 64
    depth: int = 16
    mlp_ratio: float = 4.0
    in_channels: int = 320
    out_channels: int = 80


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Flow-matching decoder: codes and a voice to a 50 Hz mel."""

    num_codes: int = 6561
    input_size: int = 512
    num_mels: int = 80
    speaker_dim: int = 192
    guidance: float = 0.7
    num_steps: int = 10
    conformer: ConformerConfig = field(default_factory=ConformerConfig)
    dit: DiTConfig = field(default_factory=DiTConfig)


@dataclass(frozen=True, kw_only=True)
class HiFTConfig:
    """HiFT vocoder: 50 Hz mel to 24 kHz wave. The product of the up rates and the iSTFT hop is 480."""

    num_mels: int = 80
    channels: int = 512
    num_harmonics: int = 8
    sine_amplitude: float = 0.1
    noise_sigma: float = 0.003
    voiced_hz: float = 10.0
    up_rates: tuple[int, ...] = (8, 5, 3)
    up_kernels: tuple[int, ...] = (16, 11, 7)
    istft_size: int = 16
    istft_hop: int = 4
    kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    source_kernels: tuple[int, ...] = (7, 7, 11)
    source_dilations: tuple[int, ...] = (1, 3, 5)
    slope: float = 0.1
    limit: float = 0.99
    max_magnitude: float = 100.0
    f0_width: int = 512
    phase: str = "sine"  # "sine": phase = sin(x), as released; "angle": phase = x, for a coarse iSTFT

    def __post_init__(self) -> None:
        if self.phase not in ("sine", "angle"):
            raise ConfigError(f"hift.phase is {self.phase!r}; it is either 'sine' or 'angle'.")
        if math.prod(self.up_rates) * self.istft_hop != FRAME_HOP:
            raise ConfigError(
                f"hift.up_rates {self.up_rates} times hift.istft_hop {self.istft_hop} is not {FRAME_HOP}, a frame."
            )
        if not len(self.up_rates) == len(self.up_kernels) == len(self.source_kernels):
            raise ConfigError("hift.up_rates, hift.up_kernels and hift.source_kernels differ in length; give one each.")
        if any((kernel - rate) % 2 for rate, kernel in zip(self.up_rates, self.up_kernels, strict=True)):
            raise ConfigError(f"hift.up_kernels {self.up_kernels} and hift.up_rates must be both even or both odd.")


@dataclass(frozen=True, kw_only=True)
class SpeechLMConfig:
    """What hears and thinks: encoder, adaptor and decoder."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    adaptor: AdaptorConfig = field(default_factory=AdaptorConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)


@dataclass(frozen=True, kw_only=True)
class VoiceConfig:
    """What speaks: tokenizer and speaker net for the voice prompt, flow and vocoder for the sound."""

    tokenizer: SpeechTokenizerConfig = field(default_factory=SpeechTokenizerConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    hift: HiFTConfig = field(default_factory=HiFTConfig)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A whole model. `voice` is None for a model that answers in text only."""

    name: str = "mini"
    variant: str = "mini"  # prompt style, prefix and stop ids: a name of `antiphon.text.variants`
    dtype: str = "bfloat16"
    lm: SpeechLMConfig = field(default_factory=SpeechLMConfig)
    voice: VoiceConfig | None = field(default_factory=VoiceConfig)


def to_dict(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[no-any-return]


def from_dict(cls: type[C], data: Any, where: str = "") -> C:
    """Build a config from plain values; an unknown key or a value of another kind is refused by name."""
    if not isinstance(data, dict):
        raise ConfigError(f"{where or cls.__name__} is {data!r}; an object was expected.")
    hints = get_type_hints(cls)
    for key in data:
        if key not in hints:
            raise ConfigError(f"{where}{key} is not a setting of {cls.__name__}; the settings are {', '.join(hints)}.")
    return cls(**{key: _value(hints[key], value, f"{where}{key}") for key, value in data.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    options = get_args(hint)
    if options and type(None) in options:
        if value is None:
            return None
        hint = next(o for o in options if o is not type(None))
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, where + ".")  # type: ignore[arg-type]
    if getattr(hint, "__origin__", None) is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(v, int) for v in value):
            raise ConfigError(f"{where} is {value!r}; a list of whole numbers was expected.")
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{where} is {value!r}; {hint.__name__} was expected.")
    return value


def read_json(path: Path) -> Any:
    """A JSON file; a broken one is one sentence."""
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} could not be read as JSON ({error}); check the file.") from error
