"""Was this recording made by antiphon?  antiphon provenance answer.wav"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.cli.options import read

if TYPE_CHECKING:
    from antiphon.marking.credentials import Statement
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
    from importlib.util import find_spec

    from antiphon.marking.credentials import read_statement
    from antiphon.marking.detect import LIMITS, detect
    from antiphon.marking.key import PUBLISHED, key_from, read_key
    from antiphon.marking.note import read_note

    keys = dict.fromkeys([PUBLISHED, key_from(os.environ), *map(read_key, key or ())])
    found = detect(read(file), list(keys))
    note = None if str(file) == "-" else read_note(file)
    statement = None if str(file) == "-" or not find_spec("c2pa") else read_statement(file)
    if as_json:
        import json

        signed = None if statement is None else asdict(statement)
        print(json.dumps({**asdict(found), "note": note, "credentials": signed, "limits": LIMITS}, ensure_ascii=False))
    else:
        print(_told(found))
        print("note: none that is of this file" if note is None else f"note: made by {note.get('generator')}")
        if statement is not None:
            print(_signed(statement))
        print(LIMITS)
    raise typer.Exit(STATUS[found.verdict])


def _told(found: "Finding") -> str:
    where = f" from {found.begin_s:.0f} s on" if found.begin_s else ""
    return (
        f"mark: {found.verdict}, score {found.score:.1f}{where} where {found.threshold:.1f} is needed"
        f" (key {found.key}, {found.duration_s:.1f} s)"
    )


def _signed(statement: "Statement") -> str:
    whole = {"Valid": "unchanged since", "Trusted": "unchanged since, by a trusted certificate"}
    made = "made by a model" if statement.is_synthetic else "not said to be made by a model"
    return (
        f"credentials: {made} ({statement.generator}, {statement.model}), signed by one who calls itself"
        f" {statement.signer!r}, {whole.get(statement.state, 'CHANGED since')}"
    )
