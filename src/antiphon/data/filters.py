"""What makes a clip unfit to learn from, found without ears; each fault has one name, so that faults can be counted."""

import numpy as np

from antiphon.data.engines.protocol import Samples

SHORTEST_S, LONGEST_S = 0.25, 30.0
QUIETEST = 0.004  # of the largest sample
CLIPPED_SHARE = 1e-3
FULL = 0.999
FRAME_S = 0.025
SPOKEN_BELOW_DB = 40  # a frame that much quieter than the loudest one is silence
LEAST_SPOKEN = 0.15
SECONDS_PER_CHARACTER = {"en": (0.02, 0.30), "zh": (0.08, 0.8), "yue": (0.08, 0.8), "ja": (0.04, 0.4),
                         "zh-latn": (0.02, 0.4)}  # fmt: skip
MOST_WORD_ERRORS = 0.75  # a judge who was trained on people misses a third of the words of a good clip
FAULTS = ("not finite", "too short", "too long", "silent", "clipped", "mostly silent", "too fast", "too slow",
          "not understood")  # fmt: skip


def faults(audio: Samples, rate: int, text: str, language: str) -> list[str]:
    """Everything that is wrong with a clip: float32 mono [n] at `rate` Hz, and the text it should say ("" for none)."""
    if not np.isfinite(audio).all():
        return ["not finite"]
    seconds = len(audio) / rate
    if seconds < SHORTEST_S:
        return ["too short"]
    found = ["too long"] if seconds > LONGEST_S else []
    if float(np.abs(audio).max()) < QUIETEST:
        return [*found, "silent"]
    if float(np.mean(np.abs(audio) >= FULL)) > CLIPPED_SHARE:
        found.append("clipped")
    if not text:
        return found
    spoken = spoken_s(audio, rate)
    if spoken < LEAST_SPOKEN * seconds:
        found.append("mostly silent")
    least, most = SECONDS_PER_CHARACTER.get(language, (0.02, 1.0))
    characters = sum(character.isalnum() for character in text)
    if spoken < least * characters:
        found.append("too fast")
    if spoken > most * characters + 1.0:
        found.append("too slow")
    return found


def spoken_s(audio: Samples, rate: int) -> float:
    """The seconds in which there is sound, by the loudness of frames of 25 ms."""
    size = round(FRAME_S * rate)
    frames = audio[: len(audio) // size * size].reshape(-1, size)
    if len(frames) == 0:
        return 0.0
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return float(np.count_nonzero(power > power.max() * 10 ** (-SPOKEN_BELOW_DB / 10))) * FRAME_S
