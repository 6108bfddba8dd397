"""Answer a spoken question aloud:  antiphon talk question.wav -o - | aplay"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    ToolFile,
    VoiceClip,
    load_model,
    permitted,
    read,
    signing,
    tools_from,
)
from antiphon.cli.output import check_output, play, words_to

if TYPE_CHECKING:
    from antiphon.audio.wave import Audio


def talk(
    audio: Annotated[list[Path] | None, typer.Argument(help="Recordings, or - for standard input.")] = None,
    output: Output = Path("-"),
    text: Annotated[str | None, typer.Option(help="Words of the question, after the recordings.")] = None,
    text_only: Annotated[bool, typer.Option("--text-only", help="Answer in writing.")] = False,
    system: Annotated[str | None, typer.Option(help="The instruction that begins the conversation.")] = None,
    transcribe: Annotated[bool, typer.Option("--transcribe", help="Print what was heard, too.")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print how long it took.")] = False,
    model: Name = "nano",
    voice: VoiceClip = None,
    consent: Consent = "",
    credentials: Signed = None,
    tools: ToolFile = None,
    seed: Seed = 0,
    max_tokens: MaxTokens = 2048,
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Answer a spoken question aloud."""
    from antiphon.errors import InputError

    if not audio and text is None:
        raise InputError("nothing was asked; give a recording, or words with --text.")
    if not text_only:
        check_output(output)
    signed = signing(credentials, None if text_only else output)
    said: list[Audio | str] = [*map(read, audio or []), *([] if text is None else [text])]
    words = words_to(None if text_only else output)
    loaded = load_model(model, device, dtype, threads)
    with tools_from(tools, loaded.variant.name) as offered:
        session = loaded.session(system=system, tools=offered, voice=permitted(voice, consent), seed=seed)
        events = session.reply(said, speech=not text_only, max_tokens=max_tokens)
        if transcribe:
            for sound in said:
                heard = sound if isinstance(sound, str) else loaded.transcribe(sound)
                print(f"heard:    {heard}", file=words)
            print("answered: ", end="", file=words, flush=True)
        end = play(loaded, events, None if text_only else output, credentials=signed)
    if timings:
        t = end.timings
        print(f"first sound {_s(t.first_audio_s)}, whole answer {_s(t.wall_s)} ({_s(t.cpu_s)} of CPU)"
              f" for {_s(t.audio_s)} of speech", file=words)  # fmt: skip
        if not text_only and str(output) != "-":
            print(f"written:  {output}", file=words)


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f} s"
