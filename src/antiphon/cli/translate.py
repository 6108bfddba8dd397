"""Translate what is said:  antiphon translate question.wav --to zh"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import (
    Consent,
    Device,
    Dtype,
    Name,
    Seed,
    Sound,
    Threads,
    VoiceClip,
    load_model,
    permitted,
    read,
)
from antiphon.cli.output import check_output, play


def translate(
    audio: Sound,
    to: Annotated[str, typer.Option(help="en, zh or ja.")] = "en",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Speak the translation, to a file or - for standard output.")
    ] = None,
    model: Name = "nano",
    voice: VoiceClip = None,
    consent: Consent = "",
    seed: Seed = 0,
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Translate what is said, in writing or with -o aloud."""
    if output is not None:
        check_output(output)
    sound = read(audio)
    loaded = load_model(model, device, dtype, threads)
    if output is None:
        print(loaded.translate(sound, to))
    else:
        play(loaded, loaded.interpret(sound, to, voice=permitted(voice, consent), seed=seed), output)
