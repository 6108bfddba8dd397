"""A benchmark: where its data lies, how its questions are read, and how answers are scored.

    Source ─ read ─> items ─ (a model) ─> answers ─ verdict ─> one row each ─ results ─> figures

A `Scorer` has two halves. `verdict` looks at one answer and may ask ears or a judge; it is cached, parallel, and knows
nothing of other items. `results` only adds up, so a verdict can be overruled and the figures made again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from antiphon.eval.items import Item, Sound, digest
from antiphon.eval.source import Source
from antiphon.metrics.interval import Interval

__all__ = [
    "SUITE",
    "Answer",
    "Benchmark",
    "Judged",
    "Means",
    "Question",
    "Result",
    "Scorer",
    "Verdict",
    "fenced",
    "result",
]

SUITE = "1"  # version of the suite: raised when a score of the same answers could change


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model made of an item: one text, and one recording if it spoke, for each turn that it was to answer.

    `status` is `ok` or `error`; with an error there are no texts, and `error` is its sentence.
    """

    status: str = "ok"
    texts: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()  # paths of recordings, "" for none
    finish: str = "stop"
    error: str = ""
    seconds: float = 0.0
    first_s: float | None = None  # to the first sound, or the first word
    audio_s: float = 0.0
    joints: tuple[tuple[int, ...], ...] = ()  # of each recording the first samples of later chunks, where known

    @property
    def text(self) -> str:
        """The last text."""
        return self.texts[-1] if self.texts else ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a judge is asked: is this answer right? `template` names the wording and its version."""

    template: str
    system: str
    user: str
    scale: str  # what is to be answered: "yes/no" or "1-5"
    facts: Mapping[str, str]  # dimension, gold, prediction ...: what a rule judges by
    recording: str = ""  # of the answer, as `Answer.audio` names it, for a judge that hears


def fenced(text: str) -> str:
    """A text that is judged, between fences that it cannot close."""
    return f"<<<{text.replace('<<<', '< <').replace('>>>', '> >')}>>>"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a judge said: `yes`, `no`, `scored`, `unparsed`, `error` or `skipped`. A failure is never a zero."""

    state: str
    score: float | None = None
    said: str = ""
    judge: str = ""


@runtime_checkable
class Means(Protocol):
    """What a scorer may ask: who listens to what a model said, who judges it, and who knows voices."""

    ears_name: str
    judge_name: str
    judge_hears: bool
    speaker_names: Mapping[str, str]  # of each metric of likeness, the net that gives it

    def heard(self, answer: Answer, turn: int, language: str) -> str:
        """Words of a spoken answer, by the ears; where nothing was spoken, what was written."""
        ...

    def judged(self, question: Question, times: int = 1) -> list[Verdict]:
        """What the judge says."""
        ...

    def alike(self, answer: Answer, turn: int, prompt: Sound) -> Mapping[str, float | None]:
        """How alike the voice of an answer and a prompt's are, by each metric; None where nobody is heard."""
        ...


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One item's verdict: `state` is ok, error (no answer), unparsed (an answer that names nothing) or skipped (nobody
    judged it). `values` are numbers that are added up, `shown` is for whoever looks at the item."""

    item: Item
    state: str
    values: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure: its 95 % interval, of how many, how many could not be had, and what it was measured with.

    `value` is None where nothing could be measured; `published` is the metric's name in the published tables.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    errors: int = 0
    unparsed: int = 0
    skipped: int = 0
    unit: str = "%"
    lower_is_better: bool = False
    is_headline: bool = False
    published: str = ""
    note: str = ""
    signature: str = ""


@runtime_checkable
class Scorer(Protocol):
    """How the answers of a benchmark are judged."""

    @property
    def name(self) -> str:
        """With its version; a part of every verdict's key."""
        ...

    @property
    def is_judged(self) -> bool:
        """Whether it asks a judge, whose name then belongs to its figures."""
        ...

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged: ...

    def results(self, rows: Sequence[Judged]) -> list[Result]: ...

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline, above and below the line; None where it adds nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark. `family` is the folder or the key of `data.yaml` under which its data is looked for."""

    name: str
    family: str
    read: Callable[[Source], Iterator[Item]]
    scorer: Scorer
    layout: str
    licence: str
    size: int | None = None  # items that the published set has
    assumption: str = ""  # what had to be guessed, as it is shown with every figure

    def items(self, source: Source) -> list[Item]:
        """Its items in the order of the data set, each named once."""
        return [replace(item, bench=self.name) for item in self.read(source)]

    def signature(self, result: Result, items: Sequence[Item], judged_by: Sequence[str] = ()) -> str:
        """What a figure depends on, in one line."""
        asks = sorted({(digest(item.ask.system)[:8], item.ask.decoding) for item in items})
        prompts = ",".join(sorted({ask for ask, _ in asks}))
        decoding = "/".join(sorted({how for _, how in asks}))
        data = digest([item.hash for item in items])[:12]
        measured = [part for part in (result.signature, *judged_by) if part]
        asked = [f"prompt:{prompts}", decoding, f"scorer:{self.scorer.name}", f"suite:{SUITE}", f"data:{data}"]
        return "|".join([self.name, result.metric, *measured, *asked])


def result(metric: str, found: Interval | None, rows: Sequence[Judged], **more: Any) -> Result:
    """A figure of some rows, their failures counted; `scale` 100 turns a share into percent."""
    scale = more.pop("scale", 1)
    states = [row.state for row in rows]
    count = more.pop("n", states.count("ok") + states.count("unparsed"))
    ends = (None, None, None) if found is None else tuple(scale * end for end in (found.value, found.low, found.high))
    return Result(metric=metric, value=ends[0], low=ends[1], high=ends[2], n=count, errors=states.count("error"),
                  unparsed=states.count("unparsed"), skipped=states.count("skipped"), **more)  # fmt: skip
