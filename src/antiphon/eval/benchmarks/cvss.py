"""CVSS: what is said, translated aloud. ASR-BLEU: the ears write the answer down, and BLEU is taken of that.

CVSS itself goes from other languages into English only. The published tables also have English to Chinese, and how that
was made nobody has said; here its source is the English speech of CVSS-C, its reference the sentence of Common Voice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from antiphon.eval.benchmark import Answer, Benchmark, Judged, Means, Result
from antiphon.eval.benchmarks.asking import ask_of, heard_item
from antiphon.eval.benchmarks.covost2 import in_source, translated
from antiphon.eval.items import Item
from antiphon.eval.source import Source
from antiphon.eval.transcripts import PROFILES_OF, errors_of
from antiphon.metrics.alignment import UtteranceErrors, corpus_rate
from antiphon.metrics.normalise import profile


def read(source: Source) -> Iterator[Item]:
    """`cvss_c_zh_en_v1.0/test.tsv` and its English clips; the Chinese ones from Common Voice 4 by their file names."""
    path = source.find("cvss_c_zh_en_v1.0/test.tsv", "test.tsv")
    clips = "cv-corpus-4*/zh-CN/clips"
    chinese = source.find(clips, f"../covost2/{clips}", f"../{clips}")
    covost = source.find("covost_v2.zh-CN_en.test.tsv", "../covost2/covost_v2.zh-CN_en.test.tsv")
    sentences = {row["path"]: row["sentence"] for _, row in source.table(covost, ("path", "sentence"), escape="\\")}
    rows = list(source.table(path, (), ("file", "text")))
    for line, row in rows:
        sound = source.sound(chinese / row["file"], path, line)
        if sound and source.is_new(f"zh_en/{row['file']}", path, line):
            yield heard_item(f"zh_en/{row['file']}", sound, ask_of("interpret_en"), row["text"], "en", group="zh_en")
    for line, row in rows:
        if row["file"] not in sentences:
            source.fault(path, line, f"no sentence of {row['file']}", f"one in {covost.name}, for the reversed pair")
            continue
        sound = source.sound(path.parent / "test" / f"{row['file']}.wav", path, line)
        if sound and source.is_new(f"en_zh/{row['file']}", path, line):
            yield heard_item(f"en_zh/{row['file']}", sound, ask_of("interpret_zh"), sentences[row["file"]], "zh",
                             group="en_zh", fields={"reversed": True})  # fmt: skip


@dataclass(frozen=True)
class Interpreted:
    """ASR-BLEU, BLEU of the written channel, and how far what is written and what is heard agree."""

    name: str = "interpreted@1"
    is_judged: bool = False

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """What was heard and what was written, and the errors between them."""
        if answer.status == "error":
            values = {"heard": "", "written": "", "agreement": [0, 0, 0, 0], "in source": False, "empty": True}
            return Judged(item=item, state="error", values=values)
        heard = means.heard(answer, -1, item.language)
        between = errors_of(PROFILES_OF[item.language][0], answer.text, heard)
        counts = [between.substitutions, between.deletions, between.insertions, between.units]
        values = {"heard": heard, "written": answer.text, "in source": in_source(heard, item.language),
                  "empty": not answer.audio or not answer.audio[-1], "agreement": counts}  # fmt: skip
        return Judged(item=item, state="ok", values=values, shown={"said": heard, "written": answer.text})

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """ASR-BLEU by direction; then text and sound against each other."""
        plain = profile("asr-bleu@1").text

        def heard(row: Judged) -> tuple[str, str]:
            return plain(row.item.references[0]), plain(str(row.values["heard"]))

        found = translated(rows, "asr_bleu", heard, "norm:asr-bleu@1")
        written = translated(rows, "text_bleu", lambda row: (row.item.references[0], str(row.values["written"])))
        between = corpus_rate([UtteranceErrors(*row.values["agreement"]) for row in rows])
        found += [Result(**{**one.__dict__, "published": "", "is_headline": False})
                  for one in written if one.metric.startswith("text_bleu")]  # fmt: skip
        if between:
            found.append(Result(metric="what is heard against what is written", value=between.rate.value, n=len(rows),
                                low=between.rate.low, high=between.rate.high, lower_is_better=True))  # fmt: skip
        return found

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """What a row adds to the headline."""
        return None  # BLEU is no sum over items


BENCHMARKS = (
    Benchmark(
        name="cvss_s2st",
        family="cvss",
        read=read,
        scorer=Interpreted(),
        layout="cvss_c_zh_en_v1.0/{test.tsv,test/}; clips of Common Voice 4 and covost_v2.zh-CN_en.test.tsv",
        licence="CC BY 4.0",
        assumption="en_zh is no part of CVSS: it is its pair reversed, with the sentence of Common Voice as reference",
    ),
)
