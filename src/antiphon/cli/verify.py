"""Check this installation against reference outputs:  antiphon verify tests/golden/language-model"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Device


def verify(
    folder: Annotated[Path, typer.Argument(help="A folder of reference outputs.")],
    device: Device = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, float64, bfloat16 or float16.")] = "float32",
) -> None:
    """Compare every array of a folder of reference outputs; exit status 1 if one of them differs."""
    from antiphon.verify import verify as check

    report = check(folder, device=device, dtype=dtype)
    print(report.table())
    if not report.passed:
        raise typer.Exit(1)
