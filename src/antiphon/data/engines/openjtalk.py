"""Open JTalk: Japanese, by the Python package `pyopenjtalk` with Debian's dictionary."""

import importlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from antiphon.data.engines.protocol import NOTHING, EngineVoice, Speech, Utterance

DICTIONARY = Path("/var/lib/mecab/dic/open-jtalk/naist-jdic")
LICENCE = "voice HTS Voice Mei by MMDAgent, CC-BY 3.0: name it where its speech is published; engine BSD-3-clause"
SEMITONES = 12


class OpenJTalk:
    """The voice "mei"; without the dictionary the package would fetch one, so it is not asked to."""

    name = "openjtalk"
    package = "open-jtalk-mecab-naist-jdic"

    @property
    def voices(self) -> tuple[EngineVoice, ...]:
        return (
            EngineVoice(name="mei", language="ja", accent="japanese", gender="female", package=self.package,
                        licence=LICENCE, obeys=frozenset({"speed", "pitch"})),
        )  # fmt: skip

    def installed(self) -> bool:
        return importlib.util.find_spec("pyopenjtalk") is not None and self._dictionary().is_dir()

    def has(self, voice: EngineVoice) -> bool:
        return self.installed()

    @staticmethod
    def _dictionary() -> Path:
        return Path(os.environ.get("OPEN_JTALK_DICT_DIR", DICTIONARY))

    def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        os.environ["OPEN_JTALK_DICT_DIR"] = str(self._dictionary())
        pyopenjtalk = importlib.import_module("pyopenjtalk")

        found = []
        for said in utterances:
            if not any(character.isalnum() for character in said.text):  # the library would crash
                found.append(NOTHING)
                continue
            half_tone = float(SEMITONES * np.log2(said.controls.pitch))
            wave, rate = pyopenjtalk.tts(said.text, speed=said.controls.speed, half_tone=half_tone)
            found.append(Speech(audio=(wave / 32768).astype(np.float32), rate=int(rate)))
        return found
