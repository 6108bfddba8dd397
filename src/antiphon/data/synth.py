"""The voices of nano's first corpus with their licences, spoken exactly as they were for it; see `engines` for more.

Every engine is a Debian package run as a program; nothing of it is needed to use antiphon. An engine speaks a list of
texts with one voice and gives float32 mono sound at its own rate. Festival also tells when each word and phone is said.
One thing is known to be wrong and stays, so that the corpus can be made again: espeak-ng drops the variant of a voice
whose accent is `en-gb` without a word, so those voices are one. The engines of the plug-ins do not.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from antiphon.data.engines.festival import decode_wave, read_utterance
from antiphon.data.engines.protocol import Samples, Span, Speech
from antiphon.errors import InputError

__all__ = ["LICENCES", "Samples", "Span", "Speech", "Voice", "decode_wave", "installed", "speak", "speak_all"]

LICENCES = {
    "festival-slt": ("festvox-us-slt-hts", "EST-2003 (Carnegie Mellon, BSD-like); HTS engine parts BSD-3-clause"),
    "festival-kal": ("festvox-kallpc16k", "Black and Lenzo 1998, free use, BSD-like"),
    "festival-ked": ("festvox-kdlpc16k", "University of Edinburgh 1997, free use, BSD-like"),
    "flite": ("flite", "Carnegie Mellon University, BSD-like"),
    "espeak": ("espeak-ng", "GPL-3.0-or-later for the program; its output is free of it"),
}
PROGRAMS = {"festival": "festival", "flite": "flite", "espeak": "espeak-ng"}
FESTIVAL_VOICES = {
    "slt": "voice_cmu_us_slt_arctic_hts",
    "kal": "voice_kal_diphone",
    "ked": "voice_ked_diphone",
}


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A voice: its engine, the engine's name for it, and how fast and high it speaks (1.0 is its own way)."""

    engine: str
    name: str
    speed: float = 1.0
    pitch: float = 1.0

    @property
    def id(self) -> str:
        return f"{self.engine}-{self.name}"

    @property
    def licence(self) -> tuple[str, str]:
        """The Debian package and the licence."""
        key = self.id if self.engine == "festival" else self.engine
        return LICENCES[key]


def installed(voice: Voice) -> bool:
    """Whether the programs and files of a voice are on this machine."""
    if shutil.which(PROGRAMS[voice.engine]) is None:
        return False
    return voice.engine != "festival" or voice.name in _festival_voices()


@cache
def _festival_voices() -> frozenset[str]:
    listed = subprocess.run(
        ["festival", "-b", "(print (voice.list))"], capture_output=True, text=True, check=True
    ).stdout  # a list such as (ked_diphone kal_diphone)
    return frozenset(name for name, call in FESTIVAL_VOICES.items() if call.removeprefix("voice_") in listed)


def speak(text: str, voice: Voice) -> tuple[Samples, int]:
    """Speak one text; return float32 mono [n] and its rate in Hz.

    Raises:
        InputError: when the engine makes no sound of the text.
    """
    speech = speak_all([text], voice)[0]
    return speech.audio, speech.rate


def speak_all(texts: list[str], voice: Voice) -> list[Speech]:
    """Speak many texts with one voice; festival loads its voice once for all of them."""
    if voice.engine == "festival":
        return _festival(texts, voice)
    one = {"flite": _flite, "espeak": _espeak}[voice.engine]
    return [one(text, voice) for text in texts]


def _espeak(text: str, voice: Voice) -> Speech:
    """Words per minute are 165 times the speed; the pitch runs from 0 to 99 with 50 as the voice's own."""
    pitch = int(np.clip(50 * voice.pitch, 0, 99))
    command = ["espeak-ng", "-v", voice.name, "-s", str(round(165 * voice.speed)), "-p", str(pitch), "--stdout", text]
    audio, rate = decode_wave(subprocess.run(command, capture_output=True, check=True).stdout)
    return Speech(audio=audio, rate=rate)


def _flite(text: str, voice: Voice) -> Speech:
    """Flite stretches durations by 1/speed; pitch multiplies the mean that is usual for its male and female voices."""
    mean = {"slt": 170, "kal16": 95, "rms": 95, "awb": 120}[voice.name]
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={1 / voice.speed:.3f}"]
        if voice.pitch != 1.0:
            command += ["--setf", f"int_f0_target_mean={mean * voice.pitch:.1f}"]
        subprocess.run([*command, "-t", text, "-o", file.name], capture_output=True, check=True)
        audio, rate = decode_wave(Path(file.name).read_bytes())
    return Speech(audio=audio, rate=rate)


def _festival(texts: list[str], voice: Voice) -> list[Speech]:
    """One process for all texts: synthesise, then save wave, phone ends and word ends of each."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "say.scm"
        script.write_text(_scheme(texts, voice, folder), encoding="utf-8")
        done = subprocess.run(["festival", "-b", str(script)], capture_output=True, text=True)
        if done.returncode != 0:
            raise InputError(f"Found festival stopping with {done.stderr[-200:]!r}; expected speech, check the text.")
        return [read_utterance(Path(folder) / str(index)) for index in range(len(texts))]


def _scheme(texts: list[str], voice: Voice, folder: str) -> str:
    """Write the program that festival runs; `Duration_Stretch` slows diphone voices, HTS takes its own options."""
    lines = [f"({FESTIVAL_VOICES[voice.name]})"]
    if voice.name == "slt" and voice.speed != 1.0:
        lines.append(f'(set! hts_engine_params (append hts_engine_params (list (list "-r" {voice.speed:.3f}))))')
    elif voice.speed != 1.0:
        lines.append(f"(Parameter.set 'Duration_Stretch {1 / voice.speed:.3f})")
    lines.append(
        "(define (say path text) (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))"
        ' (utt.save.wave u (string-append path ".wav") \'riff)'
        ' (utt.save.segs u (string-append path ".segs")) (utt.save.words u (string-append path ".words"))))'
    )
    for index, text in enumerate(texts):
        quoted = text.replace("\\", " ").replace('"', " ")
        lines.append(f'(say "{folder}/{index}" "{quoted}")')
    return "\n".join(lines)


ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
SEEN_VARIANTS = (
    "m1", "m2", "m3", "m4", "m6", "m7", "m8", "f1", "f2", "f3", "f5", "klatt", "klatt2", "klatt3", "Alex", "Alicia",
    "Andy", "Annie", "Denis", "Gene", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "adam", "anika",
    "antonio", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward", "grandpa", "iven", "john", "linda",
    "marcelo", "max", "michel", "miguel", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro",
    "shelby", "steph", "steph2", "travis", "victor", "zac",
)  # fmt: skip
UNSEEN_VARIANTS = (
    ("en-us", "m5"), ("en-gb", "f4"), ("en-us", "Andrea"), ("en-gb-scotland", "Henrique"), ("en-029", "grandma"),
    ("en-gb-x-rp", "aunty"),
)  # fmt: skip


@cache
def seen_voices() -> tuple[Voice, ...]:
    """The voices that training hears: every espeak accent, each seen variant in an accent, flite and festival."""
    plain = [Voice(engine="espeak", name=accent) for accent in ACCENTS]
    varied = [
        Voice(engine="espeak", name=f"{ACCENTS[index % len(ACCENTS)]}+{variant}")
        for index, variant in enumerate(SEEN_VARIANTS)
    ]
    american = [Voice(engine="espeak", name=f"en-us+{variant}") for variant in SEEN_VARIANTS[:14:2]]
    flite = [Voice(engine="flite", name=name) for name in ("kal16", "rms", "slt")]
    festival = [Voice(engine="festival", name=name) for name in FESTIVAL_VOICES]
    return tuple({voice.id: voice for voice in (*plain, *varied, *american, *flite, *festival)}.values())


@cache
def unseen_voices() -> tuple[Voice, ...]:
    """Espeak variants that training never hears, in any accent."""
    return tuple(Voice(engine="espeak", name=f"{accent}+{variant}") for accent, variant in UNSEEN_VARIANTS)


AWB = Voice(engine="flite", name="awb")  # a Scottish speaker that training never hears
TARGET = Voice(engine="festival", name="slt")  # the voice that nano learns to speak with
