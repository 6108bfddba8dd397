"""How fast a model answers: the figures of `antiphon bench`."""

import resource
import statistics
import sys
from pathlib import Path
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import CODE_HZ
from antiphon.runtime.events import End
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.session import Session


def measure(
    model: Loaded, question: Audio, *, repeats: int = 3, voice: Audio | str | Path | None = None, seed: int = 0
) -> dict[str, Any]:
    """Medians over `repeats` whole answers, after one that warms up; every answer is a new conversation.

    CPU time beside speech time is the fair real-time factor where other work shares the machine; the wall is beside it.
    Raises InputError if the model answers without a sound.
    """
    answers = [_answer(model, question, voice, seed) for _ in range(repeats + 1)][1:]
    timings = [end.timings for end in answers]
    if not all(t.audio_s for t in timings):
        raise InputError("the model answered without a sound, so there is no speed to measure; try another question.")
    layout = model.parts.layout
    group = layout.text_per_group + layout.audio_per_group

    def median(values: list[float]) -> float:
        return round(statistics.median(values), 4)

    return {
        "answers": repeats,
        "question_s": round(question.duration_s, 3),
        "speech_s": median([t.audio_s for t in timings]),
        "cpu_s": median([t.cpu_s for t in timings]),
        "wall_s": median([t.wall_s for t in timings]),
        "real_time_factor_cpu": median([t.cpu_s / t.audio_s for t in timings]),
        "real_time_factor_wall": median([t.wall_s / t.audio_s for t in timings]),
        "first_audio_s": median([t.first_audio_s or 0.0 for t in timings]),
        "first_token_s": median([t.first_token_s for t in timings]),
        "tokens_per_cpu_s": median([e.reply_tokens / e.timings.cpu_s for e in answers]),  # voice included
        "tokens_per_s_needed": CODE_HZ * group / layout.audio_per_group,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "reply": answers[-1].text,
    }


def peak_memory_mb() -> float:
    """The most memory that this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _answer(model: Loaded, question: Audio, voice: Audio | str | Path | None, seed: int) -> End:
    ends = [e for e in Session(model, voice=voice, seed=seed).reply(question) if isinstance(e, End)]
    return ends[-1]
