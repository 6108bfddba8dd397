"""Speakers and their ways of speaking: many, distinct, known, and the same for the same seed."""

from collections import Counter
from random import Random

import numpy as np
import pytest

from antiphon.data import prosody, speakers
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Controls, Speech
from antiphon.data.prosody import EMOTIONS, RHYTHMS
from antiphon.data.shaping import asked, finished, resample, tilted
from antiphon.data.speakers import speaker
from antiphon.errors import ConfigError

ALL = {name: engine.voices for name, engine in catalogue.ENGINES.items()}
SHARES = {"espeak": 0.6, "flite": 0.2, "festival": 0.2}
MANY = [speaker(1, number, ALL, SHARES, "en") for number in range(3000)]


def test_thousands_of_speakers_are_distinct_and_stay_the_same() -> None:
    assert len({(s.engine, s.voice, s.controls) for s in MANY}) == len(MANY)
    assert speaker(1, 77, ALL, SHARES, "en") == MANY[77] != speaker(2, 77, ALL, SHARES, "en")


def test_all_classes_of_attributes_occur() -> None:
    for name, classes in (("gender", speakers.GENDERS), ("timbre", speakers.TIMBRES), ("pitch", speakers.PITCHES),
                          ("speed", speakers.SPEEDS), ("style", speakers.STYLES)):  # fmt: skip
        found = Counter(getattr(s, name) for s in MANY)
        assert set(found) == set(classes) and min(found.values()) > 50
    assert set(Counter(s.age for s in MANY)) == {*speakers.AGES, None}


def test_attributes_are_what_was_made() -> None:
    designed = [s for s in MANY if s.engine == "espeak" and s.style == "modal"]
    for s in designed:
        pace = s.controls.speed / (0.95 if s.age == "elderly" else 1.0)
        assert speakers.SPEEDS[s.speed][0] - 0.01 <= pace <= speakers.SPEEDS[s.speed][1] + 0.01
        assert (s.controls.tilt > 5) == (s.timbre == "bright") and (s.controls.tilt < -5) == (s.timbre == "dark")
        assert (s.controls.rough >= 0.5) == (s.timbre == "hoarse")

    def mean(**wanted: str) -> float:
        chosen = [s.controls.pitch for s in designed if all(getattr(s, k) == v for k, v in wanted.items())]
        return sum(chosen) / len(chosen)

    assert mean(age="child") > mean(gender="female", age="young") > 1.5 * mean(gender="male", age="young")
    recorded = [s for s in MANY if s.engine != "espeak"]
    assert {s.age for s in recorded} == {None} and {s.style for s in recorded} == {"modal"}
    assert all(s.gender == catalogue.voice(s.engine, s.voice).gender for s in recorded)


def test_a_language_that_no_engine_with_a_share_speaks() -> None:
    with pytest.raises(ConfigError, match="no engine with a share"):
        speaker(1, 0, ALL, {"festival": 1.0}, "zh")


def test_a_feeling_is_shown_only_by_a_voice_that_can() -> None:
    by = {voice: next(s for s in MANY if s.voice == voice and s.style == "modal") for voice in ("slt", "kal", "en-us")}
    for name in EMOTIONS:
        assert prosody.able(EMOTIONS[name], catalogue.voice("festival", "slt"), by["slt"]) == (name == "neutral")
        assert prosody.able(EMOTIONS[name], catalogue.voice("festival", "kal"), by["kal"])
    whisperer = next(s for s in MANY if s.style == "whisper")
    assert not prosody.able(EMOTIONS["happy"], catalogue.voice("espeak", "en-us"), whisperer)


def test_feelings_and_rhythms_differ() -> None:
    how = {name: prosody.apply(Controls(), manner) for name, manner in EMOTIONS.items()}
    assert len(set(how.values())) == len(EMOTIONS) >= 6
    assert how["happy"].pitch > 1 > how["sad"].pitch and how["sad"].range < 1 < how["happy"].range
    paces = {name: prosody.apply(Controls(), manner).speed for name, manner in RHYTHMS.items()}
    assert paces["rushed"] > paces["even"] > paces["halting"] > paces["dragging"]


def test_rhythm_moves_commas_and_no_words() -> None:
    text = "my friend anna, likes the small red cat."
    halting, rushed = (prosody.marked(text, rhythm, Random(3)) for rhythm in ("halting", "rushed"))
    assert halting.count(",") > text.count(",") and rushed == "my friend anna likes the small red cat."
    assert halting.replace(",", "") == rushed and prosody.marked(text, "even", Random(3)) == text


def test_a_tract_is_shortened_without_changing_pace_and_pitch() -> None:
    """A voice that obeys no tract is asked to speak lower and slower, and played faster."""
    ask, faster, tilt = asked(Controls(tract=1.1, speed=1.2, pitch=0.9, tilt=4.0), catalogue.voice("flite", "slt"))
    assert (faster, tilt, ask.tilt) == (1.1, 4.0, 0.0)
    assert ask.speed * faster == pytest.approx(1.2) and ask.pitch * faster == pytest.approx(0.9)
    time = np.arange(16_000) / 16_000
    hum = Speech(audio=np.sin(2 * np.pi * 300 * time).astype(np.float32), rate=16_000, words=(("a", 0.25, 0.75),))
    done = finished(hum, 16_000, 1.25, 0.0, 0.5, (0.1, 0.2))
    assert len(done.audio) == pytest.approx(0.8 * 16_000 + 0.3 * 16_000, abs=2)
    assert np.abs(done.audio).max() == pytest.approx(0.5) and done.words == (("a", 0.3, 0.7),)
    spectrum = np.abs(np.fft.rfft(done.audio[1600:14400]))
    assert np.argmax(spectrum) * 16_000 / 12_800 == pytest.approx(375, abs=2)


def test_changing_the_rate_keeps_a_wave() -> None:
    def wave(rate: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate).astype(np.float32)

    for rate in (22_050, 32_000, 8_000):
        np.testing.assert_allclose(resample(wave(rate), rate, 16_000)[300:-300], wave(16_000)[300:-300], atol=0.02)
    assert len(resample(np.zeros(0, np.float32), 22_050, 16_000)) == 0


def test_a_tilt_moves_the_top_and_leaves_the_bottom() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    gain = np.abs(np.fft.rfft(tilted(noise, 16_000, 12.0))) / np.abs(np.fft.rfft(noise))
    assert gain[100] == pytest.approx(1, abs=1e-3) and gain[-200] == pytest.approx(10 ** (12 / 20), rel=1e-2)
