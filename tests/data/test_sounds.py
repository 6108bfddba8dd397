"""Events, vocal sounds, scenes, instruments: each class can be told from the others, and what is said of it is true."""

from collections.abc import Callable

import numpy as np
import pytest

from antiphon.data.events import EVENTS, event
from antiphon.data.grains import PEAK, Samples, rms
from antiphon.data.instruments import INSTRUMENTS, TEMPI, music
from antiphon.data.scenes import SCENES, scene
from antiphon.data.vocal import CHILD, MAN, VOCAL_SOUNDS, vocal
from antiphon.errors import InputError
from tests.data.listening import HOP, spectra, told_apart

Maker = Callable[[str, np.random.Generator], Samples]


def any_event(kind: str, rng: np.random.Generator) -> Samples:
    return event(kind, rng, 2.0)


def any_scene(kind: str, rng: np.random.Generator) -> Samples:
    return scene(kind, rng, 3.0).audio


def any_music(instrument: str, rng: np.random.Generator) -> Samples:
    return music(instrument, str(rng.choice(list(TEMPI))), rng, 4.0).audio


FAMILIES: tuple[tuple[str, list[str], Maker, float], ...] = (
    ("events", list(EVENTS), any_event, 0.95),
    ("vocal sounds", list(VOCAL_SOUNDS), vocal, 0.95),
    ("scenes", list(SCENES), any_scene, 0.90),
    ("instruments", list(INSTRUMENTS), any_music, 0.80),  # at any tempo
)


def test_there_are_as_many_classes_as_the_skills_need() -> None:
    assert len(EVENTS) >= 14 and len(SCENES) >= 6 and len(VOCAL_SOUNDS) >= 6 and len(INSTRUMENTS) >= 5
    assert set(TEMPI) == {"slow", "medium", "fast"}
    assert all(what in EVENTS for kind in SCENES.values() for what in kind.events)


@pytest.mark.parametrize(("name", "kinds", "make", "least"), FAMILIES, ids=[family[0] for family in FAMILIES])
def test_classes_are_told_apart_by_simple_ears(name: str, kinds: list[str], make: Maker, least: float) -> None:
    assert told_apart(kinds, make) >= least


@pytest.mark.parametrize(
    ("kind", "make"), [(kind, make) for _, kinds, make, _ in FAMILIES for kind in kinds], ids=lambda x: str(x)[:20]
)
def test_every_sound_is_a_function_of_its_generator(kind: str, make: Maker) -> None:
    one, same, other = (make(kind, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.float32 and one.ndim == 1 and np.isfinite(one).all()
    assert np.array_equal(one, same)
    n = min(len(one), len(other))
    assert not np.allclose(one[:n], other[:n])
    assert np.abs(one).max() == pytest.approx(PEAK, abs=1e-3)
    assert rms(one) > 0.01 and abs(float(one.mean())) < 1e-3


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_a_sound_is_the_same_at_any_rate(rate: int) -> None:
    for kind in EVENTS:
        assert len(event(kind, np.random.default_rng(0), 1.0, rate)) == rate
    for kind in SCENES:
        assert len(scene(kind, np.random.default_rng(0), 3.0, rate).audio) == 3 * rate
    for kind in VOCAL_SOUNDS:
        assert 0.3 < len(vocal(kind, np.random.default_rng(0), rate=rate)) / rate < 4.5


def test_the_events_of_a_scene_are_where_it_says() -> None:
    """With an event the scene is louder, in that stretch and not outside it, than its own bed."""
    for kind in SCENES:
        made = scene(kind, np.random.default_rng(0), 6.0, events=2)
        first, second = made.happened
        assert 0 <= first.start_s < first.end_s <= second.start_s < second.end_s <= 6
        assert {first.what, second.what} <= set(SCENES[kind].events)
    levels = []
    for seed in range(6):
        made = scene("street", np.random.default_rng(seed), 6.0, events=1)
        (span,) = made.happened
        inside = made.audio[int(span.start_s * 16_000) : int(span.end_s * 16_000)]
        before, after = made.audio[: int(span.start_s * 16_000)], made.audio[int(span.end_s * 16_000) :]
        levels.append(rms(inside) / rms(np.concatenate([before, after])))
    assert np.median(levels) > 1.3


def test_a_scene_without_events_has_none() -> None:
    assert scene("sea", np.random.default_rng(0), events=0).happened == ()


def beats_a_minute(audio: Samples) -> float:
    """The first strong period of the rise of eight bands."""
    bins = spectra(audio)[:, :190] ** 0.5
    edges = [1, 4, 8, 14, 24, 40, 70, 110, 190]
    bands = np.log(np.add.reduceat(bins, edges[:-1], axis=1) + 0.5)
    smooth = np.stack([np.convolve(band, np.hanning(7) / 3, "same") for band in bands.T], 1)
    rise = np.maximum(smooth[3:] - smooth[:-3], 0).sum(1)
    rise -= rise.mean()
    alike = np.correlate(rise, rise, "full")[len(rise) - 1 :] / np.arange(len(rise), 0, -1)
    per_minute = 60 * 16_000 / HOP
    lags = [lag for lag in range(2, len(alike) - 1) if 44 <= per_minute / lag <= 200]
    best = max(alike[lag] for lag in lags)
    peaks = [lag for lag in lags if alike[lag] >= 0.6 * best and alike[lag] >= max(alike[lag - 1], alike[lag + 1])]
    return per_minute / peaks[0] if peaks else 0.0


@pytest.mark.parametrize("tempo", TEMPI)
def test_a_tempo_can_be_measured(tempo: str) -> None:
    low, high = TEMPI[tempo]
    right = []
    for instrument in INSTRUMENTS:
        for seed in range(5):
            played = music(instrument, tempo, np.random.default_rng([seed]), 6.0)
            assert low <= played.bpm <= high
            gaps = np.diff(played.onsets_s) * played.bpm / 60
            assert np.allclose(gaps, np.round(gaps)) and np.median(np.round(gaps)) == 1
            right.append(abs(beats_a_minute(played.audio) / played.bpm - 1) < 0.05)
    assert np.mean(right) >= 0.8


def test_a_child_laughs_higher_than_a_man() -> None:
    def centre(audio: Samples) -> float:
        power = spectra(audio).sum(0)
        return float(power @ np.fft.rfftfreq(400, 1 / 16_000) / power.sum())

    for kind in ("laugh", "crying", "yawn"):
        men = [centre(vocal(kind, np.random.default_rng(seed), MAN)) for seed in range(8)]
        children = [centre(vocal(kind, np.random.default_rng(seed), CHILD)) for seed in range(4)]
        assert np.mean(children) > 1.15 * np.mean(men), kind


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda rng: event("dragon", rng), "'dragon'; expected one of rain"),
        (lambda rng: event("rain", rng, 0.1), "at least 0.25 s"),
        (lambda rng: event("rain", rng, 1.0, 4_000), "8000 Hz"),
        (lambda rng: vocal("song", rng), "expected one of laugh"),
        (lambda rng: vocal("sigh", rng, rate=4_000), "8000 Hz"),
        (lambda rng: scene("moon", rng), "expected one of street"),
        (lambda rng: scene("sea", rng, 3.0, events=5), "0 to 1 events"),
        (lambda rng: music("kazoo", "fast", rng), "expected one of piano"),
        (lambda rng: music("piano", "presto", rng), "expected one of slow"),
        (lambda rng: music("piano", "fast", rng, 0.5), "at least 1 s"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(call: Callable[[np.random.Generator], object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        call(np.random.default_rng(0))
