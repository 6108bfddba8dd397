"""Engines speak when they are installed; voices are told apart; every voice names its licence."""

import struct

import numpy as np
import pytest

from antiphon.data import synth
from antiphon.data.synth import Voice
from antiphon.errors import InputError

ONE_EACH = [
    synth.TARGET,
    Voice(engine="festival", name="kal"),
    Voice(engine="festival", name="ked"),
    Voice(engine="flite", name="kal16"),
    Voice(engine="flite", name="rms", speed=1.2, pitch=1.1),
    synth.AWB,
    synth.seen_voices()[0],
    synth.unseen_voices()[0],
]


def needs(voice: Voice) -> None:
    if not synth.installed(voice):
        pytest.skip(f"the Debian package {voice.licence[0]} is not installed")


@pytest.mark.parametrize("voice", ONE_EACH, ids=lambda voice: voice.id)
def test_engines_speak(voice: Voice) -> None:
    needs(voice)
    audio, rate = synth.speak("what is the capital of france?", voice)
    assert audio.dtype == np.float32 and audio.ndim == 1
    assert rate in (16_000, 22_050, 32_000)
    assert 1.0 < len(audio) / rate < 4.0
    assert np.abs(audio).max() <= 1.0
    assert np.sqrt(np.mean(audio**2)) > 0.01


@pytest.mark.parametrize("name", ["espeak", "flite", "festival"])
def test_speed_shortens(name: str) -> None:
    voice = next(voice for voice in synth.seen_voices() if voice.engine == name)
    needs(voice)
    slow, fast = (
        len(synth.speak("seventeen plus four", Voice(engine=name, name=voice.name, speed=speed))[0])
        for speed in (0.8, 1.25)
    )
    assert slow > 1.3 * fast


def test_festival_says_where_words_and_phones_lie() -> None:
    needs(synth.TARGET)
    first, second = synth.speak_all(["nice to meet you, anna.", "four."], synth.TARGET)
    assert [word for word, _, _ in first.words] == ["nice", "to", "meet", "you", "anna"]
    assert [phone for phone, _, _ in second.phones] == ["pau", "f", "ao", "r", "pau"]
    for speech in (first, second):
        assert speech.rate == 32_000
        assert abs(speech.phones[-1][2] - len(speech.audio) / speech.rate) < 0.1
        spoken = [phone for phone in speech.phones if phone[0] != "pau"]
        assert speech.words[0][1] == pytest.approx(spoken[0][1], abs=1e-3)
        assert speech.words[-1][2] == pytest.approx(spoken[-1][2], abs=1e-3)
        assert all(a[2] == b[1] for a, b in zip(speech.phones, speech.phones[1:], strict=False))
        quiet = speech.audio[: int(0.5 * speech.phones[0][2] * speech.rate)]
        inside = speech.audio[int(spoken[0][1] * speech.rate) : int(spoken[-1][2] * speech.rate)]
        assert np.abs(inside).max() > 5 * np.abs(quiet).max()


def test_many_voices_are_seen_and_none_of_them_is_unseen() -> None:
    seen = {voice.id for voice in synth.seen_voices()}
    unseen = {voice.id for voice in synth.unseen_voices()} | {synth.AWB.id}
    assert len(seen) == len(synth.seen_voices()) >= 75
    assert len(unseen) >= 6
    assert not seen & unseen
    variants = {voice.id.split("+")[1] for voice in synth.seen_voices() if "+" in voice.id}
    assert not variants & {variant for _, variant in synth.UNSEEN_VARIANTS}


def test_every_voice_names_its_package_and_licence() -> None:
    for voice in (*synth.seen_voices(), *synth.unseen_voices(), synth.AWB, synth.TARGET):
        package, licence = voice.licence
        assert package and licence
        assert voice.engine in synth.PROGRAMS
    used = {voice.id if voice.engine == "festival" else voice.engine for voice in (*synth.seen_voices(), synth.AWB)}
    assert used == set(synth.LICENCES)


def test_waves_of_open_length_are_read_and_empty_ones_refused() -> None:
    body = struct.pack("<3h", 0, 16384, -16384)
    header = b"RIFF\xff\xff\xff\x7fWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 22050, 44100, 2, 16)
    audio, rate = synth.decode_wave(header + b"data\xff\xff\xff\x7f" + body)
    assert (audio.tolist(), rate) == ([0.0, 0.5, -0.5], 22050)
    with pytest.raises(InputError, match="expected a WAV file"):
        synth.decode_wave(b"")
    with pytest.raises(InputError, match="expected 16-bit mono"):
        synth.decode_wave(header[:22] + b"\x02\x00" + header[24:] + b"data\x06\x00\x00\x00" + body)
