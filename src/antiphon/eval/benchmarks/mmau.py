"""MMAU v05.15.25, test-mini: questions about sounds, speech and music, with choices.

Two matchers: `official`, which the published figures were made by, and `choice`, which is safe; an answer that names
nothing is wrong and counted as unparsed. There are 1000 questions, 333 of sound, 333 of speech, 334 of music.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Result, result
from antiphon.eval.benchmarks.asking import QUESTION, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Fields, Source
from antiphon.metrics.choice import chosen, official, tagged_answer
from antiphon.metrics.interval import Interval, wilson

TASKS = ("sound", "speech", "music")
SPLIT = "test-mini"
NEEDED: Fields = {"choices": list, **dict.fromkeys(("id", "audio_id", "question", "answer", "task", "split"), str)}
CHOOSE = (
    "Please choose the answer from the following options: [{}]"
    " Output the final answer in <RESPONSE> </RESPONSE>."
)


def read(source: Source) -> Iterator[Item]:
    """`mmau-test-mini.json`; the order of the choices is kept."""
    path = source.find("mmau-test-mini.json")
    for number, row in source.entries(path, NEEDED):
        if row["split"] != SPLIT or row["task"] not in TASKS:
            source.fault(path, 0, f"split {row['split']!r}, task {row['task']!r} in entry {number}",
                         f"split {SPLIT!r} of version v05.15.25 and a task of {', '.join(TASKS)}")  # fmt: skip
            continue
        if row["answer"] not in row["choices"]:
            source.fault(path, 0, f"the answer {row['answer']!r} in entry {number}",
                         "one of its choices, as in v05.15.25")  # fmt: skip
            continue
        sound = source.sound(path.parent / row["audio_id"], path, 0)
        if sound and source.is_new(row["id"], path, 0):
            told = f"{row['question']} {CHOOSE.format(', '.join(row['choices']))}"
            yield heard_item(row["id"], sound, QUESTION, row["answer"], "en", text=told, group=row["task"],
                             fields={"choices": row["choices"], "difficulty": row.get("difficulty", "")})  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """Accuracy of both matchers, by task and over all; the average is the mean of the three tasks."""

    name: str = "choices@1"
    is_judged: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """Both matchers' verdicts."""
        if answer.status == "error":
            return Judged(item=item, state="error")
        said, choices = tagged_answer(answer.text), list(item.fields["choices"])
        index = chosen(said, choices)
        values = {"official": official(said, item.references[0], choices),
                  "choice": index is not None and choices[index] == item.references[0]}  # fmt: skip
        return Judged(item=item, state="unparsed" if index is None else "ok", values=values, shown={"said": said})

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """By each matcher."""
        found = list[Result]()
        for matcher in ("official", "choice"):
            of = [_share(rows, task, matcher) for task in TASKS]
            found += [_average(rows, matcher), *of]
        return found

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline."""
        return None if row.state == "error" else (float(row.values["official"]), 1.0)


def _share(rows: Sequence[Judged], task: str, matcher: str) -> Result:
    some = [row for row in rows if row.item.group == task]
    told = [bool(row.values[matcher]) for row in some if row.state != "error"]
    return result(f"{task} ({matcher})", wilson(sum(told), len(told)) if told else None, some, scale=100,
                  published=task if matcher == "official" else "", signature=f"matcher:{matcher}")  # fmt: skip


def _average(rows: Sequence[Judged], matcher: str) -> Result:
    told = [bool(row.values[matcher]) for row in rows if row.state != "error"]
    interval = wilson(sum(told), len(told)) if told else None
    shares = [one.value for one in (_share(rows, task, matcher) for task in TASKS) if one.value is not None]
    mean = sum(shares) / len(shares) if shares else 0.0
    note = f"mean of the tasks {mean:.2f}" if shares else ""
    whole = None if interval is None else Interval(interval.value, interval.low, interval.high)
    return result(f"accuracy ({matcher})", whole, rows, scale=100, published="avg" if matcher == "official" else "",
                  is_headline=matcher == "official", signature=f"matcher:{matcher}", note=note)  # fmt: skip


BENCHMARKS = (
    Benchmark(
        name="mmau_v05.15.25_test_mini",
        family="mmau",
        read=read,
        scorer=Choices(),
        layout="mmau-test-mini.json and test-mini-audios/*.wav",
        licence="Apache-2.0 for the questions, the sounds by their own sources",
        size=1000,
        assumption="the file carries no version: v05.15.25 is taken on trust",
    ),
)
