"""Single tasks: an instruction from `text.prompts`, one turn, one answer."""

import re
from collections.abc import Iterator
from pathlib import Path

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.runtime.events import End, Event
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.session import Session, sampling_of
from antiphon.text.prompts import PROMPTS

LANGUAGE_TAG = re.compile(r"^\s*<[^<>\s]{1,16}>\s*")  # some checkpoints begin a transcript with the language


def start(
    model: Loaded,
    name: str,
    content: Audio | str,
    *,
    voice: Audio | str | Path | None = None,
    seed: int = 0,
    max_tokens: int | None = None,
) -> Iterator[Event]:
    """The events of one task; `max_tokens` replaces the task's own."""
    task = model.variant.learnt(name)
    session = Session(
        model,
        system=task.base_text if model.variant.style == "base" else task.system,
        tools=(),
        voice=voice,
        sampling=sampling_of(task, seed),
    )
    return session.reply(content, speech=task.reply == "speech", max_tokens=max_tokens or task.max_tokens)


def text_of(events: Iterator[Event]) -> str:
    """The whole text of a reply."""
    ends = [event for event in events if isinstance(event, End)]
    return ends[-1].text.strip()


def transcribe(model: Loaded, audio: Audio) -> str:
    """What is said; a tag of the language before it is left out."""
    return LANGUAGE_TAG.sub("", text_of(start(model, "transcribe", audio)))


def speak(
    model: Loaded,
    text: str,
    *,
    voice: Audio | str | Path | None = None,
    seed: int = 0,
    max_tokens: int | None = None,
) -> Iterator[Event]:
    """A text read aloud."""
    if not text.strip():
        raise InputError("there is no text to speak; give at least a word.")
    return start(model, "speak", text, voice=voice, seed=seed, max_tokens=max_tokens)


def translate(model: Loaded, audio: Audio, to: str = "en") -> str:
    """What is said, in another language."""
    return text_of(start(model, _towards("translate", to), audio))


def interpret(
    model: Loaded, audio: Audio, to: str = "en", *, voice: Audio | str | Path | None = None, seed: int = 0
) -> Iterator[Event]:
    """What is said, in another language and aloud."""
    return start(model, _towards("interpret", to), audio, voice=voice, seed=seed)


def caption(model: Loaded, audio: Audio) -> str:
    """What happens in a recording."""
    return text_of(start(model, "caption", audio))


def analyse(model: Loaded, audio: Audio) -> str:
    """Everything that is to be heard in a recording."""
    return text_of(start(model, "analyse", audio))


def _towards(task: str, language: str) -> str:
    known = [name.split("_")[1] for name in PROMPTS if name.startswith(f"{task}_")]
    if language not in known:
        raise InputError(f"the language {language!r} was asked for; use one of {', '.join(known)}.")
    return f"{task}_{language}"
