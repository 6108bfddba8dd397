"""nano's own held-out conversations, in the stages of every benchmark: frozen, answered, judged by their grammar.

`python -m recipes.nano.skills evaluation FOLDER` makes the sets; the data key is `nano`. A set that is not there is
left out. These are for listening, for resuming and for comparing two models item by item. The gate of a change to nano
is `antiphon eval nano --gate`, whose lines have bars, controls, and what needs an engine or a second try: manners,
voices, what thinking brings, and what is said once a tool has answered (here a call is judged, its result is not told).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from antiphon.data.skills.exchange import Conversation, from_json
from antiphon.data.skills.judge import right_call, right_reply
from antiphon.data.store import read_index, shard_numbers
from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Result, Scorer, result
from antiphon.eval.benchmarks.asking import ask_of
from antiphon.eval.items import Item, Turn
from antiphon.eval.source import Source
from antiphon.eval.transcripts import Transcripts
from antiphon.metrics.interval import Interval, wilson
from antiphon.metrics.toolcall import read_calls

ALOUD = ("answers", "memory", "arithmetic", "outside", "speech")
LONGEST = 1024  # tokens of a reply: over 30 s of speech


def read(source: Source, names: Sequence[str]) -> Iterator[Item]:
    """The conversations of all sets whose names begin so; every turn of the user is answered."""
    for folder in sorted(path for path in source.root.iterdir() if path.name.startswith(tuple(names))):
        place = folder / "shards"
        if not shard_numbers(place):
            source.note(folder, 0, "no shards", "a set that was made to its end")
        for number in shard_numbers(place):
            index, wave = place / f"{number:05d}.jsonl", place / f"{number:05d}.npy"
            for line, row in enumerate(read_index(place, number), 1):
                made, turns = from_json(row["fields"]["conversation"]), list[Turn]()
                for turn, told in zip(made.turns, row["turns"], strict=True):
                    begin, end = told["span"]
                    member = f"{row['offset'] + begin}:{end - begin}:{row['rate']}"
                    sound = source.sound(wave, index, line, member=member) if turn.heard else None
                    turns.append(Turn(who="user", text="" if turn.heard else turn.written, sound=sound))
                if all(turn.sound or turn.text for turn in turns):
                    yield _item(f"{folder.name}/{number}-{line}", folder.name, made, tuple(turns),
                                row["fields"]["conversation"])  # fmt: skip


def _item(key: str, name: str, made: Conversation, turns: tuple[Turn, ...], told: object) -> Item:
    tools = tuple(json.dumps(json.loads(text)["function"], ensure_ascii=False) for text in made.tools)
    ask = ask_of(made.prompt, speech=name.startswith(ALOUD), max_tokens=LONGEST, temperature=0.0, tools=tools)
    last = made.turns[-1]
    gold = f"<tool_call>function\n{last.call.name}\n{last.call.arguments}</tool_call>" if last.call else last.reply
    return Item(bench="", id=key, turns=turns, ask=ask, references=(last.reply,), language=last.language, group=name,
                fields={"conversation": told, "gold": gold})  # fmt: skip


@dataclass(frozen=True)
class Right:
    """The share of right last replies, over all and by set."""

    name: str = "grammar@1"
    is_judged: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """By the grammar that the conversation came from; neither case nor marks count."""
        if answer.status == "error":
            return Judged(item=item, state="error")
        right = right_reply(from_json(item.fields["conversation"]).turns[-1], answer.text)
        return Judged(item=item, state="ok", values={"right": right}, shown={"said": answer.text})

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """Over all, then by set."""
        found = [_share("right answers", rows, is_headline=True)]
        groups = sorted({row.item.group for row in rows})
        return found + [_share(name, [r for r in rows if r.item.group == name]) for name in groups if len(groups) > 1]

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline."""
        return None if row.state == "error" else (float(row.values["right"]), 1.0)


@dataclass(frozen=True)
class Calls:
    """Whether a tool is called when it is due, which, and with what."""

    name: str = "grammar-calls@1"
    is_judged: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """The first call of the last reply."""
        if answer.status == "error":
            return Judged(item=item, state="error")
        turn, (calls, malformed) = from_json(item.fields["conversation"]).turns[-1], read_calls(answer.text)
        same = bool(calls) and turn.call is not None and calls[0].name == turn.call.name
        good = same and right_call(turn, calls[0].name, calls[0].arguments)
        values = {"due": turn.call is not None, "called": bool(calls) or bool(malformed), "type": same, "right": good}
        return Judged(item=item, state="ok", values=values, shown={"said": answer.text})

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """Right decisions; then trigger, type and parameters."""
        told = [row.values for row in rows if row.state == "ok"]
        due, called = [v for v in told if v["due"]], [v for v in told if v["called"]]
        triggered = [v for v in called if v["due"]]
        typed = [v for v in triggered if v["type"]]
        counted = (
            ("trigger recall", len(triggered), len(due)),
            ("trigger precision", len(triggered), len(called)),
            ("type", len(typed), len(triggered)),
            ("parameters", sum(bool(v["right"]) for v in typed), len(typed)),
        )
        parts = [part for row in rows if (part := self.parts(row)) is not None]
        whole = wilson(int(sum(a for a, _ in parts)), len(parts)) if parts else None
        found = [result("right decisions", whole, rows, scale=100, is_headline=True)]
        return found + [result(name, _wilson(k, n), rows, scale=100, n=n) for name, k, n in counted]

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline: the right call where one is due, none where none is."""
        if row.state == "error":
            return None
        return float(row.values["right"] if row.values["due"] else not row.values["called"]), 1.0


def _share(metric: str, rows: Sequence[Judged], **more: object) -> Result:
    told = [bool(row.values["right"]) for row in rows if row.state != "error"]
    return result(metric, _wilson(sum(told), len(told)), rows, scale=100, **more)


def _wilson(successes: int, trials: int) -> Interval | None:
    return wilson(successes, trials) if trials else None


_SETS = {
    "asr_en": ("asr-seen-en", "asr-unseen-en", "asr-strange-en", "asr-hard-en"), "asr_zh": ("asr-seen-zh",),
    "answers": ("answers-", "memory-", "arithmetic-"), "translate": ("translate-",), "hear": ("hear-",),
    "react": ("react-",), "tools": ("tools-",), "outside": ("outside",), "speech_en": ("speech-en",),
}  # fmt: skip
_SCORERS: Mapping[str, Scorer] = {"asr": Transcripts(), "speech": Transcripts(spoken=True), "tools": Calls()}
BENCHMARKS = tuple(
    Benchmark(
        name=f"nano.{name}",
        family="nano",
        read=partial(read, names=sets),
        scorer=_SCORERS.get(name.split("_")[0], Right()),
        layout=f"{'*, '.join(sets)}*: sets of `python -m recipes.nano.skills evaluation`",
        licence="made by this repository",
    )
    for name, sets in _SETS.items()
)
