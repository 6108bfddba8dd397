"""Make, count, check and look at training data:  antiphon data synth corpus.json --out data"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from antiphon.data.queue import Done

Corpus = Annotated[Path, typer.Argument(help="A folder that `antiphon data synth` has filled.")]

data = typer.Typer(help="Make, count, check and look at training data.", no_args_is_help=True, rich_markup_mode=None)


@data.command()
def synth(
    spec: Annotated[str, typer.Argument(help="A JSON file, or module:function that returns a CorpusSpec.")],
    out: Annotated[Path, typer.Option(help="The folder to fill; one that was begun is gone on with.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes that make clips.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many clips.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the specification's: another corpus.")] = None,
) -> None:
    """Make a corpus of synthetic speech; stopped anywhere and started again, it ends the same to the byte."""
    import logging
    from dataclasses import replace

    from antiphon.cli.output import waiting
    from antiphon.data.corpus import synthesise
    from antiphon.data.spec import load

    logging.basicConfig(format="antiphon: %(message)s")
    wanted = load(spec)
    if limit is not None:
        wanted = replace(wanted, clips=min(limit, wanted.clips))
    if seed is not None:
        wanted = replace(wanted, seed=seed)
    with waiting("making clips", " clips") as bar:
        bar.total = wanted.clips

        def progress(done: "Done") -> None:
            bar.update(done.clips)

        all_done = synthesise(wanted, out, workers, progress)
    print(f"{all_done.clips} clips, {all_done.audio_s / 3600:.3f} hours; {all_done.refused} were refused and replaced; "
          f"{all_done.cpu_s:.1f} s of CPU time, {all_done.audio_s / max(all_done.cpu_s, 1e-9):.0f} times real time on "
          "one core.")  # fmt: skip


@data.command()
def stats(
    folder: Corpus,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A page of HTML with plots.")] = None,
) -> None:
    """Print what a corpus holds as JSON: hours by engine, voice, speaker's attributes, task and language, lengths."""
    from antiphon.cli.output import check_output
    from antiphon.data.page import page
    from antiphon.data.stats import count

    if output is not None:
        check_output(output)
    figures = count(folder)
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if output is not None:
        output.write_text(page(folder.resolve().name, figures), encoding="utf-8")


@data.command()
def validate(
    folder: Corpus,
    sample: Annotated[int, typer.Option(min=0, help="Try so many random clips by every check.")] = 0,
    judged: Annotated[int, typer.Option(min=0, help="Let a recogniser hear so many of them; it is slow.")] = 0,
    seed: Annotated[int, typer.Option(help="Which clips are tried.")] = 0,
) -> None:
    """Check that a corpus is whole; says file, line and reason of whatever is wrong, and then ends with status 2."""
    from antiphon.data import validate as checks

    problems = checks.problems(folder)
    for problem in problems:
        print(f"{folder}/{problem}.", file=sys.stderr)
    if problems:
        raise typer.Exit(2)
    print(f"{folder} is whole.")
    if sample:
        tried = checks.sample(folder, sample, seed, judged)
        for wrong in tried.wrong:
            print(wrong)
        low, high = (100 * end for end in (tried.rate.low, tried.rate.high))
        print(f"{tried.passed} of {tried.tried} clips pass: {100 * tried.rate.value:.1f} % [{low:.1f}, {high:.1f}].")
        if tried.judged:
            print(f"The recogniser judged {tried.judged} of them and understood {tried.understood}.")


@data.command()
def show(
    records: Annotated[Path, typer.Argument(help="A file of records: JSON lines.")],
    model: Annotated[str, typer.Option(help="The model that shall learn from them.")] = "nano",
    sounds: Annotated[Path | None, typer.Option(help="Shards of sound; `corpus` beside the file by default.")] = None,
    coder: Annotated[str, typer.Option(help="Whose speech tokenizer writes codes; the model's by default.")] = "",
    first: Annotated[int, typer.Option(min=0, help="The first record to show, from 0.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 3,
    colour: Annotated[bool | None, typer.Option(help="Colours, or names in brackets; colours on a terminal.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Show none; name all that cannot be learned from.")] = False,
) -> None:
    """Show records as a model sees them: the prompt, each code, and in colours what is learned."""
    from antiphon.train.show import legend, problems, reader, show_records

    painted = sys.stdout.isatty() if colour is None else colour
    builder = reader(model, sounds or records.parent / "corpus", coder)
    if check:
        wrong = 0
        for problem in problems(records, builder):
            print(problem, file=sys.stderr)
            wrong += 1
        if wrong:
            raise typer.Exit(2)
        print(f"{records} can be learned from.")
        return
    if painted:
        print(legend())
    for text in show_records(records, builder, first=first, count=count, colour=painted):
        print(text)
