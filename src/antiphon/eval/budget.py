"""What a run will cost, before it begins: questions, sound, tokens; and whom its scoring will ask, and how often.

Scorers are asked themselves, with the right answer in place of the model's and with somebody who only counts in place
of ears and judge. So nothing is said twice, and a scorer that asks more tells so by itself.
"""

from collections.abc import Mapping, Sequence

from antiphon.eval.answerers import Answerer
from antiphon.eval.benchmark import Answer, Question, Verdict
from antiphon.eval.benchmarks.catalogue import BENCHMARKS
from antiphon.eval.items import Item, Sound

__all__ = ["budget", "scoring_cost"]


class Counting:
    """Nobody listens, nobody judges, and every request is counted."""

    ears_name = judge_name = "counted"
    judge_hears = True
    speaker_names: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.recordings = self.questions = self.letters = 0

    def heard(self, answer: Answer, turn: int, language: str) -> str:
        self.recordings += 1
        return answer.texts[turn]

    def judged(self, question: Question, times: int = 1) -> list[Verdict]:
        self.questions += times
        self.letters += times * (len(question.system) + len(question.user))
        return [Verdict(state="skipped")] * times

    def alike(self, answer: Answer, turn: int, prompt: Sound) -> Mapping[str, float | None]:
        return {}


def budget(items: Sequence[Item], answerer: Answerer) -> str:
    """One line."""
    hours = sum(turn.sound.seconds for item in items for turn in item.turns if turn.sound) / 3600
    aloud, tokens = sum(item.ask.speech for item in items), sum(item.ask.max_tokens * len(item.asked) for item in items)
    asked = (f"{len(items)} questions, {hours:.2f} h of sound, {aloud} answers aloud, at most {tokens} tokens, "
             f"{answerer.workers} at a time")  # fmt: skip
    cost = scoring_cost(items)
    if not cost.recordings + cost.questions:
        return asked
    return (f"{asked}; scored by at most {cost.recordings} recordings to the ears and {cost.questions} questions to "
            f"the judge ({cost.letters / 1000:.0f} thousand letters)")  # fmt: skip


def scoring_cost(items: Sequence[Item]) -> Counting:
    """Whom the scorers of some items will ask if every answer is right, which is when they ask the most."""
    counting = Counting()
    for item in items:
        scorer = BENCHMARKS[item.bench].scorer
        if scorer.is_judged or item.ask.speech:
            right = str(item.fields.get("gold") or (item.references or ("right",))[0])
            texts, count = (right,) * len(item.asked), len(item.asked)
            scorer.verdict(item, Answer(texts=texts, audio=("counted.wav",) * count), counting)
    return counting
