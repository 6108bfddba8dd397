"""Write down what is said:  antiphon transcribe a.wav b.wav"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Device, Dtype, Name, Threads, load_model, read


def transcribe(
    audio: Annotated[list[Path], typer.Argument(help="Recordings, or - for standard input.")],
    model: Name = "nano",
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Write down what is said, one line a recording."""
    loaded = None
    for path in audio:
        sound = read(path)
        loaded = loaded or load_model(model, device, dtype, threads)
        print(loaded.transcribe(sound), flush=True)
