"""Small libraries of invented voices, whose vectors are drawn."""

import hashlib
from functools import cache

import numpy as np

from antiphon.voices.entry import VoiceEntry

WIDTH = 24
VALUES = {
    "gender": ("male", "female"),
    "age": ("child", "young", "adult", "old"),
    "emotion": ("happy", "sad", "angry", "calm"),
    "language": ("en", "zh"),
}
NOUNS = ("sailor", "teacher", "captain", "baker", "robot", "pirate", "queen", "老师", "水手", "船长")


def entry(number: int, **changes: object) -> VoiceEntry:
    """The voice of a number: the same number, the same voice."""
    return VoiceEntry(**{**fields_of(number), **changes})  # type: ignore[arg-type]


@cache
def fields_of(number: int) -> dict[str, object]:
    """What it consists of."""
    rng = np.random.default_rng([7, number])
    attributes = {name: (str(rng.choice(values)),) for name, values in VALUES.items()}
    first, second = rng.choice(NOUNS, 2, replace=False)
    return {
        "voice_id": f"v{number}",
        "name": f"Voice {number}",
        "clip": hashlib.sha256(str(number).encode()).hexdigest(),
        "description": f"sounds like a {first} and a {second}",
        "attributes": attributes,
    }


def vector(number: int) -> np.ndarray:
    """Its vector, of any length."""
    return np.random.default_rng([8, number]).normal(size=WIDTH).astype(np.float32)


def batch(numbers: range) -> list[tuple[VoiceEntry, np.ndarray]]:
    """Some voices with their vectors."""
    return [(entry(number), vector(number)) for number in numbers]
