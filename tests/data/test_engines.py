"""Every engine of the catalogue speaks, obeys what it says it obeys, and says a text the same way each time."""

import logging

import numpy as np
import pytest

from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import NOTHING, Controls, EngineVoice, Speech, Utterance
from antiphon.errors import ConfigError

TEXT = "what is the capital of france?"
TEXTS = {
    "en": TEXT, "zh": "今天天气很好。", "zh-latn": "jin1 tian1 hen3 hao3", "yue": "今日天氣好好。",
    "ja": "こんにちは。", "fr": "quelle heure est il?", "de": "wie spät ist es jetzt?", "es": "buenos días a todos.",
    "it": "che ore sono adesso?",
}  # fmt: skip
VOICES = [(engine, voice) for engine in catalogue.ENGINES for voice in catalogue.ENGINES[engine].voices]


def say(engine: str, voice: str, text: str = TEXT, **controls: float) -> Speech:
    (speech,) = catalogue.find(engine).speak([Utterance(text=text, voice=voice, controls=Controls(**controls))])
    return speech


def needs(engine: str, voice: EngineVoice) -> None:
    if not catalogue.find(engine).has(voice):
        pytest.skip(f"the Debian package {voice.package} is not installed")


def pitch_hz(speech: Speech) -> float:
    """The median pitch of the loud frames, by autocorrelation."""
    size = int(0.05 * speech.rate)
    frames = speech.audio[: len(speech.audio) // size * size].reshape(-1, size).astype(np.float64)
    frames = frames[np.square(frames).mean(1) > 0.25 * np.square(frames).mean()]
    found = []
    for frame in frames - frames.mean(1, keepdims=True):
        same = np.correlate(frame, frame, "full")[size - 1 :]
        least, most = speech.rate // 500, speech.rate // 60
        lag = least + int(np.argmax(same[least:most]))
        if same[lag] > 0.5 * same[0]:
            found.append(speech.rate / lag)
    return float(np.median(found))


def centre_hz(speech: Speech) -> float:
    """Where the middle of the spectrum lies."""
    power = np.abs(np.fft.rfft(speech.audio)) ** 2
    return float((power * np.fft.rfftfreq(len(speech.audio), 1 / speech.rate)).sum() / power.sum())


@pytest.mark.parametrize(("engine", "voice"), VOICES, ids=lambda v: v if isinstance(v, str) else v.name)
def test_voices_speak(engine: str, voice: EngineVoice) -> None:
    needs(engine, voice)
    speech = say(engine, voice.name, TEXTS[voice.language])
    assert speech.audio.dtype == np.float32 and speech.audio.ndim == 1
    assert 0.4 < len(speech.audio) / speech.rate < 4.0
    assert 0.1 < np.abs(speech.audio).max() <= 1.0


@pytest.mark.parametrize(("engine", "name"), [("espeak", "en-us"), ("flite", "kal16"), ("flite", "slt"),
                                              ("festival", "kal")])  # fmt: skip
def test_voices_obey(engine: str, name: str) -> None:
    voice = catalogue.voice(engine, name)
    needs(engine, voice)
    plain, fast, high = (say(engine, name, **how) for how in ({}, {"speed": 1.4}, {"pitch": 1.4}))
    assert {"speed", "pitch"} <= voice.obeys
    assert len(plain.audio) > 1.2 * len(fast.audio)
    assert 1.2 < pitch_hz(high) / pitch_hz(plain) < 1.6


def test_a_clip_does_not_depend_on_what_was_said_before() -> None:
    for engine, name in (("espeak", "en-us"), ("flite", "slt"), ("festival", "slt")):
        needs(engine, catalogue.voice(engine, name))
        one, other = (Utterance(text=TEXT, voice=name, controls=Controls(speed=1.2)),
                      Utterance(text="no.", voice=name, controls=Controls(pitch=1.3, rough=1.0)))  # fmt: skip
        before, _, after = catalogue.find(engine).speak([one, other, one])
        assert len(before.audio) > 1000 and np.array_equal(before.audio, after.audio)


def test_espeak_makes_speakers() -> None:
    needs("espeak", catalogue.voice("espeak", "en-us"))
    man, woman, bright, dark, whisper = (
        say("espeak", "en-us", **how)
        for how in ({}, {"pitch": 1.9, "tract": 1.15}, {"tilt": 14.0}, {"tilt": -14.0}, {"breath": 1.0})
    )
    assert 85 < pitch_hz(man) < 125 and 160 < pitch_hz(woman) < 230
    assert centre_hz(dark) < centre_hz(man) < centre_hz(woman) and centre_hz(man) < centre_hz(bright)
    assert centre_hz(whisper) > 1.5 * centre_hz(man)


def test_words_and_phones_lie_in_order() -> None:
    for engine, name in (("espeak", "en-gb"), ("festival", "slt")):
        needs(engine, catalogue.voice(engine, name))
        speech = say(engine, name)
        assert [word for word, _, _ in speech.words] == TEXT.strip("?").split()
        for spans in (speech.words, speech.phones):
            assert all(a < b for _, a, b in spans)
            assert all(before[2] <= after[1] + 1e-6 for before, after in zip(spans, spans[1:], strict=False))
            assert spans[-1][2] <= len(speech.audio) / speech.rate + 0.01


def test_a_variant_is_heard_in_every_accent() -> None:
    """espeak drops a variant it cannot place without a word; British English was such a case."""
    for name in ("en-us", "en-gb", "en-gb-scotland", "cmn", "ja"):
        needs("espeak", catalogue.voice("espeak", name))
        text = TEXTS[catalogue.voice("espeak", name).language]
        assert pitch_hz(say("espeak", name, text, pitch=2.0)) > 1.5 * pitch_hz(say("espeak", name, text))


def test_what_cannot_be_said_costs_one_clip() -> None:
    needs("espeak", catalogue.voice("espeak", "en-us"))
    said = catalogue.find("espeak").speak([Utterance(text=text, voice="en-us") for text in (TEXT, "", TEXT)])
    assert not np.abs(said[1].audio).any() and np.array_equal(said[0].audio, said[2].audio)
    needs("flite", catalogue.voice("flite", "kal16"))
    said = catalogue.find("flite").speak([Utterance(text=text, voice="kal16") for text in ("", TEXT)])
    assert said[0] is NOTHING or len(said[0].audio) < len(said[1].audio)


def test_missing_engines_are_named_with_their_package(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(type(catalogue.find("festival")), "installed", lambda self: False)
    monkeypatch.setattr(type(catalogue.find("flite")), "has", lambda self, voice: True)
    with caplog.at_level(logging.WARNING, "antiphon"):
        catalogue.warn_of_absent(("flite", "festival"), ("en",))
    assert [record.getMessage() for record in caplog.records] == [
        "the Debian package festival is not installed; run `apt-get install festival` to speak with it; "
        "the other voices go on without it."
    ]
    assert set(catalogue.available(("flite", "festival"), ("en",))) == {"flite"}
    with pytest.raises(ConfigError, match="apt-get install"):
        catalogue.available(("festival",), ("en",))
    with pytest.raises(ConfigError, match="no engine speaks it"):
        catalogue.available(("flite",), ("xx",))
    with pytest.raises(ConfigError, match="use one of espeak"):
        catalogue.find("mbrola")


def test_every_voice_has_a_licence() -> None:
    for _, voice in VOICES:
        assert voice.package and voice.licence and "mbrola" not in voice.package
