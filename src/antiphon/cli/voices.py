"""A library of voices: put clips in, find one that sounds as somebody says:  antiphon voices search "an old sailor" """

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.options import Name, Output
from antiphon.errors import InputError

if TYPE_CHECKING:
    from antiphon.voices.library import Found, Library
    from antiphon.voices.manifest import Tally

Folder = Annotated[
    Path | None, typer.Option("--library", "-l", help="The library's folder; $ANTIPHON_VOICES, or one of the user's.")
]
Voice = Annotated[str, typer.Argument(help="The id of a voice, or its name.")]
Consent = Annotated[
    str, typer.Option(help="Why the voice may be imitated: self, third_party, licensed or synthetic; once a clip.")
]
Statement = Annotated[str, typer.Option(help="The consent in words, or the name of the licence.")]
Attributes = Annotated[
    list[str] | None, typer.Option("--attribute", "-a", help="Such as age=old or timbre=deep; may be repeated.")
]

voices = typer.Typer(help="A library of voices, and who may be imitated.", no_args_is_help=True, rich_markup_mode=None)


@voices.command()
def add(
    clip: Annotated[Path, typer.Argument(help="0.5 to 15 s of one voice: WAV, FLAC, OGG or MP3.")],
    name: Annotated[str, typer.Option(help="What to call it; the file's name by default.")] = "",
    description: Annotated[str, typer.Option(help="How it sounds, in English or Chinese.")] = "",
    transcript: Annotated[str, typer.Option(help="What is said in the clip.")] = "",
    attribute: Attributes = None,
    speaker: Annotated[str, typer.Option(help="Whose voice it is; clips of one speaker are one result.")] = "",
    consent: Consent = "",
    statement: Statement = "",
    library: Folder = None,
    model: Name = "nano",
) -> None:
    """Put a voice into the library. Attributes that are not given are read from the description."""
    from antiphon.voices.attributes import parse
    from antiphon.voices.clips import read_clip
    from antiphon.voices.library import Arrival, described
    from antiphon.voices.speaker import Ears

    recording = read_clip(clip)
    given = _pairs(attribute)
    found = [(key, value) for key, value in parse(description).filters if key not in dict(given)]
    attributes: dict[str, list[str]] = {}
    for key, value in [*given, *found]:
        attributes.setdefault(key, []).append(value)
    fields = {"name": name or clip.stem, "description": description, "transcript": transcript, "speaker": speaker}
    entry = described(recording, {**fields, "attributes": attributes})
    ears = Ears(model)
    with _open(library, ears.net, make=True) as shelf:
        new = shelf.add([Arrival(recording, entry, ears(recording.sound))], consent, statement, recorder="voices add")
        state = shelf.consent_state(entry)
    print(f"{entry.voice_id}  {entry.name}: {'added' if new else 'already there'}; consent {state}.")


@voices.command(name="import")
def import_(
    manifest: Annotated[Path, typer.Argument(help="JSON lines: clip, name, description, attributes, ...")],
    consent: Consent = "",
    library: Folder = None,
    model: Name = "nano",
) -> None:
    """Bring in voices by a manifest; lines that are not fit are told and left out, with status 2 at the end."""
    from antiphon.cli.output import waiting
    from antiphon.voices.manifest import import_voices
    from antiphon.voices.speaker import Ears

    def refuse(told: str) -> None:
        print(told, file=sys.stderr)

    ears = Ears(model)
    with _open(library, ears.net, make=True) as shelf, waiting("listening", " voices") as bar:

        def progress(tally: "Tally") -> None:
            bar.update(tally.new + tally.known + tally.refused - bar.n)

        tally = import_voices(shelf, manifest, ears, consent, refuse, refuse, progress)
    print(f"{tally.new} voices came in, {tally.known} were there, {tally.refused} lines were refused.")
    if tally.refused:
        raise typer.Exit(2)


@voices.command()
def search(
    query: Annotated[str, typer.Argument(help="How it shall sound, in English or Chinese.")] = "",
    like: Annotated[Path | None, typer.Option(help="A clip that it shall sound like, instead of words.")] = None,
    attribute: Attributes = None,
    count: Annotated[int, typer.Option("--count", "-k", help="At most so many, each of another speaker.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each.")] = False,
    library: Folder = None,
    model: Name = "nano",
) -> None:
    """Find voices by words, by a clip that they shall sound like, or by attributes."""
    from antiphon.voices.clips import read_clip
    from antiphon.voices.speaker import Ears

    if query and like is not None:
        raise InputError("words and a clip were given at once; search by one of them.")
    ears = None if like is None else Ears(model)
    with _open(library, ears.net if ears else "") as shelf:
        if ears is not None and like is not None:
            found = shelf.alike(ears(read_clip(like).sound), _pairs(attribute), count)
        else:
            found = shelf.search(query, _pairs(attribute), count)
    for voice in found:
        print(_as_json(voice) if as_json else _as_line(voice))
    if not found:
        print("antiphon: no voice of the library is like that.", file=sys.stderr)


@voices.command()
def play(voice: Voice, output: Output = Path("-"), library: Folder = None) -> None:
    """Write a voice's own clip as WAV, to listen to it:  antiphon voices play ID | aplay"""
    from antiphon.audio.wave import Audio

    with _open(library) as shelf:
        sound = Audio.read(shelf.clip_path(shelf.entry(voice)))
    sound.write("-" if str(output) == "-" else output)


@voices.command()
def show(voice: Annotated[str, typer.Argument(help="The id or name of a voice; all by default.")] = "",
         library: Folder = None) -> None:  # fmt: skip
    """Show a voice as JSON, or what all of them have: how many there are, and of which kind."""
    with _open(library) as shelf:
        if voice:
            entry = shelf.entry(voice)
            clip = str(shelf.clip_path(entry))
            shown = {**json.loads(entry.to_json()), "clip": clip, "consent": shelf.consent_state(entry)}
        else:
            ids = shelf.store.ids()
            shown = {"library": str(shelf.folder), "voices": len(ids), "attributes": shelf.store.facets()}
    print(json.dumps(shown, indent=1, ensure_ascii=False))


@voices.command()
def consent(
    voice: Voice,
    basis: Annotated[str, typer.Argument(help="self, third_party, licensed, synthetic, or withdrawn.")],
    statement: Statement = "",
    expires: Annotated[str, typer.Option(help="Until when, such as 2030-12-31.")] = "",
    library: Folder = None,
) -> None:
    """Record that a voice may be imitated, or no longer may; what was recorded before stays on record."""
    with _open(library) as shelf:
        shelf.consent(voice, basis, statement, recorder="voices consent", expires=expires)
        print(f"{shelf.entry(voice).name}: consent {shelf.consent_state(shelf.entry(voice))}.")


@voices.command()
def remove(voice: Annotated[list[str], typer.Argument(help="Ids or names of voices.")], library: Folder = None) -> None:
    """Remove voices: entries, vectors and clips. What was recorded of consent stays."""
    with _open(library) as shelf:
        shelf.remove(voice)
    print(f"{len(voice)} removed.")


@voices.command()
def verify(library: Folder = None) -> None:
    """Check the library: tables, words, vectors, clips, the chain of consent; status 2 if anything is broken."""
    with _open(library) as shelf:
        problems, count = shelf.verify(), len(shelf.store.ids())
    for problem in problems:
        print(f"antiphon: {problem}.", file=sys.stderr)
    if problems:
        raise typer.Exit(2)
    print(f"{count} voices, all whole.")


@contextmanager
def _open(folder: Path | None, net: str = "", make: bool = False) -> "Iterator[Library]":
    """The library of a command; what SQLite has to say becomes one sentence."""
    import sqlite3

    from antiphon.voices.library import Library, default_folder
    from antiphon.voices.store import FILE

    place = default_folder() if folder is None else folder
    if not make and not (place / FILE).exists():
        raise InputError(f"there is no library of voices in {place}; make one with antiphon voices add.")
    try:
        shelf = Library(place, net)
        try:
            yield shelf
        finally:
            shelf.store.close()
    except sqlite3.Error as error:
        raise InputError(f"the library in {place} cannot be used ({error}); see antiphon voices verify.") from error


def _pairs(attributes: list[str] | None) -> list[tuple[str, str]]:
    from antiphon.voices.attributes import ATTRIBUTES

    found = []
    for text in attributes or ():
        name, equals, value = text.partition("=")
        if name not in ATTRIBUTES or not equals or not value:
            raise InputError(f"{text[:40]!r} is no attribute; write one of {', '.join(ATTRIBUTES)} like age=old.")
        found.append((name, value))
    return found


def _as_line(voice: "Found") -> str:
    why = "; ".join(voice.why)
    reasons = f"  ({why})" if why else ""
    return f"{voice.voice_id}  {voice.score:.2f}  {voice.name}{reasons}  consent {voice.consent}"


def _as_json(voice: "Found") -> str:
    from dataclasses import asdict

    return json.dumps({**asdict(voice), "clip": str(voice.clip)}, ensure_ascii=False)
