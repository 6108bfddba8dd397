"""Gates: what must never ship, whatever the scores say. Each looks at every spoken answer of a run.

    seams        a joint of two chunks is heard          silence      nothing, or pauses that are too long
    truncation   it ends inside speech, or at a limit    loops        the speaker is stuck
    words        what is heard is not what is written    clipping     flattened peaks
    voice        the pitch leaves the speaker's range     speed        slower than it is spoken

A gate is a share of answers that may fail, and names those that did. One that had nothing to look at has not passed: it
is `not measured`, and says what it lacks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from antiphon.audio.pitch import pitch
from antiphon.audio.wave import Audio
from antiphon.eval.benchmark import Answer
from antiphon.eval.folder import Folder, row_key
from antiphon.eval.items import Item
from antiphon.eval.panel import Panel
from antiphon.eval.transcripts import PROFILES_OF, errors_of
from antiphon.metrics.signal import SignalReport, inspect_signal
from antiphon.rates import SPOKEN_HZ

__all__ = ["GATED", "Gate", "Passed", "Spoken", "gates", "spoken_answers", "told"]

GATED = "gates.json"  # in a run's folder
MAY_FAIL = 0.02  # share of answers
LONG_PAUSE_S, LONG_LEAD_S = 2.0, 1.5
WORDS = 0.35  # errors a unit between text and sound, of one answer
PITCH = 1.35  # times the pitch of the rest, either way
SLOWEST = 1.0  # seconds of work for a second of speech
VOICED = 10  # frames of 20 ms with a voice that a pitch is taken of


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One spoken answer: its sound, its words, what ears heard of it (None without ears), and where chunks meet."""

    name: str
    wave: Float[np.ndarray, "n"]
    rate: int
    text: str
    heard: str | None = None
    language: str = "en"
    joints: tuple[int, ...] = ()
    finish: str = "stop"
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Passed:
    """How one gate went; `is_open` is None where there was nothing to measure."""

    gate: str
    looked_at: int
    failed: tuple[str, ...]
    is_open: bool | None
    told: str


Check = Callable[[Spoken, SignalReport], bool | None]  # whether it fails; None: nothing to look at


@dataclass(frozen=True)
class Gate:
    """A check of one answer, and what it lacks where it finds nothing to look at."""

    name: str
    check: Check
    lacks: str = "spoken answers"


def _seams(one: Spoken, report: SignalReport) -> bool | None:
    return any(seam.is_audible for seam in report.seams) if one.joints else None


def _truncation(one: Spoken, report: SignalReport) -> bool | None:
    return one.finish == "length" or (not report.silence.is_empty and report.edges.ends_inside)


def _words(one: Spoken, report: SignalReport) -> bool | None:
    if one.heard is None:
        return None
    found = errors_of(PROFILES_OF.get(one.language, ("raw",))[0], one.text, one.heard)
    return found.units > 0 and found.rate > WORDS


def _voice(one: Spoken, report: SignalReport) -> bool | None:
    first, second = (_hertz(half, one.rate) for half in np.array_split(one.wave, 2))
    if first is None or second is None:
        return None
    return max(first, second) / min(first, second) > PITCH


def _silence(one: Spoken, report: SignalReport) -> bool | None:
    found = report.silence
    return bool(one.text.strip()) and (
        found.is_empty or found.longest_pause_s > LONG_PAUSE_S or found.leading_s > LONG_LEAD_S
    )


def _loops(one: Spoken, report: SignalReport) -> bool | None:
    return report.loop is not None


def _clipping(one: Spoken, report: SignalReport) -> bool | None:
    return report.clipping.is_clipped


def _speed(one: Spoken, report: SignalReport) -> bool | None:
    return one.seconds / report.duration_s > SLOWEST if one.seconds else None


GATES = (
    Gate("seams", _seams, "joints, which only a model in this process tells"),
    Gate("truncation", _truncation),
    Gate("words", _words, "ears; give --ears"),
    Gate("voice", _voice, "answers with enough voice in both halves"),
    Gate("silence", _silence),
    Gate("loops", _loops),
    Gate("clipping", _clipping),
    Gate("speed", _speed, "times of work"),
)


def gates(answers: Iterable[Spoken], may_fail: float = MAY_FAIL) -> list[Passed]:
    """Every gate over all answers."""
    found = {gate.name: list[tuple[str, bool]]() for gate in GATES}
    for one in answers:
        report = inspect_signal(one.wave, one.rate, one.joints)
        for gate in GATES:
            fails = gate.check(one, report)
            if fails is not None:
                found[gate.name].append((one.name, fails))
    return [_passed(gate, found[gate.name], may_fail) for gate in GATES]


def spoken_answers(folder: Folder, panel: Panel) -> Iterable[Spoken]:
    """Every spoken answer of a run, one after another."""
    answers, fingerprint = folder.answers(), folder.run.fingerprint
    for item in folder.items:
        answer = answers.get(row_key(item, fingerprint))
        if answer is not None:
            yield from _spoken(folder, panel, item, answer)


def told(found: Sequence[Passed]) -> str:
    """The gates as a table."""
    words = {True: "open", False: "SHUT", None: "not measured"}
    lines = ["| gate | | failed | of | |", "|---|---|---|---|---|"]
    lines += [f"| {p.gate} | {words[p.is_open]} | {len(p.failed)} | {p.looked_at} | {p.told} |" for p in found]
    return "\n".join(lines)


def _spoken(folder: Folder, panel: Panel, item: Item, answer: Answer) -> Iterable[Spoken]:
    for turn in range(len(answer.audio)):
        path = folder.sound(answer, turn)
        if path is None:
            continue
        audio = Audio.read(path).mean()
        if audio.num_samples:
            heard = None if panel.ears_name == "text" else panel.heard(answer, turn, item.language)
            joints = answer.joints[turn] if turn < len(answer.joints) else ()
            yield Spoken(name=f"{item.bench} {item.id}", wave=audio.samples[0].numpy(), rate=audio.rate,
                         text=answer.texts[turn], heard=heard, language=item.language, joints=joints,
                         finish=answer.finish, seconds=answer.seconds / len(answer.audio))  # fmt: skip


def _passed(gate: Gate, looked: Sequence[tuple[str, bool]], may_fail: float) -> Passed:
    failed = tuple(name for name, fails in looked if fails)
    is_open = len(failed) <= may_fail * len(looked) if looked else None
    sentence = f"it lacks {gate.lacks}" if not looked else ", ".join(failed[:3]) + (" ..." if len(failed) > 3 else "")
    return Passed(gate=gate.name, looked_at=len(looked), failed=failed, is_open=is_open, told=sentence)


def _hertz(wave: Float[np.ndarray, "n"], rate: int) -> float | None:
    """Median pitch; None where too little of it is voiced."""
    sound = Audio(torch.from_numpy(np.ascontiguousarray(wave))[None], rate).at(SPOKEN_HZ)
    found = pitch(sound.samples[0]).numpy()
    voiced = found[found > 0]
    return float(np.median(voiced)) if len(voiced) >= VOICED else None
