"""The command line of training, for `antiphon train` and for torchrun. Loads no torch until there is work."""

import os
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[str, typer.Argument(help="A folder with a recipe.py, a file, or file.py:function.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Another value: steps=100, for one run RUN:steps=100.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A run or export by name; all by default.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="A few steps of every run; nothing is kept.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Where the runs are kept; runs/RECIPE by default.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch, for each rank.")] = 1,
) -> None:
    """Train a recipe's runs, from their last checkpoints if there are any, and export what it makes of them.

    torchrun does it on several ranks.
    """
    from antiphon.train.recipe import train_recipe

    runs = train_recipe(
        recipe,
        settings=settings or (),
        only=only or (),
        smoke=smoke,
        folder=folder,
        device=device,
        threads=threads,
    )
    if os.environ.get("RANK", "0") == "0":
        typer.echo(f"trained: {', '.join(run.name for run in runs)}")
