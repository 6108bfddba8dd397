"""What `antiphon chat` does: turns in from a microphone, a recording or a keyboard, words and sound out as they come.

Only `sound_device` touches the machine's own microphone and loudspeaker; everything else goes through pipes as well.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor

from antiphon.audio.wave import Audio, WaveWriter, open_writer
from antiphon.cli.output import check_output, note, words_to
from antiphon.cli.sound_device import Loudspeaker, listen
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ, SPOKEN_HZ
from antiphon.runtime import live_events as told
from antiphon.runtime.conversing import Conversing, converse
from antiphon.runtime.dialect import Dialect
from antiphon.runtime.history import Written
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.manner import How, Settings
from antiphon.runtime.semantic import LONGEST_MS, SemanticVad
from antiphon.runtime.turns import ServerVad
from antiphon.runtime.vad import Vad
from antiphon.text.prompts import Reply
from antiphon.tools.tool import TOOLS, Tool

SLICE_MS = 40  # of a recording that stands for a microphone
HUSH_MS = 1000  # of silence behind it at the least; then until nobody says anything any more


@dataclass(frozen=True)
class Plan:
    """How to talk."""

    typed: bool
    recording: Audio | None
    output: Path | None
    form: Reply
    system: str | None
    eagerness: str | None
    tools: tuple[Tool, ...] | None = None  # None: those of the model


def run(model: Loaded, plan: Plan, clip: Audio | None, seed: int, max_tokens: int) -> None:
    """Talk until the input ends, or the user presses Ctrl-C."""
    if plan.output is not None:
        check_output(plan.output)
    if plan.eagerness is not None and plan.eagerness not in LONGEST_MS:
        raise InputError(f"an eagerness of {plan.eagerness!r} was asked for; choose low, medium or high.")
    dialect = Dialect(model.variant, model.parts.tokenizer, model.parts.layout)
    tools = tuple(TOOLS[name] for name in model.variant.tools) if plan.tools is None else plan.tools
    sampling = dialect.sampling(seed=seed)
    how = How(
        system=plan.system, form=plan.form, tools=tools, sampling=sampling, max_tokens=max_tokens, voice=clip
    )
    asyncio.run(_talk(model, plan, Settings(how=how)))
    note(model, None if plan.form == "text" else plan.output)


async def _talk(model: Loaded, plan: Plan, settings: Settings) -> None:
    with ExitStack() as stack:
        words, out = words_to(plan.output), _out(plan, stack)
        if plan.typed:
            async with converse(model, replace(settings, lead_ms=None)) as talk:
                await _typed(talk, words, out)
            return
        detector = ServerVad() if plan.eagerness is None else SemanticVad(eagerness=plan.eagerness)
        can_transcribe = model.variant.tasks is None or "transcribe" in model.variant.tasks
        settings = replace(settings, detector=detector, transcribe=can_transcribe)
        async with converse(model, settings, Vad.find()) as talk:
            shown = asyncio.ensure_future(_show(talk, words, out))
            sound = listen() if plan.recording is None else _played(plan.recording, talk)
            async for samples in sound:
                if shown.done():  # it failed, and says why below
                    break
                talk.live.hear(samples)
            talk.end()
            await shown


def _out(plan: Plan, stack: ExitStack) -> "WaveWriter | Loudspeaker | None":
    """Where sound goes; None for a conversation in writing."""
    if plan.form == "text":
        return None
    if plan.output is not None:
        return stack.enter_context(open_writer("-" if str(plan.output) == "-" else plan.output, SPOKEN_HZ))
    return stack.enter_context(Loudspeaker())


async def _typed(talk: Conversing, words: TextIO, out: "WaveWriter | Loudspeaker | None") -> None:
    """A turn a line, its answer before the next one."""
    events = talk.events
    for number, line in enumerate(_lines()):
        talk.live.add(Written(f"typed-{number}", "user", line))
        talk.live.respond()
        async for event in events:
            _say(event, words, out)
            if isinstance(event, told.ReplyDone):
                break


def _lines() -> Iterator[str]:
    while True:
        if sys.stdin.isatty():
            print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


async def _played(recording: Audio, talk: Conversing) -> AsyncIterator[Tensor]:
    """A recording as a microphone hears it, and silence behind it until its last turn has been answered."""
    loop, size = asyncio.get_running_loop(), SLICE_MS * HEARD_HZ // 1000
    begun, wave = loop.time(), recording.heard
    slices = chain(torch.split(wave, size), repeat(torch.zeros(size)))
    enough = len(wave) // size + HUSH_MS // SLICE_MS
    for number, samples in enumerate(slices):
        await asyncio.sleep(max(begun + (number + 1) * SLICE_MS / 1000 - loop.time(), 0))
        if number > enough and talk.live.phase == "listening" and talk.live.active is None:
            return
        yield samples


async def _show(talk: Conversing, words: TextIO, out: "WaveWriter | Loudspeaker | None") -> None:
    async for event in talk.events:
        _say(event, words, out)


def _say(event: told.LiveEvent, words: TextIO, out: "WaveWriter | Loudspeaker | None") -> None:
    """One event for eyes and ears."""
    if isinstance(event, told.AudioDelta) and out is not None:
        out.write(event.samples)
    elif isinstance(event, told.Interrupted) and isinstance(out, Loudspeaker):
        out.hush()
    elif isinstance(event, told.TextDelta):
        print(event.text, end="", file=words, flush=True)
    elif isinstance(event, told.Transcribed) and event.text:
        print(f"[you: {event.text}]", file=words, flush=True)
    elif isinstance(event, told.Called):
        print(f"\n[{event.name} {event.arguments}", end="", file=words)
    elif isinstance(event, told.Ran):
        print(f" -> {event.output}]{f' ({event.note})' if event.note else ''}", file=words, flush=True)
    elif isinstance(event, told.ReplyDone):
        if event.error:
            raise InputError(event.error)
        ends = {"cancelled": " -- (interrupted)", "incomplete": " ... (cut off)"}
        print(ends.get(event.status, ""), file=words, flush=True)
