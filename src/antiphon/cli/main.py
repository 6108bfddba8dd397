"""The command `antiphon`:  antiphon talk question.wav -o answer.wav

An error that we raise on purpose is one line on standard error and exit status 2; so is a wrong argument.
"""

import sys

import typer

from antiphon.cli.analyse import analyse
from antiphon.cli.bench import bench
from antiphon.cli.caption import caption
from antiphon.cli.chat import chat
from antiphon.cli.convert import convert
from antiphon.cli.data import data
from antiphon.cli.docs import docs
from antiphon.cli.doctor import doctor
from antiphon.cli.evaluate import evaluate
from antiphon.cli.mcp import mcp
from antiphon.cli.provenance import provenance
from antiphon.cli.serve import serve
from antiphon.cli.speak import speak
from antiphon.cli.talk import talk
from antiphon.cli.train import train
from antiphon.cli.transcribe import transcribe
from antiphon.cli.translate import translate
from antiphon.cli.verify import verify
from antiphon.cli.voices import voices
from antiphon.errors import AntiphonError

COMMANDS = (talk, chat, transcribe, speak, translate, caption, analyse, train, verify, provenance, convert, bench,
            doctor, serve, mcp)  # fmt: skip

app = typer.Typer(
    name="antiphon",
    help="Speech in, speech out. Give '-' for standard input or output.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(evaluate, name="eval")
app.add_typer(data, name="data")
app.add_typer(voices, name="voices")
app.add_typer(docs, name="docs")


def main() -> None:
    """Run the command line; the one place where errors become exit statuses."""
    try:
        app()
    except AntiphonError as error:
        print(f"antiphon: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
