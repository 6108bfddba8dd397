"""Rooms and what else a recording suffers: every effect is measured on the sound that comes out."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from antiphon.data import augment
from antiphon.data.augment import BANDS, CODECS, COLOURS, Done
from antiphon.data.events import event
from antiphon.data.grains import Samples, noise, rms, sine
from antiphon.data.rooms import ROOMS, hear_in, room
from antiphon.errors import InputError

RATE = 16_000


def hiss(seed: int = 0, seconds: float = 2.0, level: float = 0.1) -> Samples:
    return (level * noise(np.random.default_rng(seed), round(seconds * RATE), RATE)).astype(np.float32)


def tone(hz: float, seconds: float = 1.0, level: float = 0.5) -> Samples:
    return (level * sine(np.full(round(seconds * RATE), float(hz)), RATE)).astype(np.float32)


def energy(audio: Samples, low: float, high: float) -> float:
    """The share of the energy between two frequencies."""
    power, hz = np.abs(np.fft.rfft(audio)) ** 2, np.fft.rfftfreq(len(audio), 1 / RATE)
    return float(power[(hz >= low) & (hz < high)].sum() / power.sum())


def snr_db(clean: Samples, heard: Samples) -> float:
    """How far the error lies below the sound."""
    return 20 * float(np.log10(rms(clean) / rms(heard.astype(np.float64) - clean)))


@pytest.mark.parametrize("wanted", [-5.0, 0.0, 10.0, 30.0])
@pytest.mark.parametrize("kind", ["white", "pink", "brown", "restaurant", "rain"])
def test_noise_lies_exactly_as_far_below_as_asked(kind: str, wanted: float) -> None:
    rng = np.random.default_rng(3)
    clean = hiss(level=0.05)
    other = augment.background(kind, rng, 1.0, RATE)
    heard, record = augment.add_noise(clean, other, wanted, rng)
    assert len(heard) == len(clean) and record["what"] == "noise" and record["snr_db"] == wanted
    unscaled = heard.astype(np.float64) / record.get("scaled", 1.0)
    assert snr_db(clean, unscaled) == pytest.approx(wanted, abs=0.1)


def test_colours_fall_as_they_say() -> None:
    for kind, slope in COLOURS.items():
        heard = augment.background(kind, np.random.default_rng(0), 4.0, RATE)
        low, high = energy(heard, 500, 1_000), energy(heard, 2_000, 4_000)
        per_hz = 10 * np.log10(low / 500 / (high / 2_000)) / 2  # two octaves
        assert per_hz == pytest.approx(slope, abs=0.5), kind


@pytest.mark.parametrize("kind", ROOMS)
def test_a_room_decays_in_the_time_it_says(kind: str) -> None:
    for seed in range(4):
        made = room(kind, np.random.default_rng(seed))
        low, high = ROOMS[kind].rt60_s
        assert low <= made.rt60_s <= high
        tail = made.response[1:]
        spectrum = np.fft.rfft(tail, 2 * len(tail))
        spectrum[np.fft.rfftfreq(2 * len(tail), 1 / RATE) > 1_900] = 0
        left = np.cumsum(np.fft.irfft(spectrum)[: len(tail)][::-1] ** 2)[::-1]  # Schroeder's integral
        level = 10 * np.log10(left / left[0] + 1e-12)
        between = int(np.argmax(level < -25) - np.argmax(level < -5)) / RATE
        assert 3 * between == pytest.approx(made.rt60_s, rel=0.15)
        assert -10 * np.log10(np.sum(tail**2)) == pytest.approx(made.direct_to_reverberant_db, abs=1e-6)
    assert room(kind, np.random.default_rng(0), rt60_s=0.7).rt60_s == 0.7


def test_a_room_prolongs_and_keeps_loudness_and_moment() -> None:
    click = np.zeros(RATE, np.float32)
    click[4_000] = 0.5
    dry, wet = hiss(), hear_in(hiss(), room("hall", np.random.default_rng(0)))
    assert len(wet) == len(dry) and rms(wet) == pytest.approx(rms(dry))
    heard, record = augment.reverberate(click, room("church", np.random.default_rng(1)))
    assert np.argmax(np.abs(heard)) == 4_000 and np.abs(heard[:3_999]).max() < 1e-6
    assert np.sum(heard[8_000:] ** 2) > 1e-3 * np.sum(heard**2) and record["kind"] == "church"


@pytest.mark.parametrize("name", BANDS)
def test_nothing_is_left_outside_a_band(name: str) -> None:
    low, high = BANDS[name]
    heard, record = augment.limit_band(hiss(), RATE, name)
    assert energy(heard, 0.85 * low, 1.15 * high) > 0.999
    assert record == {"what": "band", "name": name}
    middle = np.sqrt(max(low, 100) * min(high, 6_000))
    assert rms(augment.limit_band(tone(middle), RATE, name)[0]) == pytest.approx(rms(tone(middle)), rel=0.01)


@pytest.mark.parametrize(("name", "least", "most"), [("mu-law", 33, 42), ("a-law", 33, 42), ("adpcm", 15, 40)])
def test_telephone_codecs_are_as_noisy_as_they_are_known_to_be(name: str, least: float, most: float) -> None:
    """Also for quiet sound: eight logarithmic bits hold their ratio, where eight linear ones would lose it."""
    for level in (0.5, 0.05):
        clean = tone(440, level=level)
        assert least < snr_db(clean, augment.code(clean, RATE, name)[0]) < most


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_is_heard_and_does_not_destroy(name: str) -> None:
    clean, _ = augment.limit_band(event("dog", np.random.default_rng(0), 2.0), RATE, "telephone")
    before = clean.copy()
    heard, record = augment.code(clean, RATE, name)
    assert len(heard) == len(clean) and heard.dtype == np.float32 and record == {"what": "codec", "name": name}
    assert 3 < snr_db(clean, heard) < 60
    assert np.array_equal(clean, before)
    assert np.abs(augment.code(np.zeros(1_000, np.float32), RATE, name)[0]).max() < 0.02


def test_gain_is_in_decibels_and_never_clips() -> None:
    louder, record = augment.gain(hiss(), 6.0)
    assert 20 * np.log10(rms(louder) / rms(hiss())) == pytest.approx(6.0, abs=0.01) and record["db"] == 6.0
    full, record = augment.gain(tone(440), 20.0)
    assert np.abs(full).max() == pytest.approx(1.0) and record["scaled"] == pytest.approx(0.2, rel=0.01)
    assert np.corrcoef(full, tone(440))[0, 1] == pytest.approx(1.0)


def test_clipping_cuts_at_a_share_of_the_peak() -> None:
    cut, _ = augment.clip(tone(440), 0.5)
    assert np.abs(cut).max() == pytest.approx(0.25, rel=0.01)
    assert np.mean(np.abs(cut) > 0.2499) == pytest.approx(2 / 3, abs=0.01)  # a sine is above half its peak so long
    assert energy(cut, 1_300, 1_340) > 0.001 > energy(tone(440), 1_300, 1_340)  # the third harmonic is new


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25, 2.0])
def test_speed_changes_length_and_pitch(factor: float) -> None:
    heard, record = augment.change_speed(tone(440), factor)
    assert len(heard) == round(RATE / factor) and record == {"what": "speed", "factor": factor}
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(power) * RATE / len(heard) == pytest.approx(440 * factor, rel=0.01)
    assert rms(heard) == pytest.approx(rms(tone(440)), rel=0.02)


def test_a_mixture_holds_both() -> None:
    heard, record = augment.mix(tone(440, 1.0, 0.3), tone(2_000, 1.0), 6.0, 0.5, RATE)
    assert len(heard) == 1.5 * RATE and record["ratio_db"] == 6.0
    assert energy(heard[:7_900], 300, 600) > 0.99 and energy(heard[16_100:], 1_900, 2_100) > 0.99
    both = heard[8_100:15_900]
    ratio = 10 * np.log10(energy(both, 300, 600) / energy(both, 1_900, 2_100))
    assert ratio == pytest.approx(6.0, abs=0.3)


CHAIN: tuple[Callable[[Samples], Done], ...] = (
    lambda x: augment.reverberate(x, room("room", np.random.default_rng(0))),
    lambda x: augment.add_noise(x, hiss(1), 5.0, np.random.default_rng(0)),
    lambda x: augment.limit_band(x, RATE, "telephone"),
    lambda x: augment.code(x, RATE, "adpcm"),
    lambda x: augment.gain(x, 30.0),
    lambda x: augment.clip(x, 0.8),
    lambda x: augment.change_speed(x, 1.1),
    lambda x: augment.mix(x, hiss(2), 20.0, 0.1, RATE),
)


def test_a_chain_is_recorded_and_repeats_itself() -> None:
    def run() -> tuple[Samples, list[dict[str, object]]]:
        sound, records = event("bird", np.random.default_rng(0), 2.0), []
        for step in CHAIN:
            sound, record = step(sound)
            assert sound.dtype == np.float32 and np.isfinite(sound).all() and np.abs(sound).max() <= 1.0
            records.append(record)
        return sound, records

    (one, records), (two, again) = run(), run()
    assert np.array_equal(one, two) and records == again
    assert json.loads(json.dumps(records)) == records
    assert [record["what"] for record in records] == [
        "room", "noise", "band", "codec", "gain", "clip", "speed", "mix",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: room("cave", np.random.default_rng(0)), "expected one of booth"),
        (lambda: room("hall", np.random.default_rng(0), rt60_s=60.0), "0.05 to 10 s"),
        (lambda: augment.add_noise(hiss(), np.zeros(10), 0.0, np.random.default_rng(0)), "silence"),
        (lambda: augment.add_noise(hiss(), np.zeros(0), 0.0, np.random.default_rng(0)), "silence"),
        (lambda: augment.mix(np.zeros(9, np.float32), hiss(), 0.0, 0.0, RATE), "silence"),
        (lambda: augment.mix(hiss(), hiss(), 0.0, -1.0, RATE), "0 or later"),
        (lambda: augment.background("lava", np.random.default_rng(0), 1.0, RATE), "expected one of white"),
        (lambda: augment.limit_band(hiss(), RATE, "am"), "expected one of telephone"),
        (lambda: augment.code(hiss(), RATE, "mp3"), "expected one of mu-law"),
        (lambda: augment.clip(hiss(), 0.0), "above 0"),
        (lambda: augment.change_speed(hiss(), 9.0), "0.25 to 4"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(call: Callable[[], object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()
