"""Talk with a model in the terminal:  antiphon chat        or typed:  antiphon chat --typed"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import (
    Consent,
    Device,
    Dtype,
    MaxTokens,
    Name,
    Seed,
    Threads,
    ToolFile,
    VoiceClip,
    load_model,
    permitted,
    tools_from,
)


def chat(
    typed: Annotated[
        bool, typer.Option("--typed", help="Read turns from standard input, a line each; answered aloud with -o.")
    ] = False,
    microphone: Annotated[
        Path | None, typer.Option(help="A recording instead of the microphone, or - for standard input.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, or -, instead of the loudspeaker.")
    ] = None,
    text_only: Annotated[bool, typer.Option("--text-only", help="Answer in writing.")] = False,
    system: Annotated[str | None, typer.Option(help="The instruction that begins the conversation.")] = None,
    eagerness: Annotated[
        str | None, typer.Option(help="End turns by sense: low, medium or high; else half a second of silence.")
    ] = None,
    model: Name = "nano",
    voice: VoiceClip = None,
    consent: Consent = "",
    tools: ToolFile = None,
    seed: Seed = 0,
    max_tokens: MaxTokens = 2048,
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Talk with a model: speak, interrupt it, or type."""
    from antiphon.cli.options import read
    from antiphon.errors import InputError

    if typed and microphone is not None:
        raise InputError("both --typed and --microphone were given; choose one of them.")
    loaded = load_model(model, device, dtype, threads)
    from antiphon.cli.talking import Plan, run

    is_written = text_only or not loaded.speaks or (typed and output is None)
    recording = None if microphone is None else read(microphone)
    clip = permitted(voice, consent)
    with tools_from(tools, loaded.variant.name) as offered:
        out = None if is_written else output
        plan = Plan(typed, recording, out, "text" if is_written else "speech", system, eagerness, offered)
        run(loaded, plan, clip, seed, max_tokens)
