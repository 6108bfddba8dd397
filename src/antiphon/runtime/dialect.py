"""How a conversation is told to one model: entries and settings to messages, messages to positions of the context.

    [system] [tools]   opening            Heard Spoken Called Answered ...   messages            <tts_start>   form

What was not heard of a reply is not told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.runtime.heard import heard_ids, words_of
from antiphon.runtime.history import Answered, Called, Entry, Heard, Spoken, Written
from antiphon.runtime.mind import Request
from antiphon.runtime.sample import Sampling
from antiphon.text.chat import AudioItem, Item, Mark, Message, Tokens, encode, render_chat
from antiphon.text.layout import TokenLayout
from antiphon.text.prompts import TaskPrompt
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.toolcall import ToolCall
from antiphon.text.variants import Variant
from antiphon.tools.tool import Tool, schema

ROLES = {"system": "system", "user": "human", "assistant": "assistant"}
OPENED = 8  # positions at most that the opening of a reply takes
SIZES = 4096  # entries whose size is remembered


@dataclass(frozen=True)
class Dialect:
    """The prompt style and the vocabulary of a model."""

    variant: Variant
    tokenizer: Tokenizer
    layout: TokenLayout

    # --- what the model is told --------------------------------------------------------------------------------------

    def opening(self, system: str | None, tools: Sequence[Tool]) -> list[Message]:
        """What stands before a history: the instruction (None: the model's own) and the tools on offer."""
        if system is None:
            task = self.variant.learnt(self.variant.talk)
            system = task.base_text if self.variant.style == "base" else task.system
        messages = [Message("system", system)] if system else []
        if tools and self.variant.style == "chat":
            messages.append(Message("tool_json_schemas", schema(tools)))
        return messages

    def messages(self, history: Sequence[Entry]) -> list[Message]:
        """A history as the model is told it."""
        messages, turn, items = list[Message](), "", list[Item]()
        for entry in history:
            own = entry.turn if isinstance(entry, Spoken | Called) else ""
            if items and own != turn:
                messages, items = [*messages, Message("assistant", items)], []
            turn = own
            if isinstance(entry, Spoken | Called) and turn:
                items += self._items(entry)
            elif (message := self._message(entry)) is not None:
                messages.append(message)
        return [*messages, Message("assistant", items)] if items else messages

    def text_of(self, entry: Spoken) -> str:
        """The words of an utterance that were heard."""
        if not entry.is_speech:
            return self.tokenizer.decode(entry.ids)
        return words_of(heard_ids(entry.ids, self.layout, entry.heard_ms, entry.speed), self.tokenizer, self.layout)

    def transcription(self, entry: Heard) -> Request:
        """The question what was said in a turn. Raises InputError for a model that has not learnt to transcribe."""
        return self.task("transcribe", [part for part in entry.parts if isinstance(part, AudioItem)])

    def reading(self, text: str, voice: Audio | None, seed: int = 0) -> Request:
        """A text read aloud. Raises InputError for a model that has not learnt to."""
        return self.task("speak", text, voice, seed)

    def task(
        self, name: str, said: str | Sequence[AudioItem], voice: Audio | None = None, seed: int = 0
    ) -> Request:
        """A task of `text.prompts`. Raises InputError for one that the model has not learnt."""
        task = self.variant.learnt(name)
        system = task.base_text if self.variant.style == "base" else task.system
        messages = [*([Message("system", system)] if system else []), Message("human", said)]
        sampling = self.sampling(task, seed)
        return Request(tuple(messages), task.reply, sampling=sampling, max_tokens=task.max_tokens, voice=voice)

    def sampling(self, task: TaskPrompt | None = None, seed: int = 0) -> Sampling:
        """How a task is sampled, talking by default."""
        task = self.variant.learnt(self.variant.talk) if task is None else task
        penalty = task.repetition_penalty
        return Sampling(temperature=task.temperature, top_p=task.top_p, repetition_penalty=penalty, seed=seed)

    # --- how much room it takes --------------------------------------------------------------------------------------

    def size(self, history: Sequence[Entry]) -> int:
        """Positions of a history, each entry counted as a message of its own: never fewer than it takes."""
        return sum(_size(self, entry) for entry in history)

    def size_of(self, messages: Sequence[Message]) -> int:
        """Positions of some messages."""
        return len(encode(render_chat(messages), self.tokenizer, self.layout)) + OPENED

    # --- one entry ---------------------------------------------------------------------------------------------------

    def _items(self, entry: Spoken | Called) -> list[Item]:
        if isinstance(entry, Called):
            return [Tokens(entry.ids)] if entry.ids else [ToolCall(entry.name, entry.arguments)]
        if not entry.is_speech:
            return [Tokens(entry.ids)] if entry.ids else []
        ids = heard_ids(entry.ids, self.layout, entry.heard_ms, entry.speed)
        return [Mark("<tts_start>"), Tokens(ids)] if ids else []

    def _message(self, entry: Entry) -> Message | None:
        """The message of an entry that stands alone; None for one that says nothing."""
        if isinstance(entry, Written):
            return Message(ROLES[entry.role], entry.text) if entry.text else None
        if isinstance(entry, Answered):
            return Message("input", entry.text + self.variant.after_tool)
        if isinstance(entry, Heard):
            parts = [part for part in entry.parts if not isinstance(part, Audio)]
            return Message("human", parts) if parts else None
        items = self._items(entry)
        return Message("assistant", items) if items else None


@lru_cache(maxsize=SIZES)
def _size(dialect: Dialect, entry: Entry) -> int:
    message = dialect._message(entry)
    return 0 if message is None else len(encode(render_chat([message]), dialect.tokenizer, dialect.layout))


def by_client(function: Mapping[str, Any]) -> Tool:
    """A function that the client runs, as a tool that the model is offered."""

    def refuse(arguments: Mapping[str, Any]) -> str:
        raise InputError(f"the function {function.get('name')!r} is run by the client, not here.")

    return Tool(function, refuse)
