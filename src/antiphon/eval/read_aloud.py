"""Scoring texts that are read aloud in a given voice: is it what was to be read, and is it the voice of the prompt?

Beside the error rate of the ears stand the share of utterances that are understood at all, with at most half of their
words wrong, and the mean likeness to the prompt by every net that is there. The published SIM is WavLM's and nobody
else's: without that net it is not evaluated, and what other nets find goes by their names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from antiphon.eval.benchmark import Answer, Judged, Means, Result, result
from antiphon.eval.items import Item, Sound
from antiphon.eval.speakers import SIM
from antiphon.eval.transcripts import Transcripts
from antiphon.metrics.interval import wilson
from antiphon.metrics.resample import ratio

__all__ = ["ReadAloud"]

UNDERSTOOD = 0.5  # an utterance with a higher error rate is not


@dataclass(frozen=True)
class ReadAloud(Transcripts):
    """Error rates, the mean of utterances first; the share below 50 %; likeness to the prompt."""

    name: str = "read-aloud@1"
    per_utterance: bool = True
    spoken: bool = True

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """Errors, and the likeness by each net; none where no prompt was given."""
        judged, prompt = super().verdict(item, answer, means), prompt_of(item)
        alike = means.alike(answer, -1, prompt) if prompt and answer.status == "ok" else {}
        values = {**judged.values, "alike": dict(alike), "nets": dict(means.speaker_names)}
        return replace(judged, values=values)

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """Error rates, the share that is understood, and how alike the voices are."""
        return [*super().results(rows), *self._understood(rows), *_likeness(rows)] if rows else []

    def _understood(self, rows: Sequence[Judged]) -> list[Result]:
        """The share of utterances with at most half of their units wrong, and the mean rate of those alone."""
        unit = "cer" if rows[0].item.language == "zh" else "wer"
        rates = [part[0] for row in rows if (part := self.parts(row)) is not None]
        kept = [rate for rate in rates if rate <= UNDERSTOOD]
        share = wilson(len(kept), len(rates)) if rates else None
        mean = ratio(kept, [1] * len(kept)) if kept else None
        return [
            result(f"{unit} <= 50 %", share, rows, n=len(rates), scale=100, note="share of utterances"),
            result(f"{unit} of those", mean, rows, n=len(kept), scale=100, lower_is_better=True),
        ]


def prompt_of(item: Item) -> Sound | None:
    """The recording of the voice that an item is to be read in."""
    return next((turn.sound for turn in item.turns if turn.who == "voice"), None)


def _likeness(rows: Sequence[Judged]) -> list[Result]:
    """The mean cosine by each net. An utterance without sound has none: it is an error, and no zero."""
    asked = [row for row in rows if prompt_of(row.item) is not None]
    nets = {metric: name for row in asked for metric, name in row.values["nets"].items()}
    found = [_mean(metric, name, asked) for metric, name in nets.items()]
    if asked and SIM not in nets:
        found.append(result(SIM, None, asked, n=0, unit="cosine", published=SIM,
                            note="not evaluated: it is WavLM-large's; give --speaker wavlm:FILE.onnx"))  # fmt: skip
    return found


def _mean(metric: str, net: str, rows: Sequence[Judged]) -> Result:
    values = [float(value) for row in rows if (value := row.values["alike"].get(metric)) is not None]
    found = result(metric, ratio(values, [1] * len(values)) if values else None, rows, n=len(values), unit="cosine",
                   published=metric if metric == SIM else "", signature=f"speaker:{net}")  # fmt: skip
    return replace(found, errors=len(rows) - len(values))
