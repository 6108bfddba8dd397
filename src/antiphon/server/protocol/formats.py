"""Sound on the wire: PCM16 at 24 kHz, and G.711 (mu-law, A-law) at 8 kHz, both ways.

G.711 writes a sample as sign, exponent (3 bits) and mantissa (4 bits). The tables are made from its formulas; encoding
picks the interval that a sample falls in, so decoding and encoding again gives the same byte.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from antiphon.rates import PHONE_HZ, SPOKEN_HZ, exact_div
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal

MULAW_BIAS = 33  # added before the logarithm, in 14 bits
MULAW_CLIP = 8158  # the last step of the 14-bit scale
ALAW_EVEN = 0x55  # the bits that A-law inverts on the line
MULAW_SHIFT = 2  # mu-law's 14 bits from 16
ALAW_SHIFT = 4  # A-law's 12 magnitude bits from 16
LOW_NIBBLE = 0x0F


@dataclass(frozen=True, kw_only=True)
class Pcm:
    """16-bit little-endian samples, one channel."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


@dataclass(frozen=True, kw_only=True)
class Pcmu:
    """G.711 mu-law, one byte a sample."""

    type: Literal["audio/pcmu"] = "audio/pcmu"


@dataclass(frozen=True, kw_only=True)
class Pcma:
    """G.711 A-law, one byte a sample."""

    type: Literal["audio/pcma"] = "audio/pcma"


Format = Pcm | Pcmu | Pcma


def rate_hz(form: Format) -> int:
    """Samples a second."""
    return SPOKEN_HZ if isinstance(form, Pcm) else PHONE_HZ


def bytes_per_ms(form: Format) -> int:
    """Bytes of one millisecond."""
    return exact_div(rate_hz(form), 1000) * (2 if isinstance(form, Pcm) else 1)


def duration_ms(form: Format, num_bytes: int) -> int:
    """Whole milliseconds in `num_bytes`."""
    return num_bytes // bytes_per_ms(form)


def decode(form: Format, data: bytes, param: str = "audio") -> NDArray[np.int16]:
    """Bytes to samples [n] at `rate_hz(form)`.

    Raises:
        Refusal: PCM16 with half a sample.
    """
    if isinstance(form, Pcm):
        if len(data) % 2:
            what = f"The audio has {len(data)} bytes; expected whole samples of 2 bytes."
            raise Refusal(what, code=INVALID_VALUE, param=param)
        return np.frombuffer(data, "<i2").astype(np.int16)
    table = mulaw_levels() if isinstance(form, Pcmu) else alaw_levels()
    return table[np.frombuffer(data, np.uint8)]


def encode(form: Format, samples: NDArray[np.int16]) -> bytes:
    """Samples [n] at `rate_hz(form)` to bytes."""
    if isinstance(form, Pcm):
        return samples.astype("<i2").tobytes()
    return (_mulaw(samples) if isinstance(form, Pcmu) else _alaw(samples)).tobytes()


@cache
def mulaw_levels() -> NDArray[np.int16]:
    """The 256 levels of mu-law in 16 bits: sign * (((2 m + 33) << e) - 33), all bits inverted on the line."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & LOW_NIBBLE).astype(np.int32)
    level = ((2 * mantissa + MULAW_BIAS) << exponent) - MULAW_BIAS
    return _fixed(np.where(code & 0x80, -level, level) << MULAW_SHIFT)


@cache
def alaw_levels() -> NDArray[np.int16]:
    """The 256 levels of A-law in 16 bits, middles of their intervals; the even bits are inverted on the line."""
    code = np.arange(256, dtype=np.uint8) ^ ALAW_EVEN
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & LOW_NIBBLE).astype(np.int32)
    level = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0))
    return _fixed(np.where(code & 0x80, level, -level) << (ALAW_SHIFT - 1))


def _fixed(table: NDArray[np.int32]) -> NDArray[np.int16]:
    levels = table.astype(np.int16)
    levels.flags.writeable = False  # it is shared
    return levels


def _mulaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    wide = samples.astype(np.int32)
    level = np.minimum(np.abs(wide) >> MULAW_SHIFT, MULAW_CLIP) + MULAW_BIAS
    exponent = np.maximum(_bit_length(level) - 6, 0)
    mantissa = level >> (exponent + 1) & LOW_NIBBLE
    sign = np.where(wide < 0, 0x80, 0)
    code: NDArray[np.uint8] = (sign | exponent << 4 | mantissa).astype(np.uint8)
    return ~code


def _alaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    wide = samples.astype(np.int32)
    level = np.where(wide < 0, ~wide, wide) >> ALAW_SHIFT
    exponent = np.maximum(_bit_length(level) - 4, 0)
    mantissa = level >> np.maximum(exponent - 1, 0) & LOW_NIBBLE
    sign = np.where(wide < 0, 0, 0x80)
    code: NDArray[np.uint8] = (sign | exponent << 4 | mantissa).astype(np.uint8)
    return np.bitwise_xor(code, ALAW_EVEN, dtype=np.uint8)


def _bit_length(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bits of each whole number: 0 for 0, 5 for 16 to 31."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int32)
