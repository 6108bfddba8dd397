"""A note beside a file that says what made it:  answer.wav  answer.wav.provenance.json

It names the file by its hash, so it can be told whether it still speaks of that file. It holds no time and no name of a
person: the same question with the same seed leaves the same note. Anybody can write or delete one; the mark in the
sound stays where the file goes, the note tells more while it is there.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from antiphon.errors import InputError
from antiphon.marking.policy import Marking

ENDING = ".provenance.json"
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"  # IPTC's word for what a model made
LONGEST = 65_536  # bytes of a note that is read


def note_path(path: Path) -> Path:
    """Where the note of a file lies."""
    return path.with_name(path.name + ENDING)


def write_note(path: Path, model: str, marking: Marking) -> None:
    """Write the note of a file that a model has spoken. Raises InputError if it cannot be written."""
    marked = None if marking.key is None else {"kind": "antiphon mark 1", "key": marking.key.id}
    note = {
        "generator": f"antiphon {own_version()}",
        "model": model,
        "digitalSourceType": SOURCE,
        "mark": marked,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    try:
        note_path(path).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"the note beside {path} cannot be written ({error}); make room.") from error


def read_note(path: Path) -> Mapping[str, Any] | None:
    """The note beside a file, if there is one that speaks of this very file."""
    try:
        with open(note_path(path), "rb") as file:
            note = json.loads(file.read(LONGEST))
        is_of_it = isinstance(note, dict) and note.get("sha256") == hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, RecursionError):
        return None
    return note if is_of_it else None


def own_version() -> str:
    """Of the package that runs."""
    try:
        return version("antiphon")
    except PackageNotFoundError:
        return "unknown"
