"""Voices for the flow to take on: a set `voices` of short readings, at 24 kHz, each voice's with others of its own.

The voice of nano has read most of what the flow learns from; of this alone it would learn that there is one. Here its
fifteen others read much, and hundreds of made speakers a little, in both languages, so that a prompt tells something;
and recorded ones, nano's own among them, bent far beyond what anybody is, so that no way of speaking is one voice's.
Whatever they read, nano's own voice reads in a set `twins`: its codes are those that will be spoken.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from antiphon.data import world
from antiphon.data.engines.protocol import Controls
from antiphon.data.skills import phrases, replying, voices
from antiphon.data.skills.exchange import Language, Who
from antiphon.data.store import Row, has_shard, read_index, write_shard
from antiphon.data.synth import Samples
from antiphon.rates import SPOKEN_HZ

NAME, TWINS = "voices", "twins"
MANDARIN = "cmn"
TRACTS, TILT = (0.75, 1.35), 12.0  # of the bent
CHINESE = 0.3  # share of the readings of those who speak both languages


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many read how much."""

    seed: int = 50
    preset_texts: int = 150
    strangers: int = 700
    bent: int = 400
    texts: int = 6
    shard: int = 25  # voices


SMALL = Crowd(preset_texts=1, strangers=2, bent=1, texts=2)


def make(corpus: Path, crowd: Crowd) -> None:
    """Make what is missing of both sets."""
    readers = list(_readers(crowd))
    for number, first in enumerate(range(0, len(readers), crowd.shard)):
        if not has_shard(corpus / NAME, number):
            rng = Random(f"{crowd.seed} voices {number}")
            write_shard(corpus / NAME, number, _read(rng, readers[first : first + crowd.shard]), SPOKEN_HZ)
        if not has_shard(corpus / TWINS, number):
            write_shard(corpus / TWINS, number, _said(read_index(corpus / NAME, number)), SPOKEN_HZ)


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
    for number in range(crowd.bent):
        rng = Random(f"{crowd.seed} bent {number}")
        engine, voice = rng.choice(list(voices.RECORDED.values()))
        tract = rng.uniform(*TRACTS)
        controls = Controls(tract=round(tract, 3), pitch=round(tract, 3), tilt=round(rng.uniform(-TILT, TILT), 1))
        yield f"bent-{number}", {"en": voices.Sung(engine=engine, voice=voice, controls=controls)}, crowd.texts


def _read(rng: Random, readers: list[tuple[str, dict[Language, voices.Sung], int]]) -> Iterator[tuple[Row, Samples]]:
    wanted = []
    for name, spoken, count in readers:
        for _ in range(count):
            language: Language = "zh" if rng.random() < CHINESE and "zh" in spoken else "en"
            wanted.append(replying.Saying(_text(rng, language), language, "plain", name, spoken[language]))
    yield from _spoken(wanted)


def _said(rows: Iterable[Row]) -> Iterator[tuple[Row, Samples]]:
    """The same by nano's own voice."""
    own = voices.presets()[voices.OWN]
    yield from _spoken(
        [replying.Saying(row["text"], row["language"], "plain", voices.OWN, own[row["language"]]) for row in rows]
    )


def _spoken(wanted: Sequence[replying.Saying]) -> Iterator[tuple[Row, Samples]]:
    for saying, speech in zip(wanted, replying.speak(wanted, SPOKEN_HZ), strict=True):
        yield {"text": saying.text, "voice": saying.name, "language": saying.language}, speech.audio


def _text(rng: Random, language: Language) -> str:
    if language == "zh" or rng.random() < 0.3:
        return phrases.sentence(rng, language)
    return world.sentences(rng) if rng.random() < 0.7 else world.salad(rng, rng.randint(3, 7))
