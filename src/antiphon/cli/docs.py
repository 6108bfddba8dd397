"""The documents that `web_search` looks through first:  antiphon docs add ~/notes"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from antiphon.tools.search.documents import Documents

Folder = Annotated[
    Path | None, typer.Option("--index", help="The index's folder; $ANTIPHON_DOCUMENTS, or one of the user's.")
]
Place = Annotated[Path, typer.Argument(help="A document, or a folder with all below it.")]

docs = typer.Typer(help="Your own documents, to be searched.", no_args_is_help=True, rich_markup_mode=None)


@docs.command()
def add(place: Place, index: Folder = None) -> None:
    """Read documents (HTML, PDF, Markdown, text); what has not changed is left, what is gone goes."""

    def refuse(told: str) -> None:
        print(told, file=sys.stderr)

    with _open(index) as documents:
        tally = documents.add(place, refuse)
    print(f"{tally.read} read, {tally.unchanged} unchanged, {tally.gone} gone, {tally.refused} refused.")
    if tally.refused:
        raise typer.Exit(2)


@docs.command()
def remove(place: Place, index: Folder = None) -> None:
    """Forget documents; the files themselves stay."""
    with _open(index) as documents:
        print(f"{documents.remove(place)} forgotten.")


@docs.command(name="list")
def list_(index: Folder = None) -> None:
    """Show what is known."""
    with _open(index) as documents:
        for path, title, sections in documents.files():
            print(f"{path}  {title}  ({sections})")


@docs.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for, in English or Chinese.")],
    index: Folder = None,
) -> None:
    """Show what the model would be told."""
    from antiphon.tools.search.protocol import HITS, told

    with _open(index) as documents:
        hits = documents.search(query, HITS, "en", None)
    print(told(hits) if hits else "nothing was found.")


@contextmanager
def _open(folder: Path | None) -> "Iterator[Documents]":
    from antiphon.tools.search.documents import Documents, default_folder

    documents = Documents(default_folder() if folder is None else folder)
    try:
        yield documents
    finally:
        documents.close()
