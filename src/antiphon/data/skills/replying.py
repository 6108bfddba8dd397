"""What nano says, as sound at 24 kHz: the truth that its own speech is learnt from.

The same words by the same voice in the same manner are one recording, however many conversations of a shard need it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Samples, Span, Speech, Utterance
from antiphon.data.shaping import asked, finished, whispered
from antiphon.data.skills import voices
from antiphon.data.skills.exchange import Conversation, Language, Manner
from antiphon.data.skills.voices import Sung

LEAD_S, TAIL_S = 0.060, 0.100  # kept before the first sound and after the last
QUIET = 0.01  # of the peak: what lies below it at the ends is no speech
PEAK, LOUDEST = 0.6, 0.95


@dataclass(frozen=True)
class Saying:
    """Words, a voice and a manner."""

    text: str
    language: Language
    manner: Manner
    name: str  # of the voice
    voice: Sung


def sayings(made: Conversation, rng: Random, preset: str) -> list[tuple[Saying | None, Saying]]:
    """Of each turn what is said before a tool is called, and the reply: by one of nano's voices, or by a found one."""
    own = voices.presets()[preset]
    found = list[tuple[Saying | None, Saying]]()
    for turn in made.turns:
        filler = Saying(turn.filler, turn.language, "plain", preset, own[turn.language]) if turn.filler else None
        voice = voices.of_who(rng, turn.voice, turn.language) if turn.voice else own[turn.language]
        name = voices.FOUND if turn.voice else preset
        found.append((filler, Saying(turn.reply, turn.language, turn.manner, name, voice)))
    return found


def speak(wanted: Sequence[Saying], rate: int) -> list[Speech]:
    """Say all of them, each engine's at one time: float32 mono at `rate`, cut to what is said."""
    done = dict[int, Speech]()
    for engine in dict.fromkeys(saying.voice.engine for saying in wanted):
        mine = [number for number, saying in enumerate(wanted) if saying.voice.engine == engine]
        how = [voices.mannered(wanted[number].voice, wanted[number].manner) for number in mine]
        asks = [asked(one.controls, wanted[number].voice.made) for number, one in zip(mine, how, strict=True)]
        heard = catalogue.find(engine).speak(
            [Utterance(text=wanted[number].text, voice=wanted[number].voice.voice, controls=ask)
             for number, (ask, _, _) in zip(mine, asks, strict=True)]
        )  # fmt: skip
        for number, one, (_, faster, tilt), speech in zip(mine, how, asks, heard, strict=True):
            whole = finished(speech, rate, faster, tilt, 1.0, (0.0, 0.0))
            if one.whispers:
                chance = np.random.default_rng(len(whole.audio))
                whole = replace(whole, audio=whispered(whole.audio, rate, chance))
            done[number] = _cut(whole, min(PEAK * 10 ** (one.gain_db / 20), LOUDEST))
    return [done[number] for number in range(len(wanted))]


def _cut(speech: Speech, peak: float) -> Speech:
    """Speech from a little before its first sound to a little after its last, at a level; its marks move along."""
    size = np.abs(speech.audio)
    loudest = float(size.max(initial=0.0))
    if loudest == 0.0:
        return speech
    sounding = np.flatnonzero(size > QUIET * loudest)
    lead, tail = round(LEAD_S * speech.rate), round(TAIL_S * speech.rate)
    start, end = int(sounding[0]) - lead, int(sounding[-1]) + 1 + tail
    padded = np.pad(speech.audio, (max(-start, 0), max(end - len(speech.audio), 0)))
    audio: Samples = (padded[max(start, 0) :][: end - start] * np.float32(peak / loudest)).astype(np.float32)
    length_s = len(audio) / speech.rate

    def moved(spans: Sequence[Span]) -> tuple[Span, ...]:
        late = start / speech.rate
        shifted = ((what, max(a - late, 0.0), min(b - late, length_s)) for what, a, b in spans if what != "pau")
        return tuple((what, round(a, 4), round(b, 4)) for what, a, b in shifted if b > a)

    return Speech(audio=audio, rate=speech.rate, words=moved(speech.words), phones=moved(speech.phones))
