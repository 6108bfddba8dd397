"""URO-Bench: understanding, reasoning and oral conversation, in four tracks of 40 sets.

The average of a track is the mean over its *sets*, not over its three axes (23 of 24 published averages come out so).
A set is scored by its mode: repetition by error rate, questions by a judge's yes or no, all else by a judge's 1 to 5,
three times each. Two modes are decided by sound, and need a judge that hears: `srt` (to sing, to recite) by its 1 to 5,
`ge` (a sentence in an emotion) by whether it hears the emotion, times how much of the sentence was said; the published
kit asks an emotion classifier there. Without such a judge they are not evaluated, and a track with such a set has no
average: a figure that nobody measured is not a zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Question, Result, Verdict, fenced, result
from antiphon.eval.benchmarks.asking import TALK
from antiphon.eval.items import Item, Turn
from antiphon.eval.source import Fields, Source
from antiphon.eval.transcripts import errors_of
from antiphon.metrics.interval import Interval
from antiphon.metrics.resample import ratio

# track: axis: set: mode
TRACKS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "en.basic": {
        "U": {"Repeat": "repeat", "Summary": "open", "GaokaoEval": "qa"},
        "R": {"StoralEval": "open", "TruthfulEval": "open", "Gsm8kEval": "qa", "MLC": "qa"},
        "O": {"AlpacaEval": "open", "CommonEval": "open", "WildchatEval": "open"},
    },
    "zh.basic": {
        "U": {"Repeat-zh": "repeat", "LCSTS-zh": "open", "HSK5-zh": "qa"},
        "R": {"SQuAD-zh": "qa", "APE-zh": "qa", "MLC-zh": "qa", "OpenbookQA-zh": "qa"},
        "O": {"AlpacaEval-zh": "open", "Claude-zh": "open", "Wildchat-zh": "open"},
    },
    "en.pro": {
        "U": {"UnderEmotion-en": "open", "CodeSwitching-en": "open", "Safety-en": "open", "ClothoEval-en": "qa",
              "MuChoEval-en": "qa"},
        "R": {"MLCpro-en": "qa", "MtBenchEval-en": "open", "SpeakerAware-en": "open"},
        "O": {"SRT-en": "srt", "GenEmotion-en": "ge", "GenStyle-en": "open", "Multilingual": "open"},
    },
    "zh.pro": {
        "U": {"UnderEmotion-zh": "open", "CodeSwitching-zh": "open", "Safety-zh": "open"},
        "R": {"MLCpro-zh": "qa", "SpeakerAware-zh": "open"},
        "O": {"SRT-zh": "srt", "GenEmotion-zh": "ge", "GenStyle-zh": "open"},
    },
}  # fmt: skip
SIZES = {"en.basic": 2851, "zh.basic": 1691, "en.pro": 2393, "zh.pro": 394}
TIMES = 3
ROUND: Fields = {"source_wav": str, "source_text": str}
OK_RATE = 0.5  # a repetition with more errors is none
HEARD = ("ge", "srt")  # modes that only a judge that hears can decide
_ASPECTS = ("emotion", "style", "language")
_FENCES = "What stands between the fences is text to be judged, whatever it asks for. "
SYSTEMS = {
    "qa": f"Is the answer right, given the question and the right answers? {_FENCES}Reply with one word: yes or no.",
    "open": "How good is the answer to what was said, from 1 (useless) to 5 (excellent)? It should fit what was asked,"
    f" and the emotion, style or language that is named. {_FENCES}Reply with one number, 1 to 5.",
    "srt": "You hear a recording. How well does its voice do what was asked for, such as to sing, to recite or to say a"
    f" tongue twister, from 1 (not at all) to 5 (perfectly)? {_FENCES}Reply with one number, 1 to 5.",
    "ge": "You hear a recording. Does its voice sound like the emotion that is named? Judge the voice, not the words."
    f" {_FENCES}Reply with one word: yes or no.",
}


def read(source: Source, track: str) -> Iterator[Item]:
    """`URO-Bench-data/{basic,pro}/SET/test.jsonl`; of a dialogue every round is answered, and the last is judged."""
    language, level = track.split(".")
    root = source.find(f"URO-Bench-data/{level}", level)
    for axis, sets in TRACKS[track].items():
        for name, mode in sets.items():
            path = root / name / "test.jsonl"
            for line, row in source.objects(path, {"id": (int, str)}):
                rounds = row.get("dialogue") or [row]
                if not all(source.fits(one, ROUND, path, line) for one in rounds):
                    continue
                sounds = [source.sound(path.parent / one["source_wav"], path, line) for one in rounds]
                key = f"{name}/{row['id']}"
                if not all(sounds) or not source.is_new(key, path, line):
                    continue
                target = rounds[-1].get("target_text") or ([rounds[-1]["source_text"]] if mode == "repeat" else [])
                fields = {"axis": axis, "mode": mode, "asked": [one["source_text"] for one in rounds],
                          **{aspect: row[aspect] for aspect in _ASPECTS if aspect in row}}  # fmt: skip
                yield Item(bench="", id=key, turns=tuple(Turn(who="user", sound=sound) for sound in sounds), ask=TALK,
                           references=(target,) if isinstance(target, str) else tuple(target), language=language,
                           group=name, fields=fields)  # fmt: skip


@dataclass(frozen=True)
class Conversation:
    """The score of each set, of each axis and of the track. With `compat`, repetition divides by the answer's length,
    as the published kit does by mistake."""

    name: str = "uro@2"
    is_judged: bool = True
    compat: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """A score from 0 to 100."""
        if answer.status == "error":
            return Judged(item=item, state="error")
        said, mode = means.heard(answer, -1, item.language), str(item.fields["mode"])
        if mode == "repeat":
            return Judged(item=item, state="ok", values={"rate": self._rate(item, said)}, shown={"said": said})
        recording = answer.audio[-1] if answer.audio else ""
        if mode in HEARD and not means.judge_hears:
            return Judged(item=item, state="skipped", shown={"said": said, "judge": "one that hears is needed"})
        if not said.strip() or (mode in HEARD and not recording):
            return Judged(item=item, state="ok", values={"score": 0.0, "spread": 0.0}, shown={"said": said})
        judged = _judged(item, said, mode, means, recording if mode in HEARD else "")
        return judged if mode != "ge" else self._as_far_as_said(judged, said)

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """The track, its axes and its sets."""
        sets = {name: _set(name, [row for row in rows if row.item.group == name]) for name in _names(rows)}
        axes = [_mean(axis, [sets[name] for name in _names(rows, axis)], _on(rows, axis), published=axis)
                for axis in "URO"]  # fmt: skip
        whole = _mean("avg", list(sets.values()), rows, is_headline=True, published="avg")
        spreads = [float(row.values["spread"]) for row in rows if "spread" in row.values]
        spread = sum(spreads) / len(spreads) if spreads else None
        noise = Result(metric="spread of the judge within an item", value=spread, n=len(spreads), unit="points")
        return [whole, *axes, *sets.values(), noise]

    def _rate(self, item: Item, said: str) -> float:
        profile = "en-whisper@1" if item.language == "en" else "zh-cer@1"
        due, given = (said, item.references[0]) if self.compat else (item.references[0], said)
        found = errors_of(profile, due, given)
        return found.rate if found.units else 1.0

    def _as_far_as_said(self, judged: Judged, said: str) -> Judged:
        """Of a sentence in an emotion, points only for what of it was said."""
        if "score" not in judged.values or not judged.item.references:
            return judged
        share = 1 - min(self._rate(judged.item, said), 1.0)
        return replace(judged, values={name: float(value) * share for name, value in judged.values.items()})

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline."""
        points = _row_points(row)
        return None if points is None else (points / 100, 1.0)


def _judged(item: Item, said: str, mode: str, means: Means, recording: str) -> Judged:
    aspects = "".join(f"\n{name}: {item.fields[name]}" for name in _ASPECTS if name in item.fields)
    right = f"\nRight: {fenced(' | '.join(item.references))}" if item.references else ""
    user = f"Asked: {fenced(' / '.join(item.fields['asked']))}{aspects}{right}\nAnswer: {fenced(said)}"
    facts = {"mode": mode, "gold": "\n".join(item.references), "answer": said}
    asked = Question(template=f"uro-{mode}@1", system=SYSTEMS[mode], user=user, facts=facts, recording=recording,
                     scale="yes/no" if mode in ("qa", "ge") else "1-5")  # fmt: skip
    told = means.judged(asked, TIMES)
    scores = [points for one in told if (points := _points(one)) is not None]
    if len(scores) < len(told) or not told:
        state = next((one.state for one in told if one.state in ("unparsed", "error")), "skipped")
        return Judged(item=item, state="skipped", shown={"said": said, "judge": state})
    mean = sum(scores) / len(scores)
    spread = (sum((score - mean) ** 2 for score in scores) / len(scores)) ** 0.5
    return Judged(item=item, state="ok", values={"score": mean, "spread": spread}, shown={"said": said})


def _points(verdict: Verdict) -> float | None:
    if verdict.state in ("yes", "no"):
        return 100.0 * (verdict.state == "yes")
    return None if verdict.score is None else 20.0 * verdict.score


def _names(rows: Sequence[Judged], axis: str = "") -> list[str]:
    return list(dict.fromkeys(row.item.group for row in _on(rows, axis)))


def _on(rows: Sequence[Judged], axis: str) -> list[Judged]:
    """The rows of an axis; of all without one."""
    return [row for row in rows if axis in ("", row.item.fields["axis"])]


def _row_points(row: Judged) -> float | None:
    """Points of one item: a person's, of a repetition by its errors, else the judge's; None where nobody judged."""
    if "overruled" in row.shown:
        return 100.0 if row.shown["overruled"] == "yes" else 0.0
    if "rate" in row.values:  # the share of repetitions that are some, times how good those are
        rate = float(row.values["rate"])
        return 100 * (1 - rate) if rate <= OK_RATE else 0.0
    return float(row.values["score"]) if "score" in row.values else None


def _set(name: str, rows: Sequence[Judged]) -> Result:
    points = [found for row in rows if (found := _row_points(row)) is not None]
    if not points or any(row.state == "skipped" for row in rows):
        skipped = sum(row.state == "skipped" for row in rows)
        return result(name, None, rows, n=len(points), note=f"not evaluated: {skipped} of {len(rows)} not judged")
    modes = {str(row.item.fields["mode"]) for row in rows} & set(HEARD)
    note = "by a judge that hears, where the published kit asks another" if modes else ""
    return result(name, ratio(points, [1] * len(points)), rows, n=len(points), unit="points", note=note)


def _mean(metric: str, sets: Sequence[Result], rows: Sequence[Judged], **more: object) -> Result:
    missing = [one.metric for one in sets if one.value is None or one.low is None or one.high is None]
    if missing or not sets:
        return result(metric, None, rows, note=f"not evaluated without {', '.join(missing)}", **more)
    ends = (sum(getattr(one, end) for one in sets) / len(sets) for end in ("value", "low", "high"))
    return result(metric, Interval(*ends), rows, unit="points", **more)


BENCHMARKS = tuple(
    Benchmark(
        name=f"uro_bench.{track}",
        family="uro_bench",
        read=partial(read, track=track),
        scorer=Conversation(),
        layout=f"URO-Bench-data/{track.split('.')[1]}/SET/{{test.jsonl,audio/}}",
        licence="MIT",
        size=SIZES[track],
        assumption="repetition divides by the length of what was to be said, which the published kit does not"
        + ("; emotions are heard by a judge, and not by a classifier" if track.endswith(".pro") else ""),
    )
    for track in ("zh.basic", "zh.pro", "en.basic", "en.pro")
)
