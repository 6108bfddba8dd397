"""The tasks: how each is put to the model, and which side of it is learned.

| task         | heard or read            | learned                                               |
|--------------|--------------------------|-------------------------------------------------------|
| asr          | speech                   | its words                                             |
| tts          | text                     | the text, aloud                                       |
| s2tt         | speech                   | its translation, written                              |
| t2st         | text                     | its translation, aloud                                |
| s2st         | speech                   | its translation, aloud                                |
| continuation | the beginning, spoken    | how it goes on, written                               |
| interleave   | utterances by turns      | every second one, aloud: text and codes               |
| talk         | a conversation           | the replies, aloud                                    |
| answer       | a conversation           | the replies, written                                  |
| tool         | a conversation           | the call, and the reply to what came back             |
| caption      | a recording              | what happens in it                                    |
| think        | a question               | the thought, then the answer                          |
| text         | nothing                  | all of it                                             |
| page         | nothing                  | what is not given, of many short replies one by one   |

Learned is what the assistant says, "last" only in its last turn (sft), "all" every token. Within the learned side each
token has a *kind*, and each kind its own weight, count and line in the log: `MODALITIES`. The instructions are those of
`antiphon.text.prompts`, so a model is asked later as it was taught.
Source of the list: Step-Audio 2 (arXiv 2507.16632). What the loss is taken on is not published; this is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from antiphon.errors import ConfigError
from antiphon.text.prompts import task_prompt
from antiphon.train.records import Heard, Item, Record, Said, Spoken

Learns = Literal["assistant", "last", "all"]

# The kinds of a token. NOTHING is context; the rest are learned, each with its own weight.
NOTHING, TEXT, SPEECH, TEXT_PAD, SPEECH_PAD, TOOL, THINK, SLOT = range(8)
MODALITIES = ("text", "speech", "text_pad", "speech_pad", "tool", "think", "slot")  # kinds 1 to 7, by name
# Our assumption, not published: a padded text slot says "go on speaking", a padded speech slot says nothing new. With a
# weight for "slot" the words that only hearing tells are of that kind, as heavy as all other words together; without
# one they are text like the others.
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"text": 1.0, "speech": 1.0, "text_pad": 0.5, "speech_pad": 0.0, "tool": 1.0, "think": 1.0, "slot": 0.0}
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task. `prompt` names its instruction ("{to}": the language translated into), `style` how turns are marked."""

    name: str
    prompt: str = ""
    style: Literal["chat", "base"] = "chat"
    learns: Learns = "assistant"
    hears: bool = False
    speaks: bool = False
    alone: bool = False  # nobody asks


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        t.name: t
        for t in (
            Task(name="asr", prompt="transcribe", hears=True),
            Task(name="tts", prompt="speak", speaks=True),
            Task(name="s2tt", prompt="translate_{to}", hears=True),
            Task(name="t2st", prompt="speak_translated", speaks=True),
            Task(name="s2st", prompt="interpret_{to}", hears=True, speaks=True),
            Task(name="continuation", style="base", hears=True),
            Task(name="interleave", style="base", hears=True, speaks=True),
            Task(name="talk", prompt="talk_feelingly", hears=True, speaks=True),
            Task(name="answer", prompt="talk_feelingly", hears=True),
            Task(name="tool", prompt="talk_feelingly", hears=True),
            Task(name="caption", prompt="caption", hears=True),
            Task(name="think", prompt="think", hears=True),
            Task(name="text", style="base", learns="all", alone=True),
            Task(name="page", alone=True),
        )
    }
)


def task(name: str) -> Task:
    """A task by name."""
    if name not in TASKS:
        raise ConfigError(f"there is no task {name!r}; expected one of {', '.join(TASKS)}.")
    return TASKS[name]


def make(
    name: str,
    id: str,
    *turns: Item | Sequence[Item],
    to: str = "en",
    schemas: str = "",
    slots: Sequence[str] = (),
) -> Record:
    """A record of a task from its turns: what is asked, what is replied, asked, replied, ...

    A turn of several items is a sequence. In `interleave` the first turn is heard or read, the second spoken and so
    on; in `text` and `page` every turn is a reply. `to` is the language translated into; `schemas` the tools that are
    offered.
    """
    known = task(name)
    messages = [Said(role="system", items=(task_prompt(known.prompt.format(to=to)).system,))] if known.prompt else []
    if schemas:
        messages.append(Said(role="tool_json_schemas", items=(schemas,)))
    for number, turn in enumerate(turns):
        items = (turn,) if isinstance(turn, str) or not isinstance(turn, Sequence) else tuple(turn)
        messages.append(Said(role="assistant" if number % 2 or known.alone else "human", items=items))
    return Record(id=id, task=name, messages=tuple(messages), slots=tuple(slots))


def tool_result(text: str) -> Said:
    """What a tool gave back, as the message that follows its call."""
    return Said(role="input", items=(text,))


def learned(record: Record, learns: Learns | None = None) -> list[bool]:
    """For each message whether it is learned; `learns` replaces the rule of the task (sft learns the last turn)."""
    rule = learns or task(record.task).learns
    replies = [n for n, m in enumerate(record.messages) if m.role == "assistant"]
    chosen = set(range(len(record.messages)) if rule == "all" else replies[-1:] if rule == "last" else replies)
    return [m.learn if m.learn is not None else n in chosen for n, m in enumerate(record.messages)]


def check_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of every modality: those given, else the default. Raises ConfigError for a name that is none."""
    if unknown := set(weights) - set(MODALITIES):
        raise ConfigError(f"the modalities {sorted(unknown)} are not known; expected some of {', '.join(MODALITIES)}.")
    return {**WEIGHTS, **weights}


def needs(record: Record) -> str:
    """Why a record does not fit its task, or "": what a task that hears or speaks cannot be without."""
    known = task(record.task)
    items = [i for m in record.messages for i in m.items]
    if known.hears and not any(isinstance(i, Heard) for i in items):
        return f"the task {known.name} hears and the record holds no audio; add it"
    if known.speaks and not any(isinstance(i, Spoken) for i in items):
        return f"the task {known.name} speaks and the record holds no speech; add its codes"
    return ""
