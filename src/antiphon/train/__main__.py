"""The trainer as torchrun starts it:  torchrun --nproc-per-node 2 -m antiphon.train recipes/nano --smoke

The command line of `antiphon train`. Every rank ends with the same status; the first says why, and torchrun ends the
others. One that fails alone says why itself, once the first has had time to.
"""

import os
import sys
import time

import typer

from antiphon.errors import AntiphonError
from antiphon.train.command import train

PATIENCE_S = 20.0  # torchrun kills all ranks when one has ended

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(train)
    try:
        app()
    except AntiphonError as error:
        if os.environ.get("RANK", "0") != "0":
            time.sleep(PATIENCE_S)
        print(f"antiphon: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
