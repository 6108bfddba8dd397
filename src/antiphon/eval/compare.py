"""Two runs side by side, item by item, and a run beside what was published.

Only questions that are the same in both are compared, on the same draws; where yes or no is counted, McNemar's exact
test gives p, where BLEU is, sacrebleu's approximate randomisation, else the bootstrap. All p of a table are corrected
by Holm. A difference whose interval holds 0 is a tie, whatever the two figures look like.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon.eval.benchmark import Judged, Result
from antiphon.eval.items import Item
from antiphon.eval.published import contradictions, figures
from antiphon.eval.scoring import Report, Scored
from antiphon.metrics.interval import Interval
from antiphon.metrics.resample import Paired, holm, mcnemar, paired_ratio
from antiphon.metrics.translation import bleu, paired_bleu

__all__ = ["Comparison", "Distance", "compare", "distances", "told", "told_distances"]

Key = tuple[str, str]
GROUPS_ALIKE = ("uro_bench", "stepeval_audio_paralinguistic")  # averages over groups, each counting as much

Part = tuple[tuple[float, float], tuple[float, float], Item]  # of both runs: above and below the line


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One benchmark of two runs: the difference is the first minus the second."""

    bench: str
    metric: str
    first: float
    second: float
    difference: Interval
    p: float
    p_holm: float
    items: int
    lower_is_better: bool
    warning: str = ""

    @property
    def verdict(self) -> str:
        """`tie`, or which run is better."""
        if self.difference.low <= 0 <= self.difference.high:
            return "tie"
        return "first" if (self.difference.value < 0) == self.lower_is_better else "second"


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A figure beside a published one: how far off, in half-widths of its own interval."""

    bench: str
    metric: str
    ours: float
    system: str
    published: float
    half_widths: float | None
    source: str

    @property
    def is_inside(self) -> bool:
        """Whether the published figure lies inside our interval."""
        return self.half_widths is not None and abs(self.half_widths) <= 1


def compare(first: Report, second: Report) -> list[Comparison]:
    """Every benchmark that both runs have, by its headline."""
    pairs = [(name, first[name], second[name]) for name in first if name in second]
    found = [one for name, a, b in pairs for one in _compared(name, a, b)]
    corrected = holm([one.p for one in found])
    return [Comparison(**{**one.__dict__, "p_holm": p}) for one, p in zip(found, corrected, strict=True)]


def distances(report: Report, source: str = "readme") -> list[Distance]:
    """Every figure that has a published counterpart."""
    found = list[Distance]()
    for name, scored in report.items():
        for one in scored.results:
            if not one.published or one.value is None:
                continue
            for system, value in figures(name, one.published, source).items():
                found.append(Distance(bench=name, metric=one.metric, ours=one.value, system=system, published=value,
                                      half_widths=_half_widths(one, value), source=source))  # fmt: skip
    return found


def told(comparisons: Sequence[Comparison]) -> str:
    """Comparisons as a table in Markdown."""
    columns = ("benchmark", "metric", "first", "second", "difference", "95 %", "p", "p (Holm)", "n", "better")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for c in comparisons:
        lines.append(f"| {c.bench} | {c.metric} | {c.first:.2f} | {c.second:.2f} | {c.difference.value:+.2f} | "
                     f"{c.difference.low:+.2f} to {c.difference.high:+.2f} | {c.p:.4f} | {c.p_holm:.4f} | {c.items} | "
                     f"{c.verdict} |")  # fmt: skip
    return "\n".join([*lines, *(f"WARNING {c.bench}: {c.warning}" for c in comparisons if c.warning)])


def told_distances(found: Sequence[Distance]) -> str:
    """Distances as a table, and what articles say that the tables do not."""
    lines = ["| benchmark | metric | ours | system | published | distance in half-widths | |", "|---" * 7 + "|"]
    for d in found:
        off = "" if d.half_widths is None else f"{d.half_widths:+.1f}"
        inside = "inside" if d.is_inside else ""
        lines.append(f"| {d.bench} | {d.metric} | {d.ours:.2f} | {d.system} | {d.published:g} ({d.source}) | {off} | "
                     f"{inside} |")  # fmt: skip
    flagged = {one["claim"]: one["kind"] for bench in {d.bench for d in found} for one in contradictions(bench)}
    return "\n".join([*lines, *(f"CONTRADICTION {claim}: {kind}" for claim, kind in sorted(flagged.items()))])


def _half_widths(one: Result, published: float) -> float | None:
    if one.value is None or one.low is None or one.high is None:
        return None
    half = (one.value - one.low) if published < one.value else (one.high - one.value)
    return (published - one.value) / half if half else None


def _compared(name: str, first: Scored, second: Scored) -> list[Comparison]:
    one, other = (_by_key(scored) for scored in (first, second))
    common = [key for key in one if key in other and one[key].item.hash == other[key].item.hash]
    pairs = [(one[key], other[key]) for key in common]
    scorer = first.bench.scorer
    warning = "" if len(common) == len(one) == len(other) else (
        f"{len(common)} common questions of {len(one)} and {len(other)}")  # fmt: skip
    headline = next((result for result in first.results if result.is_headline), None)
    if not pairs or headline is None:
        return []
    if pairs[0][0].values.keys() & {"said", "heard"}:
        return _translations(name, pairs, warning)
    parts = [(scorer.parts(a), scorer.parts(b), a.item) for a, b in pairs]
    kept = [(a, b, item) for a, b, item in parts if a is not None and b is not None]
    if not kept:
        return []
    weighed = _weighed(kept) if name.startswith(GROUPS_ALIKE) else kept
    columns = [first for first, _, _ in weighed], [second for _, second, _ in weighed]
    sums = [100 * sum(above for above, _ in one) / sum(below for _, below in one) for one in columns]
    return [_scaled(name, headline.metric, sums, _paired(kept, weighed), headline.lower_is_better, warning)]


def _paired(kept: Sequence[Part], weighed: Sequence[Part]) -> Paired:
    clusters = [item.cluster for _, _, item in kept] if all(item.cluster for _, _, item in kept) else None
    a, b = [row[0] for row in weighed], [row[1] for row in weighed]
    paired = paired_ratio([x for x, _ in a], [x for x, _ in b], [n for _, n in a], [n for _, n in b], clusters=clusters)
    if all(value in (0.0, 1.0) and unit == 1.0 for first, second, _ in kept for value, unit in [first, second]):
        p = mcnemar([first[0] == 1 for first, _, _ in kept], [second[0] == 1 for _, second, _ in kept])
        return Paired(paired.difference, p, paired.items)
    return paired


def _weighed(kept: Sequence[Part]) -> list[Part]:
    """Items of a small group weigh more."""
    sizes = Counter(item.group for _, _, item in kept)
    return [((a / sizes[item.group], n / sizes[item.group]), (b / sizes[item.group], m / sizes[item.group]), item)
            for (a, n), (b, m), item in kept]  # fmt: skip


def _scaled(
    name: str, metric: str, sums: Sequence[float], paired: Paired, lower_is_better: bool, warning: str
) -> Comparison:
    found = paired.difference
    difference = Interval(100 * found.value, 100 * found.low, 100 * found.high)
    return Comparison(bench=name, metric=metric, first=sums[0], second=sums[1], difference=difference, p=paired.p,
                      p_holm=paired.p, items=paired.items, lower_is_better=lower_is_better,
                      warning=warning)  # fmt: skip


def _translations(name: str, pairs: Sequence[tuple[Judged, Judged]], warning: str) -> list[Comparison]:
    """BLEU of both, one comparison a direction; the interval follows from those of the two, which is cautious."""
    found = list[Comparison]()
    for group in dict.fromkeys(a.item.group for a, _ in pairs):
        some = [(a, b) for a, b in pairs if a.item.group == group]
        references, language = [a.item.references[0] for a, _ in some], some[0][0].item.language
        texts = [[str(pair[i].values.get("said", pair[i].values.get("heard"))) for pair in some] for i in (0, 1)]
        scores = [bleu(references, said, language).score for said in texts]
        p = paired_bleu(references, texts[0], texts[1], language)
        value = scores[0].value - scores[1].value
        reach = ((scores[0].high - scores[0].low) ** 2 + (scores[1].high - scores[1].low) ** 2) ** 0.5 / 2
        found.append(Comparison(bench=name, metric=f"bleu {group}", first=scores[0].value, second=scores[1].value,
                                difference=Interval(value, value - reach, value + reach), p=p, p_holm=p,
                                items=len(some), lower_is_better=False, warning=warning))  # fmt: skip
    return found


def _by_key(scored: Scored) -> Mapping[Key, Judged]:
    return {(row.item.bench, row.item.id): row for row in scored.rows}
