"""Speech synthesis engines for making training data, and the table of voices with their licences.

Every engine is a Debian package run as a program; nothing of it is needed to use antiphon. An engine speaks a list of
texts with one voice and gives float32 mono sound at its own rate. Festival also tells when each word and phone is said.
"""

import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt

from antiphon.errors import InputError

Samples = npt.NDArray[np.float32]
Span = tuple[str, float, float]  # what, start and end in seconds

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


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What an engine said: float32 mono in [-1, 1], its rate in Hz, and where words and phones lie, if it tells."""

    audio: Samples
    rate: int
    words: tuple[Span, ...] = ()
    phones: tuple[Span, ...] = ()


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
        return [_read_utterance(Path(folder) / str(index)) for index in range(len(texts))]


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


def _read_utterance(path: Path) -> Speech:
    audio, rate = decode_wave(path.with_suffix(".wav").read_bytes())
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
