"""Write a model in the released layout:  antiphon convert nano ./nano-released"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Dtype


def convert(
    source: Annotated[str, typer.Argument(help="nano, mini, ..., a folder, or a hub id.")],
    target: Annotated[Path, typer.Argument(help="A new folder.")],
    layout: Annotated[str, typer.Option(help="released or own.")] = "released",
    dtype: Dtype = None,
    shard: Annotated[
        int, typer.Option(help="Files of weights hold at most so many MiB; one tensor is never split.", min=1)
    ] = 4768,
) -> None:
    """Write a model to a new folder, in the released layout or in ours; all of it or nothing."""
    import torch

    from antiphon.errors import InputError
    from antiphon.runtime.model import DTYPES
    from antiphon.weights.save import convert as write

    if dtype is not None and dtype not in DTYPES:
        raise InputError(f"the dtype {dtype!r} was asked for; use one of {', '.join(DTYPES)}.")
    cast = None if dtype is None else getattr(torch, dtype)
    write(source, target, layout=layout, dtype=cast, shard=shard << 20)
    print(f"{source} was written to {target} in the {layout} layout.")
