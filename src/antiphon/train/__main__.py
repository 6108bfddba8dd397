"""The trainer as torchrun starts it:  torchrun --nproc-per-node 2 -m antiphon.train recipes/nano --smoke

The command line of `antiphon train`. Every rank ends with the same status; the first says why.
"""

import os
import sys

import typer

from antiphon.errors import AntiphonError
from antiphon.train.command import train

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(train)
    try:
        app()
    except AntiphonError as error:
        if os.environ.get("RANK", "0") == "0":
            print(f"antiphon: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
