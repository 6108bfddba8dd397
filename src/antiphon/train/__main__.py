"""The trainer as torchrun starts it:  torchrun --nproc-per-node 2 -m antiphon.train recipes/nano --smoke

The command line of `antiphon train`. Every rank ends with the same status; the first says why, and torchrun ends the
others. One that fails alone says why itself, once the first has had time to.

A rank that has ended does not take the interpreter apart. DTensor's caches hold the group's mesh, so gloo's threads are
there to the end; one that wants the interpreter while that goes away aborts the process, and torchrun calls all failed.
"""

import os
import sys
import time

import typer

from antiphon.errors import AntiphonError
from antiphon.train.command import train

PATIENCE_S = 20.0  # torchrun kills all ranks when one has ended


def main() -> int:
    """The exit status."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(train)
    try:
        app()
    except AntiphonError as error:
        if os.environ.get("RANK", "0") != "0":
            time.sleep(PATIENCE_S)
        print(f"antiphon: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    status = main()
    if "RANK" not in os.environ:
        sys.exit(status)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
