"""espeak-ng and flite, which speak in a process of their own (see `host`)."""

import atexit
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from ctypes import CDLL
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from antiphon.data.engines.host import HEAD
from antiphon.data.engines.protocol import NOTHING, Control, Controls, EngineVoice, Speech, Utterance
from antiphon.errors import CapacityError

# --- the other process -----------------------------------------------------------------------------------------------


class Host:
    """The process, started with the first request; it ends with this one, since its input then ends."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("host.py"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> Speech:
        """Have one text said."""
        to, back = self.process.stdin, self.process.stdout
        assert to is not None and back is not None
        to.write(json.dumps(request).encode() + b"\n")
        to.flush()
        rate, samples, marks = HEAD.unpack(self._read(back, HEAD.size))
        sound = np.frombuffer(self._read(back, 2 * samples), "<i2").astype(np.float32) / np.float32(32768)
        spans = json.loads(self._read(back, marks))
        if rate == 0 or samples == 0:
            return NOTHING
        told = {kind: tuple((w, a, b) for k, w, a, b in spans if k == kind) for kind in ("word", "phone")}
        return Speech(audio=sound, rate=rate, words=told["word"], phones=told["phone"])

    @staticmethod
    def _read(pipe: IO[bytes], count: int) -> bytes:
        found = pipe.read(count)
        if len(found) != count:
            raise CapacityError("the process of the speech engines has ended, perhaps for want of memory or of "
                                "espeak-ng-data; give the same command again.")  # fmt: skip
        return found

    def close(self) -> None:
        """End the process; only whoever started it does."""
        if os.getpid() == self.pid and self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process.wait()
        atexit.unregister(self.close)


@cache
def _host(pid: int) -> Host:
    return Host()


def close_host() -> None:
    """End this process's host, if it has one; the next text starts another."""
    if _host.cache_info().currsize:
        _host(os.getpid()).close()
        _host.cache_clear()


def _ask(requests: Iterable[dict[str, Any]]) -> list[Speech]:
    host = _host(os.getpid())  # a fork of this process gets its own
    return [host.ask(request) for request in requests]


@cache
def _loads(library: str) -> bool:
    """Whether a shared library is there."""
    try:
        CDLL(library)
    except OSError:
        return find_library(library.removeprefix("lib").split(".so")[0]) is not None
    return True


# --- espeak-ng -------------------------------------------------------------------------------------------------------

GPL = "GPL-3.0-or-later for the program; its output is free of it"
ESPEAK = {  # our name: its file, the language, the accent
    "en-us": ("gmw/en-US", "en", "american"),
    "en-us-nyc": ("gmw/en-US-nyc", "en", "new york"),
    "en-gb": ("gmw/en", "en", "british"),
    "en-gb-rp": ("gmw/en-GB-x-rp", "en", "received"),
    "en-gb-scotland": ("gmw/en-GB-scotland", "en", "scottish"),
    "en-gb-lancaster": ("gmw/en-GB-x-gbclan", "en", "lancaster"),
    "en-gb-westmidlands": ("gmw/en-GB-x-gbcwmd", "en", "west midlands"),
    "en-029": ("gmw/en-029", "en", "caribbean"),
    "cmn": ("sit/cmn", "zh", "mandarin"),
    "cmn-pinyin": ("sit/cmn-Latn-pinyin", "zh-latn", "mandarin"),
    "yue": ("sit/yue", "yue", "cantonese"),
    "ja": ("jpx/ja", "ja", "japanese"),
    "fr": ("roa/fr", "fr", "french"),
    "de": ("gmw/de", "de", "german"),
    "es": ("roa/es", "es", "castilian"),
    "it": ("roa/it", "it", "italian"),
}
WORDS_PER_MINUTE = 165
MEAN_HZ, BELOW_HZ, ABOVE_HZ = 102, 20, 16  # of espeak's own man: measured mean, and what it reaches to either side
TONAL, TONAL_REACH_HZ = ("zh", "zh-latn", "yue"), (6, 30)
CHINESE_HASTE = 1.8  # espeak counts words, and takes each character of Chinese for one
GAP_S = 0.010
DARKEST_DB = -18


class Espeak:
    """espeak-ng: formant synthesis in many languages, whose speakers are made of numbers, without end."""

    name = "espeak"
    package = "espeak-ng"
    obeys: frozenset[Control] = frozenset({"speed", "pitch", "range", "tract", "breath", "rough", "tilt", "gaps"})

    @property
    def voices(self) -> tuple[EngineVoice, ...]:
        return tuple(
            EngineVoice(name=name, language=language, accent=accent, gender="any", package=self.package, licence=GPL,
                        obeys=self.obeys)
            for name, (_, language, accent) in ESPEAK.items()
        )  # fmt: skip

    def installed(self) -> bool:
        return _loads("libespeak-ng.so.1")

    def has(self, voice: EngineVoice) -> bool:
        return self.installed()

    def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        return _ask(
            {
                "engine": "espeak",
                "voice": ESPEAK[said.voice][0],
                "text": said.text,
                "variant": variant(said.controls, tonal=ESPEAK[said.voice][1] in TONAL),
                "words_per_minute": _words_per_minute(said),
                "gap": round(said.controls.gaps / GAP_S),
            }
            for said in utterances
        )


def _words_per_minute(said: Utterance) -> int:
    haste = CHINESE_HASTE if ESPEAK[said.voice][1].startswith(("zh", "yue")) else 1.0
    return int(np.clip(round(WORDS_PER_MINUTE * haste * said.controls.speed), 80, 449))


def variant(how: Controls, tonal: bool = False) -> str:
    """The file that tells espeak-ng how a speaker sounds; words with tones stay near the lower end of the pitch.

    Formants move together as a vocal tract shortens. Breath is noise through the formants in place of the voice,
    roughness its steps of jitter, and a tilt is a tone control in steps over frequency.
    """
    below, above = TONAL_REACH_HZ if tonal else (BELOW_HZ, ABOVE_HZ)
    low = how.pitch * (MEAN_HZ - below * how.range)
    high = how.pitch * (MEAN_HZ + above * how.range)
    lines = ["language variant", "name asked", f"pitch {low:.0f} {high:.0f}", f"flutter {2 + 18 * how.rough:.0f}"]
    lines.append(f"roughness {7 * how.rough:.0f}")
    lines.append(f"voicing {100 - 83 * how.breath:.0f}")
    voiced = max(0.0, 1 - how.breath)
    lines.append(f"formant 0 {100 * math.sqrt(how.tract):.0f} {100 * voiced:.0f} 100")
    for number in range(1, 9):
        lines.append(f"formant {number} {100 * how.tract:.0f} {100 - 20 * how.breath:.0f} {100 + 20 * how.breath:.0f}")
    if how.breath > 0:
        lines.append("breath " + " ".join(f"{level * how.breath:.0f}" for level in (75, 75, 50, 40, 15, 10)))
        lines.append("breathw 150 150 200 200 400 400")
    if how.tilt != 0:
        lines.append("tone " + " ".join(f"{hz} {_loudness(how.tilt, hz)}" for hz in (200, 800, 1500, 2500, 4000, 6000)))
    return "\n".join(lines) + "\n"


def _loudness(tilt: float, hz: int) -> int:
    """espeak's tone at a frequency, 255 at most, for a tilt in dB over the five octaves from 200 Hz."""
    share = math.log2(hz / 200) / 5
    db = (share - 1) * tilt if tilt > 0 else share * max(tilt, DARKEST_DB)
    return round(255 * 10 ** (db / 20))


# --- flite -----------------------------------------------------------------------------------------------------------

BSD = "Carnegie Mellon University, BSD-like"
FLITE: dict[str, tuple[str, str, int, frozenset[Control]]] = {  # the accent, the gender, mean Hz, what it obeys
    "kal16": ("american", "male", 95, frozenset({"speed", "pitch", "range"})),
    "rms": ("american", "male", 99, frozenset({"speed"})),
    "awb": ("scottish", "male", 125, frozenset({"speed", "pitch"})),
    "slt": ("american", "female", 170, frozenset({"speed", "pitch"})),
}
SPREAD_HZ = 11.0  # flite's own deviation of the pitch of a diphone voice


class Flite:
    """flite: one diphone voice and three of statistical parametric synthesis."""

    name = "flite"
    package = "flite"

    @property
    def voices(self) -> tuple[EngineVoice, ...]:
        return tuple(
            EngineVoice(name=name, language="en", accent=accent, gender="female" if gender == "female" else "male",
                        package=self.package, licence=BSD, obeys=obeys)
            for name, (accent, gender, _, obeys) in FLITE.items()
        )  # fmt: skip

    def installed(self) -> bool:
        return _loads("libflite.so.1")

    def has(self, voice: EngineVoice) -> bool:
        return self.installed() and _loads(f"libflite_cmu_us_{voice.name}.so.1")

    def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        return _ask(
            {"engine": "flite", "voice": said.voice, "text": said.text, "features": self._features(said)}
            for said in utterances
        )

    @staticmethod
    def _features(said: Utterance) -> dict[str, float]:
        features = {"duration_stretch": 1 / said.controls.speed}
        if said.controls.pitch != 1.0:
            features["int_f0_target_mean"] = FLITE[said.voice][2] * said.controls.pitch
        if said.controls.range != 1.0:
            features["int_f0_target_stddev"] = SPREAD_HZ * said.controls.range
        return features
