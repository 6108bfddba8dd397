"""The variants of the model, as data: how each is spoken to, how its turn begins, and what ends it.

| variant    | prompt style              | its turn begins with            | stops at                  | speaks |
|------------|---------------------------|---------------------------------|---------------------------|--------|
| mini, 32b  | `<|BOT|>role` ... `<|EOT|>` | nothing, or `<tts_start>`       | `<|EOT|>` and the eos ids | yes    |
| nano       | the same                  | the same                        | the same                  | yes    |
| nano-think | the same                  | `<think>`, line end             | the same                  | yes    |
| mini-think | the same                  | line end, `<think>`, line end   | the same                  | yes    |
| r1         | the same                  | `<think>`, line end             | the same                  | no     |
| mini-base  | pieces one after another  | nothing, or `<tts_start>`       | `<|endoftext|>`           | yes    |

A thinking model answers in two steps: it is opened with its prefix and thinks up to `</think>`; then the answer is
opened with the prefix, the thought, and `<tts_start>` where it is to speak (`Variant.answer`). Thoughts are not kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from antiphon.errors import ConfigError, InputError
from antiphon.text.chat import Composed, Item, Mark, Message, Piece, Words, compose, render_base, render_chat
from antiphon.text.prompts import TOOL_SUMMARY, Reply, TaskPrompt, task_prompt
from antiphon.text.tokenizer import STOP_NAMES, Tokenizer

__all__ = ["VARIANTS", "Variant", "variant"]

Style = Literal["chat", "base"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """How one kind of checkpoint is prompted."""

    name: str
    style: Style = "chat"
    stop_names: tuple[str, ...] = STOP_NAMES
    speaks: bool = True
    think_prefix: str = ""  # what opens the turn of a model that thinks first
    talk: str = "talk"  # the task whose instruction begins a conversation
    tasks: tuple[str, ...] | None = None  # the tasks it has learnt; None: all of them
    tools: tuple[str, ...] = ()  # names of the tools that it is offered unless it is told otherwise
    after_tool: str = TOOL_SUMMARY  # follows a tool's result
    window_s: int | None = None  # of a live turn is heard at once; None: a whole piece, as of a file
    temperature: float | None = None  # replaces that of every task; None: the task's own

    @property
    def thinks(self) -> bool:
        return bool(self.think_prefix)

    def stop_ids(self, tokenizer: Tokenizer) -> frozenset[int]:
        """The ids at which a reply of this variant ends."""
        ids = frozenset(tokenizer.added[name] for name in self.stop_names if name in tokenizer.added)
        if not ids:
            raise ConfigError(
                f"The tokenizer has none of {self.stop_names}, the stop tokens of {self.name!r}; load its own."
            )
        return ids

    def opening(self, reply: Reply = "text") -> Message:
        """The last message of a prompt: the assistant's turn, open."""
        self._check(reply)
        if self.thinks:
            return Message("assistant", compose(self.think_prefix), eot=False)
        return Message("assistant", Composed((Mark("<tts_start>"),)), eot=False) if reply == "speech" else _HEADER

    def answer(self, thought: str, reply: Reply = "text") -> Message:
        """The open turn once the model has thought; `thought` is what came before `</think>`."""
        self._check(reply)
        begin: list[Words | Mark] = [*compose(self.think_prefix).parts, Words(thought), Mark("</think>"), Words("\n\n")]
        end = [Mark("<tts_start>")] if reply == "speech" else []
        return Message("assistant", Composed((*begin, *end)), eot=False)

    def render(self, messages: Sequence[Message], reply: Reply = "text") -> list[Piece]:
        """A conversation, with the turn that is to be generated opened.

        The base model has no roles: the contents follow one another, and a system message is text like any other.
        """
        if self.style == "chat":
            return render_chat([*messages, self.opening(reply)])
        self._check(reply)
        items: list[Item] = []
        for message in messages:
            content = message.content
            items += [content] if isinstance(content, str | Composed) else list(content or ())
        return render_base([*items, *([Mark("<tts_start>")] if reply == "speech" else [])])

    def render_task(self, task: TaskPrompt, content: Sequence[Item], reply: Reply | None = None) -> list[Piece]:
        """A task done on `content`; `reply` overrides the form in which the task answers."""
        system = task.base_text if self.style == "base" else task.system
        messages = [Message("system", system)] if system else []
        return self.render([*messages, Message("human", content)], reply or task.reply)

    def learnt(self, name: str) -> TaskPrompt:
        """The prompt of a task, as this variant is sampled. Raises InputError for a task that it has not learnt."""
        task = task_prompt(name)
        if self.tasks is not None and name not in self.tasks:
            raise InputError(
                f"{self.name} has not learnt to {name.replace('_', ' ')}; it has learnt {', '.join(self.tasks)},"
                " and mini has learnt the rest."
            )
        return task if self.temperature is None else replace(task, temperature=self.temperature)

    def _check(self, reply: Reply) -> None:
        if reply == "speech" and not self.speaks:
            raise InputError(f"The variant {self.name!r} answers in text only; ask for text, or use one that speaks.")


_HEADER = Message("assistant", None)

VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        v.name: v
        for v in (
            Variant(name="mini"),
            Variant(name="mini-base", style="base", stop_names=("<|endoftext|>", "<|EOT|>")),
            Variant(name="mini-think", think_prefix="\n<think>\n", talk="think"),
            Variant(name="r1", think_prefix="<think>\n", speaks=False),
            Variant(
                name="nano",
                talk="talk_feelingly",
                tasks=("transcribe", "speak", "talk_feelingly"),
                tools=("clock",),
                after_tool="",
                window_s=8,
                temperature=0.0,
            ),
            Variant(
                name="nano-think",
                think_prefix="<think>\n",
                window_s=8,
                talk="think",
                tasks=("think",),
                after_tool="",
                temperature=0.0,
            ),
            Variant(name="32b"),
        )
    }
)


def variant(name: str) -> Variant:
    """A variant by name."""
    if name not in VARIANTS:
        raise ConfigError(f"There is no variant {name!r}; expected one of {', '.join(VARIANTS)}.")
    return VARIANTS[name]
