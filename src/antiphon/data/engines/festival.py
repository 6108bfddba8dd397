"""festival: two diphone voices and one of statistical parametric synthesis, by one process for many texts."""

import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np

from antiphon.data.engines.protocol import NOTHING, Control, EngineVoice, Samples, Span, Speech, Utterance
from antiphon.errors import InputError

# our name: festival's, the package, the licence, gender, what it obeys
DIPHONE: frozenset[Control] = frozenset({"speed", "pitch", "range"})
VOICES: dict[str, tuple[str, str, str, str, frozenset[Control]]] = {
    "slt": ("voice_cmu_us_slt_arctic_hts", "festvox-us-slt-hts", "EST-2003 (Carnegie Mellon, BSD-like); HTS engine "
            "parts BSD-3-clause", "female", frozenset({"speed"})),
    "kal": ("voice_kal_diphone", "festvox-kallpc16k", "Black and Lenzo 1998, free use, BSD-like", "male", DIPHONE),
    "ked": ("voice_ked_diphone", "festvox-kdlpc16k", "University of Edinburgh 1997, free use, BSD-like", "male",
            DIPHONE),
}  # fmt: skip
MEAN_HZ, SPREAD_HZ = 105, 14  # of the two diphone voices
UNSAID = re.compile(r'[\\"]')


class Festival:
    """festival, with the times of all words and phones."""

    name = "festival"
    package = "festival"

    @property
    def voices(self) -> tuple[EngineVoice, ...]:
        return tuple(
            EngineVoice(name=name, language="en", accent="american", gender="female" if sex == "female" else "male",
                        package=package, licence=licence, obeys=obeys)
            for name, (_, package, licence, sex, obeys) in VOICES.items()
        )  # fmt: skip

    def installed(self) -> bool:
        return shutil.which("festival") is not None

    def has(self, voice: EngineVoice) -> bool:
        return self.installed() and voice.name in installed_voices()

    def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        """One process says them all; where it stops at a text, that one is left out and another says the rest."""
        if not utterances:
            return []
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "say.scm"
            script.write_text(program(utterances, folder), encoding="utf-8")
            subprocess.run(["festival", "-b", str(script)], capture_output=True)
            said = []
            for index in range(len(utterances)):
                path = Path(folder) / str(index)
                if not path.with_suffix(".done").exists():
                    break
                said.append(read_utterance(path))
        if len(said) == len(utterances):
            return said
        return [*said, NOTHING, *self.speak(utterances[len(said) + 1 :])]


@cache
def installed_voices() -> frozenset[str]:
    """Which of the voices festival lists."""
    asked = subprocess.run(["festival", "-b", "(print (voice.list))"], capture_output=True, text=True, check=True)
    return frozenset(name for name, (call, *_) in VOICES.items() if call.removeprefix("voice_") in asked.stdout)


def program(utterances: Sequence[Utterance], folder: str) -> str:
    """The Scheme that festival runs; an utterance is there when its `.done` is."""
    lines = [
        "(define (say path text) (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))"
        ' (utt.save.wave u (string-append path ".wav") \'riff)'
        ' (utt.save.segs u (string-append path ".segs")) (utt.save.words u (string-append path ".words"))'
        ' (fclose (fopen (string-append path ".done") "w"))))'
    ]
    for index, said in enumerate(utterances):
        how, call = said.controls, VOICES[said.voice][0]
        lines.append(f"({call})")
        if said.voice == "slt":
            lines.append(f'(set! hts_engine_params (append hts_engine_params (list (list "-r" {how.speed:.3f}))))')
        else:
            lines.append(f"(Parameter.set 'Duration_Stretch {1 / how.speed:.3f})")
            lines.append(
                f"(set! int_lr_params '((target_f0_mean {MEAN_HZ * how.pitch:.1f})"
                f" (target_f0_std {SPREAD_HZ * how.range:.1f}) (model_f0_mean 170) (model_f0_std 34)))"
            )
        lines.append(f'(say "{folder}/{index}" "{UNSAID.sub(" ", said.text)}")')
    return "\n".join(lines)


def decode_wave(data: bytes) -> tuple[Samples, int]:
    """Decode 16-bit mono WAV bytes, also from programs that leave the length in the header open."""
    if len(data) <= 44:
        raise InputError(f"Found {len(data)} bytes of speech; expected a WAV file, so check the engine's voice name.")
    with wave.open(BytesIO(data)) as file:
        rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
    if (width, channels) != (2, 1):
        raise InputError(f"Found {channels} channels of {8 * width} bits; expected 16-bit mono, so check the engine.")
    body = data[data.index(b"data") + 8 :]
    samples = np.frombuffer(body[: len(body) // 2 * 2], dtype="<i2").astype(np.float32) / np.float32(32768)
    return samples, rate


def read_utterance(path: Path) -> Speech:
    """Read the wave of an utterance and its labels; a word that follows a pause begins where the pause ends."""
    wave_bytes = path.with_suffix(".wav").read_bytes()
    if len(wave_bytes) <= 44:
        return NOTHING
    audio, rate = decode_wave(wave_bytes)
    phones = _spans(path.with_suffix(".segs"))
    pauses = {round(start, 3): end for what, start, end in phones if what == "pau"}
    words = []
    for word, start, end in _spans(path.with_suffix(".words")):
        words.append((word, pauses.get(round(start, 3), start), end))
    return Speech(audio=audio, rate=rate, words=tuple(words), phones=phones)


def _spans(path: Path) -> tuple[Span, ...]:
    """Read festival's label file: after a line "#", each line is an end time, a number and the label."""
    lines = path.read_text(encoding="utf-8").split("#", 1)[1].strip().splitlines()
    spans, start = [], 0.0
    for line in lines:
        end, _, what = line.split()
        spans.append((what, start, float(end)))
        start = float(end)
    return tuple(spans)
