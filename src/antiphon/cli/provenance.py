"""Was this recording made by antiphon?  antiphon provenance answer.wav"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.options import read

if TYPE_CHECKING:
    from antiphon.marking.detect import Finding

STATUS = {"present": 0, "not found": 1, "inconclusive": 3}


def provenance(
    file: Annotated[Path, typer.Argument(help="A recording (WAV, FLAC, OGG, MP3), or - for standard input.")],
    key: Annotated[list[Path] | None, typer.Option(help="A file with a key, beside the published one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON.")] = False,
) -> None:
    """Look for antiphon's mark: present (status 0), not found (1) or inconclusive (3), with its score and limits."""
    import os
    from dataclasses import asdict

    from antiphon.marking.detect import LIMITS, detect
    from antiphon.marking.key import PUBLISHED, key_from, read_key
    from antiphon.marking.note import read_note

    keys = dict.fromkeys([PUBLISHED, key_from(os.environ), *map(read_key, key or ())])
    found = detect(read(file), list(keys))
    note = None if str(file) == "-" else read_note(file)
    if as_json:
        import json

        print(json.dumps({**asdict(found), "note": note, "limits": LIMITS}, ensure_ascii=False))
    else:
        print(_told(found))
        print("note: none that is of this file" if note is None else f"note: made by {note.get('generator')}")
        print(LIMITS)
    raise typer.Exit(STATUS[found.verdict])


def _told(found: "Finding") -> str:
    where = f" from {found.begin_s:.0f} s on" if found.begin_s else ""
    return (
        f"mark: {found.verdict}, score {found.score:.1f}{where} where {found.threshold:.1f} is needed"
        f" (key {found.key}, {found.duration_s:.1f} s)"
    )
