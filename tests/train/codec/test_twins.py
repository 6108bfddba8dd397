"""Twins: the same words by another voice, in a clip's own time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.data.store import write_shard
from antiphon.errors import ConfigError
from antiphon.rates import SPOKEN_HZ
from antiphon.train.codec.draw import num_codes
from antiphon.train.codec.twins import STEP_HZ, Twins, laid_over
from antiphon.train.features import Corpus, Feature
from antiphon.train.stage import Place
from tests.train.codec.conftest import VOICES, VOWEL_S, row, sound
from tests.train.codec.test_flow import made

TEXTS = ("aeio", "oiea", "iaoe", "eoai")
SLOWER = 2  # how often the twin says each vowel


@pytest.fixture()
def both(tmp_path: Path) -> tuple[str, str]:
    """A voice's clips, and their twins by another that says every vowel twice as long."""
    rng = np.random.default_rng(2)
    clips = [(row(text, "high"), sound(text, VOICES["high"], rng)) for text in TEXTS]
    slow = ["".join(vowel * SLOWER for vowel in text) for text in TEXTS]
    twins = [(row(text, "low"), sound(long, VOICES["low"], rng)) for text, long in zip(TEXTS, slow, strict=True)]
    write_shard(tmp_path / "clips", 0, clips, SPOKEN_HZ)
    write_shard(tmp_path / "twins", 0, twins, SPOKEN_HZ)
    return str(tmp_path / "clips"), str(tmp_path / "twins")


def test_what_is_laid_over_is_the_least_distant() -> None:
    """A sequence with its rows repeated is found row by row; what says something else costs a step aside."""
    rows = np.random.default_rng(3).normal(size=(9, 5))
    times = np.array([1, 3, 1, 1, 2, 4, 1, 1, 2])
    assert laid_over(np.repeat(rows, times, axis=0), rows).tolist() == np.repeat(np.arange(9), times).tolist()
    back = laid_over(rows, np.repeat(rows, times, axis=0))
    first = np.cumsum(times) - times
    assert all(start <= found < start + n for found, start, n in zip(back, first, times, strict=True))
    assert laid_over(rows[:1], rows).shape == (1,) and laid_over(rows, rows[:1]).tolist() == [0] * 9


def test_the_same_is_said_at_the_same_moment(both: tuple[str, str]) -> None:
    corpus = Corpus([both[0]])
    twins = Twins(corpus, [both])
    hits = []
    for clip in corpus.clips:
        for step, found in enumerate(twins._path(clip)):
            now, then = (step + 0.5) / STEP_HZ / VOWEL_S, (found + 0.5) / STEP_HZ / (SLOWER * VOWEL_S)
            hits.append(int(now) == int(then))
    assert np.mean(hits) > 0.9


def test_codes_are_the_twins_in_the_time_of_the_clip(both: tuple[str, str]) -> None:
    """With codes that count themselves: as many as the clip has of its own, and what the twin says at that moment."""
    places = Feature(name="places", compute=lambda wave, rate: torch.arange(len(wave) * 25 // rate)[:, None])
    corpus, others = Corpus([both[0]], keep=False), Corpus([both[1]], keep=False)
    twins = Twins(corpus, [both])
    for clip, other in zip(corpus.clips, others.clips, strict=True):
        assert twins.has(clip) and not twins.has(other)
        found = twins.codes(clip, places)
        assert len(found) == num_codes(clip) and (np.diff(found) >= 0).all()
        assert np.abs(found - SLOWER * np.arange(len(found))).mean() < 2


def test_a_pair_learns_the_twins_codes_behind_the_prompts_own(both: tuple[str, str], place: Place) -> None:
    stage = made(both[0], place, twins=(both,))
    pair = replace(stage.items(0)[0], size=256)
    batch, before = stage.batch([pair]), num_codes(pair.prompt)
    own = stage.corpus.feature(pair.prompt, stage.codes)[:, 0]
    assert batch.codes[0, :before].tolist() == own.tolist()
    after = batch.codes[0, before : before + num_codes(pair.target)]
    assert after.tolist() == stage.twins.codes(pair.target, stage.codes).tolist()
    plain = made(both[0], place).batch([pair])
    assert torch.equal(plain.mel, batch.mel) and not torch.equal(plain.codes, batch.codes)


def test_twins_that_say_something_else(both: tuple[str, str], speech: str) -> None:
    with pytest.raises(ConfigError, match="does not say what"):
        Twins(Corpus([both[0]]), [(both[0], speech)])
