"""Big Bench Audio: reasoning over spoken questions with closed answers, in four categories of 250.

Chance is half in three of the four, so each is told. A rule judges: it takes the one valid answer that a reply names;
of a reply that names both, what follows "the answer is", or nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Result, result
from antiphon.eval.benchmarks.asking import TALK, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Fields, Source
from antiphon.metrics.interval import wilson

NEEDED: Fields = {"category": str, "official_answer": object, "file_name": str, "id": (int, str)}
CLOSED = {"formal_fallacies": ("valid", "invalid"), "navigate": ("yes", "no"), "web_of_lies": ("yes", "no")}
NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
           "seventeen eighteen nineteen twenty").split()  # fmt: skip
_FINAL = re.compile(r"\banswer\b(?:\s+(?:is|would be))?[\s:]*")


def read(source: Source) -> Iterator[Item]:
    """`metadata.jsonl`: category, official_answer, file_name, id."""
    path = source.find("metadata.jsonl")
    for line, row in source.objects(path, NEEDED):
        sound = source.sound(path.parent / row["file_name"], path, line)
        if sound and source.is_new(str(row["id"]), path, line):
            yield heard_item(str(row["id"]), sound, TALK, str(row["official_answer"]), "en", group=row["category"])


def named(category: str, said: str) -> str | None:
    """The answer that a reply names, in small letters; None where it names none, or several."""
    words = said.lower()
    options = CLOSED.get(category)
    pattern = "|".join(options) if options else r"\d+|" + "|".join(sorted(NUMBERS, key=len, reverse=True))
    for text in (words, _FINAL.split(words)[-1] if _FINAL.search(words) else ""):
        found = {_number(one) for one in re.findall(rf"\b(?:{pattern})\b", text)}
        if len(found) == 1:
            return found.pop()
    return None


def _number(word: str) -> str:
    return str(NUMBERS.index(word)) if word in NUMBERS else word


@dataclass(frozen=True)
class Closed:
    """Accuracy over all and by category; a reply that names nothing is wrong, and counted."""

    name: str = "closed@1"
    is_judged: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """Whether the reply names the official answer."""
        if answer.status == "error":
            return Judged(item=item, state="error")
        said = means.heard(answer, -1, "en")
        found = named(item.group, said)
        values = {"right": found == item.references[0].lower()}
        return Judged(item=item, state="unparsed" if found is None else "ok", values=values, shown={"said": said})

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """Over all, then by category."""
        found = [_share("accuracy", rows, is_headline=True, published="accuracy")]
        for group in sorted({row.item.group for row in rows}):
            note = f"chance {100 / len(CLOSED[group]):.0f} %" if group in CLOSED else ""
            found.append(_share(group, [row for row in rows if row.item.group == group], note=note))
        return found

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline."""
        return None if row.state == "error" else (float(row.values["right"]), 1.0)


def _share(metric: str, rows: Sequence[Judged], **more: object) -> Result:
    told = [bool(row.values["right"]) for row in rows if row.state != "error"]
    return result(metric, wilson(sum(told), len(told)) if told else None, rows, scale=100, **more)


BENCHMARKS = (
    Benchmark(
        name="big_bench_audio",
        family="big_bench_audio",
        read=read,
        scorer=Closed(),
        layout="metadata.jsonl and data/question_N.mp3",
        licence="MIT",
        size=1000,
        assumption="judged by a rule on its closed answers, where the published figures used a language model",
    ),
)
