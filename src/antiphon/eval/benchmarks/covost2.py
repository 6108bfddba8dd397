"""CoVoST 2: what is said, translated in writing, English to Chinese and back.

Step-Audio 2 was tuned on this corpus, so it is at home here. A prefix such as "翻译：" is not taken off. Beside BLEU
stands how many answers are in the source's writing: a model that transcribes instead of translating shows there.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Result, result
from antiphon.eval.benchmarks.asking import ask_of, heard_item
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.metrics.interval import Interval
from antiphon.metrics.translation import TranslationScore, bleu, chrf, sentence_chrf

PAIRS = {"en_zh": ("en", "zh-CN"), "zh_en": ("zh-CN", "en")}
COLUMNS = ("path", "sentence", "translation", "client_id")
_TAG = re.compile(r"<[^<>\s]{1,24}>")
_HAN = re.compile(r"[\u3400-\u9fff]")


def read(source: Source) -> Iterator[Item]:
    """`covost_v2.SOURCE_TARGET.test.tsv` beside the clips of Common Voice, release 4."""
    for pair, (first, second) in PAIRS.items():
        path = source.find(f"covost_v2.{first}_{second}.test.tsv", f"*/covost_v2.{first}_{second}.test.tsv")
        clips = source.find(f"cv-corpus-4*/{first}/clips", f"{first}/clips")
        target = "zh" if pair == "en_zh" else "en"
        for line, row in source.table(path, COLUMNS, escape="\\"):
            sound = source.sound(clips / row["path"], path, line)
            if sound and source.is_new(f"{pair}/{row['path']}", path, line):
                yield heard_item(f"{pair}/{row['path']}", sound, ask_of(f"translate_{target}", temperature=0.0),
                                 row["translation"], target, group=pair, cluster=row["client_id"],
                                 fields={"source": row["sentence"]})  # fmt: skip


@dataclass(frozen=True)
class Translations:
    """BLEU and chrF++ of both directions, and their mean; the texts are added up as they are."""

    name: str = "translations@1"
    is_judged: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """The text, without tags."""
        said = _TAG.sub("", answer.text).strip()
        values = {"said": said, "in source": in_source(said, item.language), "empty": not said}
        shown = {"said": said, "chrf": sentence_chrf(item.references[0], said)}
        return Judged(item=item, state="error" if answer.status == "error" else "ok", values=values, shown=shown)

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """By direction, and over both."""
        return translated(rows, "bleu", lambda row: (row.item.references[0], str(row.values["said"])))

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline."""
        return None  # BLEU is no sum over items


def in_source(said: str, target: str) -> bool:
    """Whether a text is in the writing of the source."""
    return bool(said) and bool(_HAN.search(said)) != (target == "zh")


def translated(
    rows: Sequence[Judged], metric: str, texts: Callable[[Judged], tuple[str, str]], extra: str = ""
) -> list[Result]:
    """BLEU by direction and their mean, chrF++, answers in the source's language and empty ones."""
    found, values = list[Result](), list[Interval]()
    for pair in PAIRS:
        some = [row for row in rows if row.item.group == pair]
        if not some:
            continue
        references, said = (list(column) for column in zip(*map(texts, some), strict=True))
        score = bleu(references, said, some[0].item.language)
        values.append(score.score)
        found.append(_result(f"{metric}_{pair}", score, some, extra, f"{metric}_{pair}"))
        found.append(_result(f"chrf++_{pair}", chrf(references, said), some, extra))
        for sign in ("in source", "empty"):
            share = 100 * sum(bool(row.values[sign]) for row in some) / len(some)
            found.append(Result(metric=f"{sign}, {pair}", value=share, n=len(some), lower_is_better=True))
    if len(values) == len(PAIRS):
        mean = Interval(*(sum(getattr(one, end) for one in values) / len(values) for end in ("value", "low", "high")))
        found.insert(0, result(f"{metric}_avg", mean, rows, n=len(rows), unit="BLEU", is_headline=True,
                               published=f"{metric}_avg", signature=extra))  # fmt: skip
    elif found:
        found[0] = Result(**{**found[0].__dict__, "is_headline": True})
    return found


def _result(metric: str, score: TranslationScore, rows: Sequence[Judged], extra: str, published: str = "") -> Result:
    signature = ";".join(part for part in (extra, score.signature.replace("|", ",")) if part)
    return result(metric, score.score, rows, n=score.items, unit="BLEU" if published else "chrF", published=published,
                  signature=signature)  # fmt: skip


BENCHMARKS = (
    Benchmark(
        name="covost2_s2tt",
        family="covost2",
        read=read,
        scorer=Translations(),
        layout="covost_v2.{en_zh-CN,zh-CN_en}.test.tsv and cv-corpus-4/{en,zh-CN}/clips/",
        licence="CC0 for the data, CC BY-NC 4.0 for the rest",
        assumption="the published figures say BLEU and no more: tok:zh and tok:13a, mixed case, are taken",
    ),
)
