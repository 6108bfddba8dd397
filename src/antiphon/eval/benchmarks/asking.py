"""How the benchmarks ask: the published instructions and decodings, and the plainest kind of item.

Where the published example samples a text that is scored against a reference, greedy decoding is used instead, since a
score should not depend on chance; signatures tell.
"""

from typing import Any

from antiphon.eval.items import Ask, Item, Sound, Turn
from antiphon.text.prompts import task_prompt

__all__ = ["LISTEN", "QUESTION", "READ_ALOUD", "TALK", "TALK_FEELINGLY", "ask_of", "heard_item"]


def ask_of(task: str, **changed: Any) -> Ask:
    """A task's published instruction and decoding."""
    told = task_prompt(task)
    given = {"system": told.system, "speech": told.reply == "speech", "max_tokens": told.max_tokens,
             "temperature": told.temperature, "top_p": told.top_p,
             "repetition_penalty": told.repetition_penalty}  # fmt: skip
    return Ask(**{**given, **changed})


LISTEN = ask_of("transcribe")
QUESTION = ask_of("question")
TALK = ask_of("talk")
TALK_FEELINGLY = ask_of("talk_feelingly")
READ_ALOUD = ask_of("speak")


def heard_item(key: str, sound: Sound, ask: Ask, reference: str, language: str, **more: Any) -> Item:
    """An item of one recording and one right answer."""
    turn = Turn(who="user", text=more.pop("text", ""), sound=sound)
    return Item(bench="", id=key, turns=(turn,), ask=ask, references=(reference,), language=language, **more)
