"""What a command lets out: sound to a file or a pipe, words beside it, a bar for whoever waits.

Sound is written as it comes. The place is opened with the first of it, so a question that fails leaves nothing behind.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from antiphon.errors import InputError

if TYPE_CHECKING:
    from antiphon.marking.credentials import Credentials
    from antiphon.runtime.events import End, Event
    from antiphon.runtime.loaded import Loaded

PATIENCE_S = 1.0  # a wait shorter than this gets no bar


def words_to(output: Path | None) -> TextIO:
    """Where words go: beside sound on standard output they would be noise."""
    return sys.stderr if output is not None and str(output) == "-" else sys.stdout


def check_output(output: Path) -> None:
    """Refuse before any work what cannot be written to."""
    if str(output) == "-":
        if sys.stdout.isatty():
            raise InputError("standard output is a terminal and sound is no text; name a file with -o, or pipe it on.")
    elif not output.absolute().parent.is_dir():
        raise InputError(f"{output} cannot be written, because its folder does not exist; make it first.")


@contextmanager
def waiting(what: str, unit: str = " s") -> Iterator[Any]:
    """A bar on standard error, if that is a terminal and the wait is worth one."""
    from tqdm import tqdm

    shown = sys.stderr.isatty()
    with tqdm(desc=what, unit=unit, delay=PATIENCE_S, disable=not shown, leave=False, file=sys.stderr) as bar:
        yield bar


def play(
    model: "Loaded",
    events: Iterable["Event"],
    output: Path | None,
    *,
    quiet: bool = False,
    credentials: "Credentials | None" = None,
) -> "End":
    """Write the sound of a reply to `output`, its words beside it as they come; gives back how it ended."""
    from antiphon.audio.wave import open_writer
    from antiphon.rates import SPOKEN_HZ
    from antiphon.runtime.events import AudioOut, End, Text, ToolCall, ToolResult

    words, end, out = words_to(output), None, None
    with ExitStack() as stack:
        bar = stack.enter_context(waiting("speaking"))
        for event in events:
            if isinstance(event, AudioOut) and output is not None:
                if out is None:
                    target = "-" if str(output) == "-" else output
                    out = stack.enter_context(open_writer(target, SPOKEN_HZ))
                out.write(event.samples)
                bar.update(round(event.duration_s, 2))
            elif isinstance(event, Text) and not quiet:
                print(event.text, end="", file=words, flush=True)
            elif isinstance(event, ToolCall) and not quiet:
                print(f"\n[{event.name} {event.arguments}", end="", file=words)
            elif isinstance(event, ToolResult) and not quiet:
                print(f" -> {event.text}]{_owed(event.data.get('attribution'))}", file=words)
            elif isinstance(event, End):
                end = event
    if not quiet:
        print(file=words)
    assert end is not None, "a reply ends with its end"
    if output is not None and out is None:
        raise InputError("the model answered without a sound, so nothing was written; ask for text.")
    note(model, output, credentials)
    return end


def note(model: "Loaded", output: Path | None, credentials: "Credentials | None" = None) -> None:
    """Say in and beside a file of sound that `model` has spoken it; pipes and devices have no beside."""
    from antiphon.marking.credentials import sign
    from antiphon.marking.note import write_note

    if output is not None and output.is_file():
        if credentials is not None:
            sign(output, credentials, model.name, model.marking)
        write_note(output, model.name, model.marking)


def _owed(attribution: object) -> str:
    """Who is to be named with what was found."""
    return f" ({attribution})" if attribution else ""
