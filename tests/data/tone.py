"""An engine for tests: it hums a tone for each character, needs no package, and cannot say the letter v."""

from collections.abc import Sequence

import numpy as np

from antiphon.data.engines.protocol import NOTHING, EngineVoice, Speech, Utterance

RATE = 8_000


class Tone:
    name = "tone"
    package = "tone"
    voices = tuple(
        EngineVoice(name=name, language="en", accent="none", gender="any", package="tone", licence="free",
                    obeys=frozenset({"speed", "pitch", "range", "tract", "breath", "rough", "tilt", "gaps"}))
        for name in ("low", "high")
    )  # fmt: skip

    def installed(self) -> bool:
        return True

    def has(self, voice: EngineVoice) -> bool:
        return True

    def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        return [self._hum(said) for said in utterances]

    def _hum(self, said: Utterance) -> Speech:
        if "v" in said.text:
            return NOTHING
        time = np.arange(int(RATE * 0.06 * len(said.text) / said.controls.speed)) / RATE
        hum = np.sin(2 * np.pi * 150 * said.controls.pitch * time).astype(np.float32)
        return Speech(audio=hum, rate=RATE, words=((said.text, 0.0, len(time) / RATE),))
