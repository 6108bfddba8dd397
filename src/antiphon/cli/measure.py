"""Measure nano on its own held-out sets:  antiphon eval nano --sets data/eval --only asr --limit 50"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Name


def nano(
    sets: Annotated[Path, typer.Option(help="The folder that `python -m recipes.nano.skills evaluation` has filled.")],
    model: Name = "nano",
    only: Annotated[list[str] | None, typer.Option(help="A line of the measurement; may be given often.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many conversations of each set.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="All figures as JSON.")] = None,
    judge: Annotated[str, typer.Option(help="module:function that returns a listener to speech.")] = "",
) -> None:
    """Measure what a model can do, line by line, each figure with its count and 95 % interval."""
    import torch

    from antiphon.cli.output import check_output
    from antiphon.eval.figures import table
    from antiphon.eval.run import chosen, measure, open_bench, write

    if output is not None:
        check_output(output)
    chosen(only or ())  # a wrong name is told before a model is loaded
    torch.set_num_threads(1)
    bench = open_bench(model, sets, limit, judge)
    found = {}
    for name, figures in measure(bench, only or ()):
        found[name] = figures
        print(table(figures).split("\n", 2)[2] if len(found) > 1 else table(figures), flush=True)
        if output is not None:
            write(output, model, found, limit)
