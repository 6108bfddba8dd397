"""Who says whether an answer is right, behind one interface.

    rule                       rules, where there are some; deterministic and offline
    openai:URL#MODEL           a language model at an endpoint, in text
    openai-audio:URL#MODEL     one that also hears the answer's recording, where a question has one
    local:MODEL                a preset, a folder or a hub id, opened here, in text
    none, stub                 nobody; whoever agrees with the right answer to the letter

A judge's failure is never a zero. What it says must be the one word or number that it was asked for: anything else is
`unparsed`, an endpoint that fails twice is an `error`, and a question without a rule is `skipped`. All three are
counted beside the figure, and none enters it.
"""

import base64
import re
from threading import Lock
from typing import Any, Protocol, runtime_checkable

from antiphon.errors import ConfigError, ProtocolError
from antiphon.eval import paralinguistic
from antiphon.eval.benchmark import Question, Verdict
from antiphon.eval.wire import Endpoint, endpoint

__all__ = ["Judge", "open_judge", "parse"]

_SHORT = 40  # letters; a longer right answer is not to be looked for word by word
_TRIES = 2
_MOST = 16  # tokens of a verdict
_WARM = 0.5  # of a judge that is asked again


@runtime_checkable
class Judge(Protocol):
    """Somebody who answers questions about answers. The same `turn` of the same question has the same verdict."""

    name: str
    hears: bool  # whether it is given recordings

    def ask(self, question: Question, turn: int, sound: bytes | None = None) -> Verdict: ...


class Nobody:
    """Nothing is judged."""

    name, hears = "none", False

    def ask(self, question: Question, turn: int, sound: bytes | None = None) -> Verdict:
        return Verdict(state="skipped", judge=self.name)


class Rules:
    """Deterministic, offline: the rules of paralinguistics, arguments that are the same, short answers."""

    name, hears = "rule@1", False

    def ask(self, question: Question, turn: int, sound: bytes | None = None) -> Verdict:
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

    name, hears = "stub", False

    def ask(self, question: Question, turn: int, sound: bytes | None = None) -> Verdict:
        gold = question.facts.get("gold", "").split("\n")
        right = gold == [""] or question.facts["answer"] in gold
        if question.scale == "yes/no":
            return Verdict(state="yes" if right else "no", judge=self.name)
        return Verdict(state="scored", score=5.0 if right else 1.0, judge=self.name)


class Remote:
    """A language model at an endpoint; greedy the first time, a little warm when asked again."""

    def __init__(self, at: Endpoint, hears: bool = False) -> None:
        self.at, self.hears, self.name = at, hears, f"{at.name}{' (hears)' if hears else ''}"

    def ask(self, question: Question, turn: int, sound: bytes | None = None) -> Verdict:
        asked = _with_sound(question.user, sound) if sound else question.user
        body = {
            "model": self.at.model, "max_tokens": _MOST, "temperature": _WARM if turn else 0.0, "seed": turn,
            "messages": [{"role": "system", "content": question.system}, {"role": "user", "content": asked}],
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


class Local:
    """A model in this process, asked in text, one question after another; decoding as with `Remote`."""

    hears = False

    def __init__(self, name: str) -> None:
        from antiphon.eval.own import fingerprint
        from antiphon.runtime.model import load
        from antiphon.weights.find import find

        self.name = f"local:{name}#{fingerprint(find(name).folder)[:8]}"
        self._model, self._alone = load(name), Lock()

    def ask(self, question: Question, turn: int, sound: bytes | None = None) -> Verdict:
        from antiphon.eval.held import answer
        from antiphon.runtime.sample import Sampling
        from antiphon.runtime.session import Session

        sampling = Sampling(temperature=_WARM if turn else 0.0, seed=turn)
        with self._alone:
            session = Session(self._model, system=question.system, tools=(), sampling=sampling)
            said = answer(session.reply(question.user, speech=False, max_tokens=_MOST))
        if said.failed:  # such as a question that its context does not hold
            return Verdict(state="error", said=said.failed, judge=self.name)
        return parse(said.text, question.scale, self.name)


def _with_sound(text: str, sound: bytes) -> list[dict[str, Any]]:
    """The recording, then what is asked about it."""
    data = base64.b64encode(sound).decode()
    return [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}, {"type": "text", "text": text}]


def parse(said: str, scale: str, judge: str = "") -> Verdict:
    """What a judge said, when that is one word or number of the scale and nothing else."""
    plain = said.strip().strip("*.。!！\"' ").lower()
    if scale == "yes/no" and plain in ("yes", "no"):
        return Verdict(state=plain, said=said, judge=judge)
    if scale == "1-5" and plain in ("1", "2", "3", "4", "5"):
        return Verdict(state="scored", score=float(plain), said=said, judge=judge)
    return Verdict(state="unparsed", said=said[:500], judge=judge)


def open_judge(spec: str) -> Judge:
    """The judge of a name, as the top of this file lists them.

    Raises:
        ConfigError: it is none of these.
        WeightsError: the local model is not found.
    """
    simple: dict[str, Judge] = {"rule": Rules(), "none": Nobody(), "stub": Agreeable()}
    if spec in simple:
        return simple[spec]
    if spec.startswith("local:"):
        return Local(spec.removeprefix("local:"))
    if not spec.startswith(("openai:", "openai-audio:")):
        kinds = "rule, none, stub, local:MODEL, openai:URL#MODEL or openai-audio:URL#MODEL"
        raise ConfigError(f"found the judge {spec!r}; expected {kinds}.")
    return Remote(endpoint(spec.replace("openai-audio:", "openai:", 1)), hears=spec.startswith("openai-audio:"))


def _names(answer: str, gold: str) -> bool:
    """Whether an answer holds a short right answer: as words in a row, or as characters where there are no spaces."""
    said, due = (" ".join(re.findall(r"\w+", text.lower())) for text in (answer, gold))
    return due in said if re.search(r"[\u3400-\u9fff]", due) else f" {due} " in f" {said} "
