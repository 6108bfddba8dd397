"""CoVoST 2: what is said, translated in writing, English to Chinese and back.

Step-Audio 2 was tuned on this corpus, so it is at home here. A prefix such as "翻译：" is not taken off. Beside BLEU
stands how many answers are in the source's writing: a model that transcribes instead of translating shows there.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon.eval import parquet
from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Result, result
from antiphon.eval.benchmarks.asking import ask_of, heard_item
from antiphon.eval.items import Item, Sound
from antiphon.eval.source import Fields, Source
from antiphon.metrics.interval import Interval
from antiphon.metrics.translation import TranslationScore, bleu, chrf, sentence_chrf

PAIRS = {"en_zh": ("en", "zh-CN"), "zh_en": ("zh-CN", "en")}
COLUMNS = ("path", "sentence", "translation", "client_id")
MIRRORED: Fields = {"sentence": str, "translation": str, "client_id": str}
_TAG = re.compile(r"<[^<>\s]{1,24}>")
_HAN = re.compile(r"[\u3400-\u9fff]")


def read(source: Source) -> Iterator[Item]:
    """`covost_v2.SOURCE_TARGET.test.tsv` beside the clips of Common Voice, release 4; or a mirror in Parquet."""
    for pair, (first, second) in PAIRS.items():
        target = "zh" if pair == "en_zh" else "en"
        if files := source.tables(f"**/{first}_{second}/test*.parquet", f"**/{first}_{second}/test/*.parquet"):
            for path in files:
                yield from _mirrored(source, path, pair, target)
            continue
        path = source.find(f"covost_v2.{first}_{second}.test.tsv", f"*/covost_v2.{first}_{second}.test.tsv")
        clips = source.find(f"cv-corpus-4*/{first}/clips", f"{first}/clips")
        for line, row in source.table(path, COLUMNS, escape="\\"):
            sound = source.sound(clips / row["path"], path, line)
            if sound and source.is_new(f"{pair}/{row['path']}", path, line):
                yield _item(row, row["path"], sound, pair, target)


def _mirrored(source: Source, path: Path, pair: str, target: str) -> Iterator[Item]:
    """Rows with the columns of the tables, `path` in the recording or beside it."""
    column = parquet.recording_in(path)
    for line, row in parquet.rows(path):
        if not source.fits(row, MIRRORED, path, line):
            continue
        name = Path(str(row.get(column) or row.get("file") or row.get("id") or line)).name
        sound = source.sound(path, path, line, member=f"{line}:{column}")
        if sound and source.is_new(f"{pair}/{name}", path, line):
            yield _item(row, name, sound, pair, target)


def _item(row: Mapping[str, Any], name: str, sound: Sound, pair: str, target: str) -> Item:
    return heard_item(f"{pair}/{name}", sound, ask_of(f"translate_{target}", temperature=0.0), row["translation"],
                      target, group=pair, cluster=row["client_id"], fields={"source": row["sentence"]})  # fmt: skip


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
        layout="covost_v2.{en_zh-CN,zh-CN_en}.test.tsv and cv-corpus-4/{en,zh-CN}/clips/; or a mirror in Parquet",
        licence="CC0 for the data, CC BY-NC 4.0 for the rest",
        assumption="the published figures say BLEU and no more: tok:zh and tok:13a, mixed case, are taken",
    ),
)
