"""Read a text aloud:  antiphon speak "the sky is blue." -o sky.wav"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import (
    Consent,
    Device,
    Dtype,
    MaxTokens,
    Name,
    Output,
    Seed,
    Signed,
    Threads,
    VoiceClip,
    load_model,
    permitted,
    signing,
)
from antiphon.cli.output import check_output, play


def speak(
    text: Annotated[str, typer.Argument(help="The words, or - for standard input.")],
    output: Output = Path("-"),
    model: Name = "nano",
    voice: VoiceClip = None,
    consent: Consent = "",
    credentials: Signed = None,
    seed: Seed = 0,
    max_tokens: MaxTokens = 2048,
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Read a text aloud."""
    check_output(output)
    signed = signing(credentials, output)
    words = _from_stdin() if text == "-" else text
    loaded = load_model(model, device, dtype, threads)
    clip = permitted(voice, consent)
    events = loaded.speak(words, voice=clip, seed=seed, max_tokens=max_tokens)
    play(loaded, events, output, quiet=True, credentials=signed)


def _from_stdin() -> str:
    from antiphon.errors import InputError

    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is no UTF-8 text ({error}); give words.") from error
