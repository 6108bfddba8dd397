"""The third stage: answers become verdicts, verdicts become figures. Repeatable, without the model.

A verdict's row is keyed by the answer, the scorer, the ears and the judge, so going on costs nothing twice; figures are
made anew from all rows, in the order of the items, and so are the same to the bit however a run was cut up. A person's
verdict (`overrides.jsonl`) replaces a judge's, and is counted.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from antiphon.errors import AntiphonError
from antiphon.eval.benchmark import Answer, Benchmark, Judged, Result
from antiphon.eval.benchmarks.catalogue import BENCHMARKS
from antiphon.eval.folder import Folder, row_key
from antiphon.eval.guards import Warned, guards
from antiphon.eval.items import Item, digest
from antiphon.eval.panel import Panel
from antiphon.eval.reach import read_reach
from antiphon.eval.rows import Rows, write_whole

__all__ = ["Report", "Scored", "score"]

CHEAP = 1000  # verdicts that may be lost: the cache has those that cost something


@dataclass(frozen=True)
class Scored:
    """A benchmark's rows and figures."""

    bench: Benchmark
    rows: tuple[Judged, ...]
    answers: tuple[Answer, ...]
    results: tuple[Result, ...]
    missing: int  # questions without an answer
    faults: int
    overruled: int
    warned: tuple[Warned, ...]

    @property
    def error_share(self) -> float:
        """Of all that should have been scored, what could not be."""
        failed = sum(row.state == "error" for row in self.rows) + self.faults + self.missing
        return failed / max(1, len(self.rows) + self.faults + self.missing)


Report = Mapping[str, Scored]


def score(folder: Folder, panel: Panel, workers: int = 1) -> Report:
    """Score everything that is answered, and write `scores.jsonl` and `results.json`."""
    answers, run = folder.answers(), folder.run
    overruled = {(row["bench"], row["id"]): bool(row["right"]) for row in folder.kept("overrides.jsonl")}
    made = dict[str, Scored]()
    with Rows(folder.path / "scores.jsonl", CHEAP) as rows, ThreadPoolExecutor(workers) as pool:
        known = {str(row["key"]): row for row in rows.rows}
        for name in run.benches:
            bench = BENCHMARKS[name]
            items = [item for item in folder.items if item.bench == name]
            pairs = [(i, answers[key]) for i in items if (key := row_key(i, run.fingerprint)) in answers]
            found = list(pool.map(partial(_verdict, bench, panel, known), pairs))
            for key, judged in found:
                rows.add({"key": key, "bench": name, "id": judged.item.id, "state": judged.state,
                          "values": dict(judged.values), "shown": dict(judged.shown)})  # fmt: skip
            kept = [_overruled(judged, overruled.get((name, judged.item.id))) for _, judged in found]
            faults = sum(row["bench"] == name for row in folder.faults)
            made[name] = _scored(bench, items, kept, [answer for _, answer in pairs], faults, panel, len(overruled))
    told = json.dumps(_told(folder, made, panel), indent=1, ensure_ascii=False)
    write_whole(folder.path / "results.json", told + "\n")
    return made


def _verdict(
    bench: Benchmark, panel: Panel, known: Mapping[str, Mapping[str, Any]], pair: tuple[Item, Answer]
) -> tuple[str, Judged]:
    item, answer = pair
    said = [answer.status, answer.texts, answer.audio]
    key = digest([item.hash, said, bench.scorer.name, panel.ears_name, panel.judge_name,
                  dict(panel.speaker_names)])  # fmt: skip
    row = known.get(key)
    if row:
        return key, Judged(item=item, state=row["state"], values=row["values"], shown=row["shown"])
    try:
        judged = bench.scorer.verdict(item, answer, panel)
    except AntiphonError as error:  # the ears gave up: no verdict, and no zero
        return key + "-failed", Judged(item=item, state="error", shown={"error": str(error)})
    plain = json.loads(json.dumps([dict(judged.values), dict(judged.shown)]))
    return key, Judged(item=item, state=judged.state, values=plain[0], shown=plain[1])


def _overruled(judged: Judged, right: bool | None) -> Judged:
    """A verdict as a person sees it: every yes or no of it is theirs."""
    if right is None:
        return judged
    words = {True: "yes", False: "no"}
    values = {name: right if isinstance(value, bool) else words[right] if value in ("yes", "no", "skipped", "unparsed")
              else value for name, value in judged.values.items()}  # fmt: skip
    return replace(judged, state="ok", values=values, shown={**judged.shown, "overruled": words[right]})


def _scored(
    bench: Benchmark, items: Sequence[Item], rows: Sequence[Judged], answers: Sequence[Answer], faults: int,
    panel: Panel, overruled: int,
) -> Scored:  # fmt: skip
    ears = f"ears:{panel.ears_name}" if any(item.ask.speech for item in items) else ""
    judged_by = (ears, f"judge:{panel.judge_name}" if bench.scorer.is_judged else "")
    results = bench.scorer.results(rows) if rows else []
    signed = tuple(replace(one, signature=bench.signature(one, items, judged_by)) for one in results)
    people = sum("overruled" in row.shown for row in rows) if overruled else 0
    warned = (*guards(rows, answers), *_unreached(panel, items))
    return Scored(bench, tuple(rows), tuple(answers), signed, len(items) - len(rows), faults, people, warned)


def _unreached(panel: Panel, items: Sequence[Item]) -> list[Warned]:
    """That the sound was lost, as it was found before the run, for a benchmark that has any."""
    reached = read_reach(panel.folder.path)
    has_sound = any(turn.sound for item in items for turn in item.turns if turn.who == "user")
    lost = reached is not None and not reached.is_heard and has_sound
    return [Warned("ignores the sound", 1.0, reached.told)] if lost and reached else []


def _told(folder: Folder, made: Report, panel: Panel) -> dict[str, Any]:
    benches = {
        name: {"results": [asdict(one) for one in scored.results], "items": len(scored.rows), "missing": scored.missing,
               "faults": scored.faults, "overruled": scored.overruled, "assumption": scored.bench.assumption,
               "warnings": [asdict(one) for one in scored.warned]}
        for name, scored in made.items()
    }  # fmt: skip
    by = {"ears": panel.ears_name, "judge": panel.judge_name, "speakers": dict(panel.speaker_names)}
    return {"run": asdict(folder.run), **by, "benches": benches}
