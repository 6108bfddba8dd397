"""Arguments and options that several commands share, and the loading of a model by them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from antiphon.audio.wave import Audio
    from antiphon.marking.credentials import Credentials
    from antiphon.runtime.model import Model
    from antiphon.tools.tool import Tool

Sound = Annotated[Path, typer.Argument(help="A recording (WAV, FLAC, OGG, MP3), or - for standard input.")]
Name = Annotated[str, typer.Option("--model", "-m", help="nano, mini, ..., a folder, or a hub id.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or mps.")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16 or float16; the model's own by default.")]
Seed = Annotated[int, typer.Option(help="All the chance there is: the same seed, the same answer.")]
VoiceClip = Annotated[
    Path | None, typer.Option("--voice", help="A recording of the voice to speak with, or a voice of the library.")
]
Consent = Annotated[
    str, typer.Option(help="Why that recording may be imitated: self, third_party, licensed or synthetic; once a file.")
]
Signed = Annotated[
    tuple[Path, Path] | None,
    typer.Option("--credentials", metavar="CERT KEY", help="Sign the file as made by a model, with these (PEM; C2PA)."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the sound goes, or - for standard output.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Tokens that the answer may have.")]
ToolFile = Annotated[
    Path | None, typer.Option("--tools", help="A YAML file of the tools that the model may call; see the README.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of torch; one is best for a small model.")]

SMALL = 1024  # width of a decoder below which more than one thread costs more than it brings


def load_model(name: str, device: str, dtype: str | None, threads: int | None = None) -> "Model":
    """The model that a command was asked for."""
    import torch

    from antiphon.runtime.model import load

    if threads is not None:
        torch.set_num_threads(threads)
    model = load(name, device=device, dtype=dtype)
    if threads is None and device == "cpu" and model.parts.config.lm.decoder.width < SMALL:
        torch.set_num_threads(1)
    return model


def permitted(voice: Path | None, consent: str) -> "Audio | None":
    """The recording of the voice that a command was given, if there is consent on record, or given here."""
    from antiphon.voices.permission import speak_as

    return None if voice is None else speak_as(voice, consent)


def signing(pair: tuple[Path, Path] | None, output: Path | None) -> "Credentials | None":
    """What the written file is signed with, if it shall be and can carry it."""
    if pair is None:
        return None
    from antiphon.errors import InputError
    from antiphon.marking.credentials import check_ending, read_credentials

    if output is None or str(output) == "-":
        raise InputError("credentials are for files, and none is written; name one with -o.")
    check_ending(output)
    return read_credentials(*pair)


def read(path: Path) -> "Audio":
    """A recording that a command was given."""
    from antiphon.audio.wave import Audio

    return Audio.read(str(path) if str(path) == "-" else path)


@contextmanager
def tools_from(file: Path | None, variant: str) -> "Iterator[tuple[Tool, ...] | None]":
    """The tools of some settings, as a variant knows them; None where there are none: the model has its own."""
    if file is None:
        yield None
        return
    from antiphon.tools.catalogue import known_to, opened
    from antiphon.tools.settings import read_settings

    with opened(read_settings(file)) as tools:
        yield known_to(variant, tools)
