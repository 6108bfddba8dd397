"""Voices of others, brought in by a manifest: JSON lines beside the clips that they name.

    {"clip": "clips/sailor.wav", "sha256": "...", "name": "Old salt", "description": "...", "attributes": {}}

A manifest is not believed: a clip lies beside or below it and nowhere else, a hash that is given has to be right, every
line that is not fit is left out and told with its number, and no manifest can say that its voices may be imitated.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from antiphon.errors import InputError
from antiphon.voices.clips import Clip, read_clip
from antiphon.voices.library import Arrival, Library, described
from antiphon.voices.speaker import Ears
from antiphon.voices.store import unit

LONGEST_LINE = 16_384  # bytes
BATCH = 256  # voices that come at once, or not at all
ALIKE = 0.995  # the cosine of two vectors from which on they are of the same recording, however it was written


@dataclass
class Tally:
    """What became of the lines so far."""

    new: int = 0
    known: int = 0
    refused: int = 0


def import_voices(
    library: Library,
    manifest: Path,
    ears: Ears,
    consent: str = "",
    refuse: Callable[[str], None] = lambda told: None,
    warn: Callable[[str], None] = lambda told: None,
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Bring in all lines of a manifest that are fit; `refuse` is told of every other, and `warn` of each that
    sounds as one that is there. May be repeated.

    Raises InputError if the manifest cannot be read, or is of another speaker net.
    """
    tally, batch = Tally(), list[tuple[int, Arrival]]()
    taken: set[str] = set()

    def flush() -> None:
        new = library.add([arrival for _, arrival in batch], consent, recorder=f"import of {manifest.name[:60]}")
        tally.new += len(new)
        tally.known += len(batch) - len(new)
        batch.clear()

    for number, line in _lines(manifest):
        try:
            arrival = _arrival(line, manifest.parent.resolve(), ears)
            _check_is_new(library, arrival, taken)
        except InputError as error:
            tally.refused += 1
            refuse(f"{manifest}:{number}: {error}")
            continue
        if (other := _like(library, arrival, [one for _, one in batch])) is not None:
            warn(f"{manifest}:{number}: {arrival.entry.voice_id!r} sounds as {other!r} does; it came in all the same.")
        taken |= {arrival.entry.clip, arrival.entry.voice_id}
        batch.append((number, arrival))
        if len(batch) == BATCH:
            flush()
            progress(tally)
    flush()
    progress(tally)
    return tally


def _lines(manifest: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with open(manifest, "rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                whole = line
                while whole and not whole.endswith(b"\n"):  # the rest of a line that is too long is not kept
                    whole = file.readline(LONGEST_LINE)
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{manifest} could not be opened ({error}); give a file of JSON lines.") from error


def _arrival(line: bytes, folder: Path, ears: Ears) -> Arrival:
    if len(line) > LONGEST_LINE:
        raise InputError(f"the line is longer than {LONGEST_LINE} bytes; shorten it.")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("the line is no JSON; write an object a line.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("clip"), str):
        raise InputError("the line names no clip; write an object with a clip.")
    wanted = fields.pop("sha256", None)
    clip = _clip(folder, fields.pop("clip"))
    if wanted is not None and wanted != clip.hash:
        raise InputError("the clip has another hash than the line says; fetch it again.")
    entry = described(clip, fields)  # before the net, which is what takes time
    return Arrival(clip, entry, ears(clip.sound))


def _clip(folder: Path, name: str) -> Clip:
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{name[:60]!r} is no path of a clip; check it.") from error
    if not path.is_relative_to(folder):
        raise InputError(f"the clip {name[:60]!r} lies outside the manifest's folder; put it there.")
    return read_clip(path)


def _like(library: Library, arrival: Arrival, waiting: list[Arrival]) -> str | None:
    """Another entry, there or about to come, that is nearly the same recording."""
    vector, own = unit(arrival.vector), arrival.entry.voice_id
    if library.store.meta("width") == len(vector):
        for hit in library.index.search(vector=vector, k=2):
            if hit.score >= ALIKE and hit.voice_id != own:
                return hit.voice_id
    return next((one.entry.voice_id for one in waiting if float(unit(one.vector) @ vector) >= ALIKE), None)


def _check_is_new(library: Library, arrival: Arrival, taken: set[str]) -> None:
    entry = arrival.entry
    others = [other for other in library.store.ids(clip=entry.clip) if other != entry.voice_id]
    if others or entry.clip in taken:
        where = others[0] if others else "a line above"
        raise InputError(f"the clip of {entry.name!r} is already there as {where}; leave it out.")
    known = library.store.entries([entry.voice_id]).get(entry.voice_id)
    if entry.voice_id in taken or (known is not None and known.clip != entry.clip):
        raise InputError(f"the id {entry.voice_id!r} is already that of another clip; give another.")
