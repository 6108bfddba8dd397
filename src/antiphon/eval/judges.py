"""Who says whether an answer is right, behind one interface: rules, a model at an endpoint, or nobody.

A judge's failure is never a zero. What it says must be the one word or number that it was asked for: anything else is
`unparsed`, an endpoint that fails twice is an `error`, and a question without a rule is `skipped`. All three are
counted beside the figure, and none enters it.
"""

import re
from typing import Protocol, runtime_checkable

from antiphon.errors import ConfigError, ProtocolError
from antiphon.eval import paralinguistic
from antiphon.eval.benchmark import Question, Verdict
from antiphon.eval.wire import Endpoint, endpoint

__all__ = ["Judge", "open_judge", "parse"]

_SHORT = 40  # letters; a longer right answer is not to be looked for word by word
_TRIES = 2


@runtime_checkable
class Judge(Protocol):
    """Somebody who answers questions about answers. The same `turn` of the same question has the same verdict."""

    name: str

    def ask(self, question: Question, turn: int) -> Verdict: ...


class Nobody:
    """Nothing is judged."""

    name = "none"

    def ask(self, question: Question, turn: int) -> Verdict:
        return Verdict(state="skipped", judge=self.name)


class Rules:
    """Deterministic, offline: the rules of paralinguistics, arguments that are the same, short answers."""

    name = "rule@1"

    def ask(self, question: Question, turn: int) -> Verdict:
        found = self._right(question)
        state = {True: "yes", False: "no", None: "skipped"}[found]
        return Verdict(state=state, judge=self.name)

    def _right(self, question: Question) -> bool | None:
        facts, kind = question.facts, question.template.split("@")[0]
        if kind.startswith("paralinguistic"):
            strict = facts["variant"] == "strict"
            return paralinguistic.judge(facts["dimension"], facts["gold"], facts["answer"], strict=strict)
        if kind == "arguments":
            return facts["exact"] == "True"
        if kind == "uro-qa" and facts["gold"] and all(len(one) <= _SHORT for one in facts["gold"].split("\n")):
            return any(_names(facts["answer"], one) for one in facts["gold"].split("\n"))
        return None


class Agreeable:
    """For trying things out: yes, or 5, to the very words of the right answer; no, or 1, to others."""

    name = "stub"

    def ask(self, question: Question, turn: int) -> Verdict:
        gold = question.facts.get("gold", "").split("\n")
        right = gold == [""] or question.facts["answer"] in gold
        if question.scale == "yes/no":
            return Verdict(state="yes" if right else "no", judge=self.name)
        return Verdict(state="scored", score=5.0 if right else 1.0, judge=self.name)


class Remote:
    """A language model at an endpoint; greedy the first time, a little warm when asked again."""

    def __init__(self, at: Endpoint) -> None:
        self.at, self.name = at, at.name

    def ask(self, question: Question, turn: int) -> Verdict:
        body = {
            "model": self.at.model, "max_tokens": 16, "temperature": 0.5 if turn else 0.0, "seed": turn,
            "messages": [{"role": "system", "content": question.system}, {"role": "user", "content": question.user}],
        }  # fmt: skip
        said = ""
        for _ in range(_TRIES):
            try:
                said = str(self.at.post("chat/completions", body)["choices"][0]["message"]["content"])
                return parse(said, question.scale, self.name)
            except ProtocolError as error:
                said = str(error)
            except (KeyError, IndexError, TypeError) as error:
                said = f"no chat completion ({error!r})"
        return Verdict(state="error", said=said, judge=self.name)


def parse(said: str, scale: str, judge: str = "") -> Verdict:
    """What a judge said, when that is one word or number of the scale and nothing else."""
    plain = said.strip().strip("*.。!！\"' ").lower()
    if scale == "yes/no" and plain in ("yes", "no"):
        return Verdict(state=plain, said=said, judge=judge)
    if scale == "1-5" and plain in ("1", "2", "3", "4", "5"):
        return Verdict(state="scored", score=float(plain), said=said, judge=judge)
    return Verdict(state="unparsed", said=said[:500], judge=judge)


def open_judge(spec: str) -> Judge:
    """`rule`, `none`, `stub`, or `openai:URL#MODEL`.

    Raises:
        ConfigError: it is none of these.
    """
    simple: dict[str, Judge] = {"rule": Rules(), "none": Nobody(), "stub": Agreeable()}
    if spec in simple:
        return simple[spec]
    if not spec.startswith("openai:"):
        raise ConfigError(f"found the judge {spec!r}; expected rule, none, stub or openai:URL#MODEL.")
    return Remote(endpoint(spec))


def _names(answer: str, gold: str) -> bool:
    """Whether an answer holds a short right answer: as words in a row, or as characters where there are no spaces."""
    said, due = (" ".join(re.findall(r"\w+", text.lower())) for text in (answer, gold))
    return due in said if re.search(r"[\u3400-\u9fff]", due) else f" {due} " in f" {said} "
