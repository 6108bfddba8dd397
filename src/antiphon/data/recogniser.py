"""A judge of clips that was trained on people: pocketsphinx with its general model of English; slow, hard of hearing.

It is optional (`pip install antiphon[recipes]`). It misses four in five words of espeak-ng, plain ones too, so it
judges English by recorded voices only, and tells their speech from broken speech and no more.
"""

import importlib.util
from functools import cache
from typing import Any

import numpy as np

from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Samples
from antiphon.data.shaping import resample
from antiphon.errors import ConfigError
from antiphon.metrics.wer import wer

JUDGE_HZ = 16_000
LANGUAGE = "en"


def fair(engine: str, voice: str) -> bool:
    """Whether the judge can be asked about a voice."""
    voices = catalogue.ENGINES[engine].voices if engine in catalogue.ENGINES else ()
    return any(v.name == voice and v.language == LANGUAGE and v.gender != "any" for v in voices)


def installed() -> bool:
    """Whether the judge is there."""
    return importlib.util.find_spec("pocketsphinx") is not None


@cache
def _decoder() -> Any:
    if not installed():
        raise ConfigError("clips are to be judged and pocketsphinx is not here; run `pip install antiphon[recipes]`.")
    from pocketsphinx import Decoder

    return Decoder(samprate=JUDGE_HZ, loglevel="FATAL")


def understood(audio: Samples, rate: int) -> str:
    """The words that the judge hears in a clip."""
    decoder = _decoder()
    sound = resample(audio, rate, JUDGE_HZ)
    decoder.start_utt()
    decoder.process_raw((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return "" if found is None else str(found.hypstr)


def word_errors(audio: Samples, rate: int, text: str) -> float:
    """The word error rate of one clip by the judge; 1.0 and more when nothing was understood."""
    return wer([text], [understood(audio, rate)], samples=1).rate
