"""Measure a model on benchmarks:  antiphon eval run --bench asr,mmau --data data.yaml --model mini --out runs/a"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from antiphon.cli.measure import nano

Benches = Annotated[
    str, typer.Option("--bench", "-b", help="Names, or their beginnings, with commas between; all by default.")
]
Place = Annotated[Path, typer.Option("--data", help="A folder of data sets, or a YAML file of `family: folder`.")]
Out = Annotated[Path, typer.Option("--out", help="The run's folder.")]
Folder = Annotated[Path, typer.Argument(help="A run's folder.")]
JUDGES = "rule, none, local:MODEL, openai:URL#MODEL, openai-audio:URL#MODEL (hears); as the last time by default."
SPEAKERS = "Who knows voices: FILE.onnx, a model of ours, wavlm:FILE.onnx (the published SIM), none; with commas."
Judge = Annotated[str, typer.Option(help=JUDGES)]
Speaker = Annotated[str, typer.Option(help=SPEAKERS)]
Ears = Annotated[str, typer.Option(help="Who hears what was said: text, oracle, openai:URL#MODEL, a model of ours.")]
MaxError = Annotated[float, typer.Option(min=0, max=100, help="Percent that may fail before the exit status is 1.")]
CacheAt = Annotated[Path | None, typer.Option("--cache", help="Where answers and verdicts are kept for other runs.")]
Workers = Annotated[int, typer.Option(min=1, help="Requests under way at the same time.")]


class _NanoByDefault(TyperGroup):
    """`antiphon eval --sets FOLDER` is `antiphon eval nano --sets FOLDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].startswith("--") and args[0] != "--help":
            args = ["nano", *args]
        return super().parse_args(ctx, args)


evaluate = typer.Typer(cls=_NanoByDefault, no_args_is_help=True, rich_markup_mode=None,
                       help="Measure a model on benchmarks, on your own copies of their data.")  # fmt: skip
evaluate.command()(nano)


@evaluate.command("list")
def list_benches(data: Annotated[Path | None, typer.Option(help="Tell what is there, too.")] = None) -> None:
    """Every benchmark: where its data is looked for, its licence, its size."""
    from antiphon.eval.benchmarks.catalogue import BENCHMARKS
    from antiphon.eval.stages import read_data

    places = read_data(data) if data else None
    for name, bench in BENCHMARKS.items():
        there = "" if places is None else "  [there]" if places.of(bench.family) else "  [missing]"
        size = f"{bench.size} items" if bench.size else "any size"
        print(f"{name}{there}\n    {bench.family}: {bench.layout}\n    {size}; {bench.licence}")
        if bench.assumption:
            print(f"    assumed: {bench.assumption}")


@evaluate.command()
def check(data: Place, bench: Benches = "") -> None:
    """Read every data set that is there and name what is wrong, without a model. Exit status 1 where items are lost."""
    from antiphon.eval.benchmarks.catalogue import chosen
    from antiphon.eval.stages import is_there, read_bench, read_data

    places, lost = read_data(data), 0
    for one in chosen(_names(bench)):
        if not bench and not is_there(one, places):
            continue
        items, problems = read_bench(one, places)
        faults = sum(problem.is_fault for problem in problems)
        lost += faults
        size = f" of {one.size} published" if one.size else ""
        print(f"{one.name}: {len(items)} items{size}, {faults} lost")
        for problem in problems:
            print(f"    {'lost' if problem.is_fault else 'note'}: {problem}")
    raise typer.Exit(1 if lost else 0)


@evaluate.command()
def run(
    data: Place,
    out: Out,
    bench: Benches = "",
    model: Annotated[str, typer.Option("--model", "-m", help="A model, openai:URL#MODEL, or oracle.")] = "nano",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items of each benchmark.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the items of a limit, and the answers that are sampled.")] = 0,
    shard: Annotated[str, typer.Option(help="This process's share, such as 3/8.")] = "1/1",
    workers: Workers = 1,
    cache: CacheAt = None,
    explain_cache: Annotated[bool, typer.Option(help="Only tell which answers the cache has, and why.")] = False,
    max_error: MaxError = 1.0,
) -> None:
    """Ask the model every question that it has not answered yet. Killed, it goes on where it was."""
    from antiphon.eval.running import run_benches, too_many_errors

    said = run_benches(data, out, _names(bench), model, limit=limit, seed=seed, shard=_shard(shard), workers=workers,
                       cache=cache, explains=explain_cache)  # fmt: skip
    if reasons := too_many_errors(said, max_error):
        _fail(reasons)


@evaluate.command()
def score(
    folder: Folder,
    judge: Judge = "",
    ears: Ears = "",
    speaker: Speaker = "",
    workers: Workers = 1,
    cache: CacheAt = None,
    max_error: MaxError = 1.0,
) -> None:
    """Judge the answers and print the figures; no model is needed, and it may be repeated."""
    from antiphon.eval.running import score_run, table, unscored

    report = score_run(folder, judge, ears, workers, cache, speaker)
    print(table(report))
    if reasons := unscored(report, folder, max_error):
        _fail(reasons)


@evaluate.command()
def compare(
    folder: Folder,
    other: Annotated[Path | None, typer.Argument(help="Another run's folder, to be compared item by item.")] = None,
    published: Annotated[str, typer.Option(help="readme, arxiv_v2, step_audio_1, kimi_kit, r1_5, none.")] = "readme",
    judge: Judge = "",
    ears: Ears = "",
    cache: CacheAt = None,
) -> None:
    """Two runs on the same questions, with paired tests; and how far off the published figures are."""
    from antiphon.eval import compare as comparing
    from antiphon.eval.running import score_run

    first = score_run(folder, judge, ears, cache=cache)
    if other is not None:
        print(comparing.told(comparing.compare(first, score_run(other, judge, ears, cache=cache))))
    if published != "none":
        print(comparing.told_distances(comparing.distances(first, published)))


@evaluate.command()
def report(
    folder: Folder,
    html: Annotated[Path, typer.Option("--html", help="The folder to write.")],
    published: Annotated[str, typer.Option(help="readme or arxiv_v2.")] = "readme",
    judge: Judge = "",
    ears: Ears = "",
    cache: CacheAt = None,
    audio: Annotated[bool, typer.Option(help="Copy the recordings beside the pages.")] = True,
) -> None:
    """A folder that opens from a file: figures beside published ones, and every item to be listened to."""
    from antiphon.eval.folder import Folder as Run
    from antiphon.eval.report.write import write_report
    from antiphon.eval.running import score_run

    scored = score_run(folder, judge, ears, cache=cache)
    print(write_report(html, Run(folder), scored, source=published, with_audio=audio))


@evaluate.command()
def gate(
    folder: Folder,
    ears: Ears = "",
    may_fail: Annotated[float, typer.Option(min=0, max=100, help="Percent of answers that may fail a gate.")] = 2.0,
    cache: CacheAt = None,
) -> None:
    """What must never ship: seams, truncation, silence, loops, other words. Exit status 1 where a gate is shut."""
    from antiphon.eval.gates import told
    from antiphon.eval.running import gate_run

    found = gate_run(folder, ears or "text", may_fail / 100, cache)
    print(told(found))
    raise typer.Exit(1 if any(one.is_open is False for one in found) or not any(one.looked_at for one in found) else 0)


@evaluate.command()
def demo(out: Annotated[Path | None, typer.Option("--out", help="Keep the data and the run here.")] = None) -> None:
    """Every benchmark on small data sets made for it, answered by an oracle: the whole suite without a model."""
    import tempfile

    from antiphon.eval.folder import Folder as Run
    from antiphon.eval.report.write import write_report
    from antiphon.eval.running import run_demo, table

    with tempfile.TemporaryDirectory() as place:
        scored = run_demo(out or Path(place))
        print(table(scored))
        if out:
            print(write_report(out / "report", Run(out / "run"), scored))


def _names(bench: str) -> list[str]:
    return [name.strip() for name in bench.split(",") if name.strip()]


def _shard(text: str) -> tuple[int, int]:
    from antiphon.errors import InputError

    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit()):
        raise InputError(f"found shard {text!r}; expected one such as 3/8.")
    return int(number), int(count)


def _fail(reasons: list[str]) -> None:
    for reason in reasons:
        typer.echo(reason, err=True)
    raise typer.Exit(1)
