"""Measure nano on its own held-out sets:  antiphon eval nano --sets data/eval --table docs/nano.md"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Name


def nano(
    sets: Annotated[Path, typer.Option(help="The folder that `python -m recipes.nano.skills evaluation` has filled.")],
    model: Name = "nano",
    only: Annotated[list[str] | None, typer.Option(help="A line of the measurement; may be given often.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many conversations of each set.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="All figures as JSON; lines that it has already are kept.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--table", help="All figures as a dated table in Markdown, such as docs/nano.md.")
    ] = None,
    judge: Annotated[str, typer.Option(help="module:function that returns a listener to speech.")] = "",
    gate: Annotated[bool, typer.Option("--gate", help="Exit status 1 where a line does not reach its bar.")] = False,
) -> None:
    """The gate of every change to nano: line by line, each figure with its count, 95 % interval and bar."""
    import torch

    from antiphon.cli.output import check_output
    from antiphon.eval.figures import table
    from antiphon.eval.own import fingerprint
    from antiphon.eval.record import Measured, Record
    from antiphon.eval.run import chosen, measure, open_bench
    from antiphon.weights.find import find

    for path in (one for one in (output, page) if one is not None):
        check_output(path)
    lines = chosen(only or ())  # a wrong name is told before a model is loaded
    torch.set_num_threads(1)
    bench = open_bench(model, sets, limit, judge)
    marked = fingerprint(find(model).folder)
    measured = Measured.now(model, marked, sets, limit, bench.ears_name, bench.judge_name)
    record, is_first = Record.begin(measured, output, page), True
    for name in lines:
        if name not in record.lines:
            ((_, figures),) = measure(bench, [name])
            record.lines[name] = figures
            record.write()
        told = table(record.lines[name])
        print(told if is_first else told.split("\n", 2)[2], flush=True)
        is_first = False
    record.write()
    if gate and record.fallen:
        for figure in record.fallen:
            typer.echo(f"{figure.line}: its bar is not reached", err=True)
        raise typer.Exit(1)
