"""Conversations in real time, in figures: how soon an answer sounds, how many are held, what speculation brings.

All of it is lived through by `callers.py`, by the clock: with 20 turns it takes 20 minutes. Of what is named "cpu" the
time of the processes was counted, which is fair where other work shares the machine; everything else is the wall's.

People pause inside a sentence, most often for a quarter of a second, sometimes for one: so every detector hears as many
sentences with a pause in them as without, and is asked how many it took for two turns (`cut_off`).
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.callers import Heard, House, open_house, plain, with_pause, without_speculation
from antiphon.runtime.dialogue import Speculations
from antiphon.runtime.events import AudioOut
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.manner import Settings
from antiphon.runtime.semantic import SemanticVad
from antiphon.runtime.tasks import speak
from antiphon.runtime.turns import ServerVad, TurnDetector

DETECTORS: dict[str, TurnDetector[Any]] = {
    "server_vad, 500 ms": ServerVad(),
    "server_vad, 200 ms": ServerVad(silence_duration_ms=200),
    "semantic_vad": SemanticVad(),
}
PAUSES_MS = (150, 175, 200, 250, 300, 400, 500, 600, 800, 1000)  # put into a sentence, each as often
TURNS = 20  # without a pause, for each detector; as many with one
AT_ONCE = (2, 4, 6, 8, 10, 12, 16)  # conversations, until they are too many
EACH = 5  # turns of each of them
ASKED = (
    "what is two plus three?",
    "who are you?",
    "hello, how are you?",
    "what is nine minus four?",
    "which day comes after monday?",
    "what is my name?",
)
INTERRUPTIONS = 12
GAP_S = 0.02  # silence in a reply that counts as an underrun


def measure_live(model: Loaded, question: Audio, *, streams: int = 8, turns: int = TURNS) -> dict[str, Any]:
    """The figures for users who ask a recorded question, and others that the model has read aloud before.

    Every detector hears `turns` sentences without a pause, and as many with one. Raises InputError for a model that
    does not speak, ConfigError where the network of the VAD is not installed.
    """
    if not model.speaks:
        raise InputError(f"{model.name} answers in text only, so there is nothing to time; measure one that speaks.")
    read = [speak(model, text) for text in ASKED]
    sounds = [torch.cat([event.samples for event in events if isinstance(event, AudioOut)]) for events in read]
    questions = [question, *(Audio(sound[None], SPOKEN_HZ) for sound in sounds)]
    return asyncio.run(_measure(model, [question.heard for question in questions], streams, turns))


async def _measure(model: Loaded, questions: Sequence[Tensor], streams: int, turns: int) -> dict[str, Any]:
    async with open_house(model, streams) as house:
        await house.hold(1, Settings(detector=ServerVad()), [plain(questions[0])])  # to warm up
        latency = {name: await _latency(house, detector, questions, turns) for name, detector in DETECTORS.items()}
        load = await _load(house, questions)
        held = [one["conversations"] for one in load if one["holds"]]
        return {
            "questions": len(questions),
            "streams": streams,
            "first_audio": latency,
            "load": load,
            "conversations_held": max(held, default=0),
            "barge_in": await _barge_in(house, questions),
        }


async def _latency(
    house: House, detector: TurnDetector[Any], questions: Sequence[Tensor], turns: int
) -> dict[str, Any]:
    """One conversation at a time: with speculation, half of the sentences with a pause in them; and without, none."""
    settings = Settings(detector=detector)
    asked = [questions[number % len(questions)] for number in range(turns)]
    pauses = [PAUSES_MS[number % len(PAUSES_MS)] for number in range(turns)]
    paused = [with_pause(question, pause / 1000) for question, pause in zip(asked, pauses, strict=True)]
    early, counts = await house.hold(1, settings, [*map(plain, asked), *paused])
    late, _ = await house.hold(1, without_speculation(settings), [*map(plain, asked)])
    guessed = [heard for heard in early[0] if heard.was_guessed]
    whole, torn = early[0][:turns], early[0][turns:]
    return {
        "with_speculation": first_sounds(whole),
        "with_speculation_kept": first_sounds([heard for heard in guessed if heard.goes_on_s is None]),
        "without_speculation": first_sounds(late[0]),
        "speculations": shares(counts),
        "turns": len(early[0]),
        "paused_turns": len(torn),
        "cut_off": sum(heard.was_cut_off for heard in torn),
        "cut_off_at_a_pause": cut_offs(pauses, torn),
    }


async def _load(house: House, questions: Sequence[Tensor]) -> list[dict[str, Any]]:
    """More and more conversations at once, until a reply is torn."""
    found: list[dict[str, Any]] = []
    turns = [plain(questions[number % len(questions)]) for number in range(EACH)]
    for num in AT_ONCE:
        begin = house.cpu_s(), time.perf_counter()
        heard, counts = await house.hold(num, Settings(detector=ServerVad()), turns)
        cpu, wall = house.cpu_s() - begin[0], time.perf_counter() - begin[1]
        every = [one for own in heard for one in own]
        found.append(
            {
                "conversations": num,
                "turns": len(every),
                "unanswered": sum(one.first_sound_s is None for one in every),
                "speech_s": round(sum(one.sound_s for one in every), 2),
                "replies_with_underrun": sum(one.longest_gap_s > GAP_S for one in every),
                "underrun_s": round(sum(one.underrun_s for one in every), 3),
                "longest_gap_ms": ms(max(one.longest_gap_s for one in every)),
                "holds": all(one.longest_gap_s <= GAP_S and one.first_sound_s is not None for one in every),
                "cpu_s_per_s": round(cpu / wall, 3),
                "conversations_per_cpu": round(num * wall / cpu, 2),
                "first_audio": first_sounds(every),
                "speculations": shares(counts),
            }
        )
        if num >= 4 and not found[-1]["holds"]:
            break
    return found


async def _barge_in(house: House, questions: Sequence[Tensor]) -> dict[str, Any]:
    """A user who speaks into every reply."""
    turns = [plain(questions[number % len(questions)]) for number in range(INTERRUPTIONS)]
    (heard,), _ = await house.hold(1, Settings(detector=ServerVad()), turns, over=plain(questions[0]))
    server = [one.silenced_s for one in heard if one.silenced_s is not None]
    onset = [one.onset_to_silence_s for one in heard if one.onset_to_silence_s is not None]
    found: dict[str, Any] = {"interruptions": len(heard), "silenced": len(server)}
    if server:
        found["server_ms"] = {"p50": ms(at(server, 0.5)), "max": ms(max(server))}
        found["from_onset_ms"] = {"p50": ms(at(onset, 0.5)), "max": ms(max(onset)), "guard": 250}
    return found


def first_sounds(heard: Sequence[Heard]) -> dict[str, Any]:
    """When replies began to sound: from the true end of speech, and from the detector's decision."""
    found: dict[str, Any] = {"replies": len(heard)}
    sounded = [one for one in heard if one.first_sound_s is not None and one.decided_s]
    if sounded:
        found["from_end_ms"] = spread([(one.first_sound_s or 0.0) - one.ended_s for one in sounded])
        found["from_decision_ms"] = spread([(one.first_sound_s or 0.0) - one.decided_s[-1] for one in sounded])
        found["from_decision_cpu_ms"] = spread([one.cpu_s for one in sounded])
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """The middle and the upper end, in milliseconds."""
    return {"p50": ms(at(values, 0.5)), "p95": ms(at(values, 0.95))}


def cut_offs(pauses_ms: Sequence[int], heard: Sequence[Heard]) -> dict[str, dict[str, int]]:
    """Of the turns with a pause of each length: how many, and how many were taken to be over at it."""
    found = {f"{pause} ms": {"turns": 0, "cut_off": 0} for pause in sorted(set(pauses_ms))}
    for pause, one in zip(pauses_ms, heard, strict=True):
        found[f"{pause} ms"]["turns"] += 1
        found[f"{pause} ms"]["cut_off"] += one.was_cut_off
    return found


def shares(counts: Speculations) -> dict[str, Any]:
    """How speculation fared."""
    found: dict[str, Any] = {name: getattr(counts, name) for name in ("started", "committed", "discarded")}
    found["wasted_tokens"] = counts.wasted_tokens
    if counts.started:
        found["committed_share"] = round(counts.committed / counts.started, 3)
        found["discarded_share"] = round(counts.discarded / counts.started, 3)
    return found


def at(values: Sequence[float], part: float) -> float:
    """The value that `part` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def ms(seconds: float) -> float:
    """Milliseconds, to the tenth."""
    return round(seconds * 1000, 1)
