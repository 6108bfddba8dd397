"""The process in which espeak-ng and flite speak, as shared libraries. It is run as a program and needs no package.

    {"engine": "flite", "text": "hello", ...}   one JSON object a line on standard input
    <rate, samples, bytes of JSON>, then both   on standard output, for each

Both libraries remember what they said before: the same text sounds different the second time. So the libraries are
loaded once, and each utterance is said by a fork of the process as it was then. That makes every clip a function of its
request alone, costs about a millisecond, and a text that crashes a library costs that one clip.
"""

import ctypes
import json
import os
import signal
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

PATIENCE_S = 20  # a library that has not said a text by then never will
HEAD = struct.Struct("<iii")
Said = tuple[int, bytes, list[list[Any]]]  # Hz, samples of 16 bits, [word or phone, what, start s, end s]


# --- espeak-ng -------------------------------------------------------------------------------------------------------

RETRIEVE, RATE, GAP, UTF8 = 2, 1, 7, 1
WANT_PHONES = 1 | 1 << 15  # as names, and do not exit when something is wrong
WORD, PHONE = 1, 7


class EspeakName(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class EspeakEvent(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("clause", ctypes.c_uint), ("position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int), ("data", ctypes.c_void_p), ("id", EspeakName),
    ]  # fmt: skip


EspeakHeard = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(EspeakEvent)
)


class Espeak:
    """espeak-ng with a data folder of its own, in which a voice variant can be put beside those that are there."""

    def __init__(self, home: Path):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.library.espeak_Info.restype = ctypes.c_char_p
        theirs = ctypes.c_char_p()
        self.library.espeak_Info(ctypes.byref(theirs))
        found = [path for path in self._folders(theirs.value) if path.is_dir()]
        if not found:
            raise OSError("no espeak-ng-data")
        ours = home / "espeak-ng-data"
        self.variants = ours / "voices" / "!v"
        self.variants.mkdir(parents=True)
        for path in found[0].iterdir():
            if path.name != "voices":
                (ours / path.name).symlink_to(path)
        self.rate = self.library.espeak_Initialize(RETRIEVE, 0, str(home).encode(), WANT_PHONES)
        if self.rate <= 0:
            raise OSError("espeak-ng does not start")

    @staticmethod
    def _folders(told: bytes | None) -> list[Path]:
        places = [Path(told.decode())] if told else []
        return [*places, *Path("/usr/lib").glob("*/espeak-ng-data"), Path("/usr/share/espeak-ng-data")]

    def say(self, request: dict[str, Any]) -> Said:
        sound, marks = bytearray(), []

        def heard(samples: Any, count: int, events: Any) -> int:
            if samples and count > 0:
                sound.extend(ctypes.string_at(samples, 2 * count))
            number = 0
            while events[number].type != 0:
                event = events[number]
                marks.append((event.type, event.sample, event.position, event.length, bytes(event.id.string)))
                number += 1
            return 0

        callback = EspeakHeard(heard)
        self.library.espeak_SetSynthCallback(callback)
        (self.variants / "asked").write_text(request["variant"], encoding="utf-8")
        if self.library.espeak_SetVoiceByName(f"{request['voice']}+asked".encode()) != 0:
            return 0, b"", []
        self.library.espeak_SetParameter(RATE, request["words_per_minute"], 0)
        self.library.espeak_SetParameter(GAP, request["gap"], 0)
        text = request["text"].encode()
        self.library.espeak_Synth(text, len(text) + 1, 0, 0, 0, UTF8, None, None)
        self.library.espeak_Synchronize()
        return self.rate, bytes(sound), self._spans(request["text"], marks, len(sound) // 2)

    def _spans(self, text: str, marks: list[tuple[Any, ...]], samples: int) -> list[list[Any]]:
        """Each mark begins where it says and ends where the next of its kind, or the pause after it, begins."""
        spans: list[list[Any]] = []
        for kind, name in ((WORD, "word"), (PHONE, "phone")):
            chosen = [m for m in marks if m[0] == kind or (kind == WORD and m[0] == PHONE and m[4][:1] == b"_")]
            ends = [m[1] for m in chosen[1:]] + [samples]
            for (what, start, position, length, label), end in zip(chosen, ends):  # noqa: B905
                if what != kind or end <= start:
                    continue
                said = text[position - 1 : position - 1 + length] if kind == WORD else label.split(b"\0")[0].decode()
                spans.append([name, said, start / self.rate, end / self.rate])
        return spans


# --- flite -----------------------------------------------------------------------------------------------------------


class FliteWave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p), ("rate", ctypes.c_int), ("samples", ctypes.c_int), ("channels", ctypes.c_int),
        ("sound", ctypes.POINTER(ctypes.c_short)),
    ]  # fmt: skip


class FliteVoice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class Flite:
    """flite and those of its voices that have been asked for."""

    def __init__(self, home: Path):
        self.library = ctypes.CDLL("libflite.so.1")
        self.library.flite_init()
        self.library.flite_text_to_wave.restype = ctypes.POINTER(FliteWave)
        self.library.flite_text_to_wave.argtypes = [ctypes.c_char_p, ctypes.POINTER(FliteVoice)]
        self.library.feat_set_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float]
        self.voices: dict[str, Any] = {}

    def load(self, name: str) -> None:
        """Load a voice before the fork, so that it is loaded once."""
        if name not in self.voices:
            register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = ctypes.POINTER(FliteVoice), [ctypes.c_char_p]
            self.voices[name] = register(None)

    def say(self, request: dict[str, Any]) -> Said:
        voice = self.voices[request["voice"]]
        names = [name.encode() for name in request["features"]]  # flite keeps no copy: they outlive the synthesis
        for name, value in zip(names, request["features"].values()):  # noqa: B905
            self.library.feat_set_float(voice.contents.features, name, value)
        wave = self.library.flite_text_to_wave(request["text"].encode(), voice)
        if not wave or wave.contents.samples <= 0:
            return 0, b"", []
        return wave.contents.rate, ctypes.string_at(wave.contents.sound, 2 * wave.contents.samples), []


# --- the loop --------------------------------------------------------------------------------------------------------


def forked(engine: Any, request: dict[str, Any]) -> bytes:
    """Let a fork say it; what it had no time to say, or died of, is an empty answer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE_S)
        rate, sound, spans = engine.say(request)
        marks = json.dumps(spans).encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(HEAD.pack(rate, len(sound) // 2, len(marks)) + sound + marks)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 else HEAD.pack(0, 0, 2) + b"[]"


def main() -> None:
    engines: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="speech-") as folder:
        for line in sys.stdin:
            request = json.loads(line)
            name = request["engine"]
            if name not in engines:
                engines[name] = {"espeak": Espeak, "flite": Flite}[name](Path(folder))
            if name == "flite":
                engines[name].load(request["voice"])
            sys.stdout.buffer.write(forked(engines[name], request))
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
