"""A run from its first question to its table, as the command line asks for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from antiphon.errors import InputError
from antiphon.eval.answerers import open_answerer
from antiphon.eval.benchmark import Result
from antiphon.eval.benchmarks.catalogue import chosen
from antiphon.eval.budget import budget
from antiphon.eval.cache import Cache, default_folder
from antiphon.eval.ears import open_ears
from antiphon.eval.folder import Folder, Run
from antiphon.eval.gates import GATED, Passed, gates, spoken_answers
from antiphon.eval.judges import open_judge
from antiphon.eval.lookalike import build
from antiphon.eval.panel import Panel
from antiphon.eval.reach import check_reach
from antiphon.eval.rows import write_whole
from antiphon.eval.scoring import Report, score
from antiphon.eval.speakers import open_speaker
from antiphon.eval.stages import ask, explain, freeze, is_there, read_data, share

__all__ = ["Ran", "gate_run", "run_benches", "run_demo", "score_run", "table", "too_many_errors", "unscored"]

FIRST = {"judge": "rule", "ears": "text", "speaker": "nano"}  # who scores where nobody was named yet
_SHOWN = 5  # reasons of one kind


@dataclass(frozen=True)
class Ran:
    """What came of a shard: questions of the whole run, failures, and why."""

    asked: int
    faults: tuple[str, ...]
    errors: tuple[str, ...]


def run_benches(
    data: Path,
    out: Path,
    names: Sequence[str],
    model: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    shard: tuple[int, int] = (1, 1),
    workers: int = 1,
    cache: Path | None = None,
    quiet: bool = False,
    explains: bool = False,
) -> Ran:
    """Freeze and ask, or only explain the cache. Without names, every benchmark whose data is there."""
    places = read_data(data)
    benches = [one for one in chosen(names) if names or is_there(one, places)]
    if not benches:
        raise InputError(f"{data} holds the data of no benchmark; `antiphon eval list` says where it is looked for.")
    answerer, folder = open_answerer(model, workers), Folder(out)
    folder.begin(Run(model=answerer.name, fingerprint=answerer.fingerprint, limit=limit, seed=seed,
                     benches=tuple(one.name for one in benches)))  # fmt: skip
    freeze(folder, benches, places, limit, seed)
    mine, kept = share(folder.items, shard), Cache(cache or default_folder())
    if explains:
        print("\n".join(explain(folder, answerer, kept, seed)))
        return _ran(folder)
    if not quiet:
        print(f"{answerer.name}: {budget(mine, answerer)}", flush=True)
        for system in dict.fromkeys(item.ask.system for item in mine):
            print(f"    told: {system!r}", flush=True)
    reached = check_reach(out, folder.items, answerer, seed)
    if reached is not None and not quiet:
        print(f"    {'sound' if reached.is_heard else 'WARNING'}: {reached.told}", flush=True)
    with tqdm(total=len(mine), unit="question", disable=None if not quiet else True) as bar:
        done = 0
        for progress in ask(folder, answerer, kept, shard=shard, seed=seed):
            done = progress.done
            bar.update(1)
            bar.set_postfix(errors=progress.errors, cached=progress.from_cache)
        bar.update(len(mine) - done)  # answered before
    if not quiet:
        notes = [_named(row) for row in folder.problems if not row["is_fault"]]
        print("\n".join(f"    note: {note.strip()}" for note in _few(notes)), end="\n" if notes else "", flush=True)
    return _ran(folder)


def _ran(folder: Folder) -> Ran:
    answers = folder.answers().values()
    failed = tuple(answer.error for answer in answers if answer.status == "error")
    return Ran(len(folder.items), tuple(map(_named, folder.faults)), failed)


def _named(row: Mapping[str, Any]) -> str:
    """A row of `problems.jsonl` as a sentence."""
    return f"{row['file']}, line {row['line']}: found {row['found']}, expected {row['expected']}"


def too_many_errors(ran: Ran, most: float) -> list[str]:
    """Reasons, where more than a percentage failed."""
    failed, total = len(ran.faults) + len(ran.errors), ran.asked + len(ran.faults)
    if not total or 100 * failed / total <= most:
        return []
    return [f"{failed} of {total} failed, more than {most:g} %:", *_few(ran.faults), *_few(ran.errors)]


def score_run(
    out: Path, judge: str = "", ears: str = "", workers: int = 1, cache: Path | None = None, speaker: str = ""
) -> Report:
    """Score a run. Who is not named is whoever it was the last time; at first rules, no ears, and nano's speaker net.

    `speaker` may name several nets, with commas between.
    """
    place = out / "scored-by.json"
    last = {**FIRST, **(json.loads(place.read_text(encoding="utf-8")) if place.exists() else {})}
    by = {name: given or last[name] for name, given in (("judge", judge), ("ears", ears), ("speaker", speaker))}
    speakers = [found for one in by["speaker"].split(",") if (found := open_speaker(one.strip())) is not None]
    folder, kept = Folder(out), Cache(cache or default_folder())
    report = score(folder, Panel(folder, open_ears(by["ears"]), open_judge(by["judge"]), kept, speakers), workers)
    write_whole(place, json.dumps(by) + "\n")
    return report


def gate_run(out: Path, ears: str, may_fail: float, cache: Path | None = None) -> list[Passed]:
    """The gates of a run, also written into its folder, where a report finds them."""
    folder = Folder(out)
    panel = Panel(folder, open_ears(ears), open_judge("none"), Cache(cache or default_folder()))
    found = gates(spoken_answers(folder, panel), may_fail)
    told = json.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False)
    write_whole(out / GATED, told + "\n")
    return found


def unscored(report: Report, out: Path, most: float) -> list[str]:
    """Reasons, where more than a percentage of a benchmark could not be scored."""
    found = list[str]()
    for name, scored in report.items():
        if 100 * scored.error_share > most:
            rows = [row for row in Folder(out).faults if row["bench"] == name]
            lost = [f"{row['file']}, line {row['line']}: found {row['found']}" for row in rows]
            why = [answer.error for answer in scored.answers if answer.error]
            found += [f"{name}: {100 * scored.error_share:.1f} % could not be scored ({scored.missing} not asked yet,"
                      f" {scored.faults} lost in the data)", *_few(lost), *_few(why)]  # fmt: skip
    return found


def run_demo(folder: Path) -> Report:
    """The whole suite on small data sets, answered by an oracle that hears."""
    oracle = build(folder / "data")
    place, cache = folder / "run", folder / "cache"
    run_benches(folder / "data", place, [], f"oracle:{oracle}", cache=cache, quiet=True)
    return score_run(place, "stub", "oracle", cache=cache)


def table(report: Report) -> str:
    """Headlines of every benchmark, what was published, and every guard that fired; then the signatures."""
    columns = ("benchmark", "figure", "value", "95 %", "n", "errors", "unparsed", "not judged")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    signed, warned = list[str](), list[str]()
    for name, scored in report.items():
        for one in scored.results:
            if one.is_headline or one.published:
                lines.append(_row(name, one))
                signed.append(f"    {one.signature}")
        warned += [f"WARNING {name}: {one.name}: {one.sentence}" for one in scored.warned]
        warned += [f"WARNING {name}: {scored.faults} items lost in the data"] if scored.faults else []
        warned += [f"WARNING {name}: {scored.missing} questions not answered yet"] if scored.missing else []
    return "\n".join([*lines, "", *signed, *warned])


def _row(name: str, one: Result) -> str:
    value = "not evaluated" if one.value is None else f"{one.value:.2f} {one.unit}"
    ends = "" if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}"
    return f"| {name} | {one.metric} | {value} | {ends} | {one.n} | {one.errors} | {one.unparsed} | {one.skipped} |"


def _few(reasons: Sequence[str]) -> list[str]:
    more = [f"    ... and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else []
    return [f"    {reason}" for reason in reasons[:_SHOWN]] + more
