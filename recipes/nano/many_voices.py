"""Voices for the flow to take on: a set `voices` of short readings, at 24 kHz, each voice's with others of its own.

The voice of nano has read most of what the flow learns from; of this alone it would learn that there is one. Here its
fifteen others read much, and hundreds of made speakers a little, in both languages, so that a prompt tells something.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from antiphon.data import world
from antiphon.data.skills import phrases, replying, voices
from antiphon.data.skills.exchange import LANGUAGES, Language, Who
from antiphon.data.store import Row, has_shard, write_shard
from antiphon.data.synth import Samples
from antiphon.rates import SPOKEN_HZ

NAME = "voices"
MANDARIN = "cmn"
CHINESE = 0.3  # share of the readings of those who speak both languages


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many read how much."""

    seed: int = 50
    preset_texts: int = 150
    strangers: int = 700
    texts: int = 6
    shard: int = 25  # voices


SMALL = Crowd(preset_texts=1, strangers=2, texts=2)


def make(corpus: Path, crowd: Crowd) -> None:
    """Make what is missing of the set."""
    readers = list(_readers(crowd))
    for number, first in enumerate(range(0, len(readers), crowd.shard)):
        if not has_shard(corpus / NAME, number):
            rng = Random(f"{crowd.seed} voices {number}")
            write_shard(corpus / NAME, number, _read(rng, readers[first : first + crowd.shard]), SPOKEN_HZ)


def _readers(crowd: Crowd) -> Iterator[tuple[str, dict[Language, voices.Sung], int]]:
    """Each by name, in the languages they speak, and how much they read: so much of a preset that it fills a shard."""
    for name, spoken in voices.presets().items():
        if name != voices.OWN:
            yield name, dict(spoken), crowd.preset_texts
    for number in range(crowd.strangers):
        rng = Random(f"{crowd.seed} stranger {number}")
        sung = voices.of_who(rng, Who(), "en")
        chinese = voices.Sung(engine=sung.engine, voice=MANDARIN, controls=sung.controls)
        yield f"stranger-{number}", {"en": sung, "zh": chinese}, crowd.texts


def _read(rng: Random, readers: list[tuple[str, dict[Language, voices.Sung], int]]) -> Iterator[tuple[Row, Samples]]:
    wanted = []
    for name, spoken, count in readers:
        for _ in range(count):
            language = LANGUAGES[rng.random() < CHINESE]
            wanted.append(replying.Saying(_text(rng, language), language, "plain", name, spoken[language]))
    for saying, speech in zip(wanted, replying.speak(wanted, SPOKEN_HZ), strict=True):
        yield {"text": saying.text, "voice": saying.name, "language": saying.language}, speech.audio


def _text(rng: Random, language: Language) -> str:
    if language == "zh" or rng.random() < 0.3:
        return phrases.sentence(rng, language)
    return world.sentences(rng) if rng.random() < 0.7 else world.salad(rng, rng.randint(3, 7))
