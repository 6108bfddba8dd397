"""Conversations of the skills as records, a file for each task; see `antiphon.train.records` for the form.

    transcribe, and every turn of one speaker      asr          think         think (a thought, then the reply aloud),
                                                                                thought (then in writing)
    all that nano says                             tts          translate     s2tt      interpret   s2st
    talk, call, outside                            talk (aloud), answer (written)       call        tool (written)
    hear, react                                    talk (aloud), hear (written)         manner      manner (aloud)
    the grammar alone, heard as pseudo-sound       written (talk, call), rendered (translate),
                                                   called (tools that the prompt describes), sums (Chinese),
                                                   pages (forty such sums each, of which the results are learned)
    the labels of `skill_traits`                   caption, told (those of them that tell much)

Codes are learnt from nano's own voice and from voices that it found; how it sounds as another is the flow's to know.
A corpus is a set of `antiphon data synth`; its sounds are referred to as NAME/shards/00003:17, NAME/spoken/00003:4.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from antiphon.data.numbers import words_of
from antiphon.data.skills import catalogue, voices
from antiphon.data.skills.exchange import Conversation, Turn, from_json
from antiphon.data.skills.noticing import NAME
from antiphon.data.store import read_index, shard_numbers
from antiphon.rates import HEARD_HZ
from antiphon.text.prompts import task_prompt
from antiphon.text.toolcall import ToolCall
from antiphon.train.records import Given, Heard, Item, Record, Said, Spoken, Thought
from antiphon.train.tasks import make, tool_result
from recipes.nano.records import SUMS
from recipes.nano.skill_traits import OF_VOICE, captions

Row = dict[str, Any]
ALOUD = {"speak": "tts", "interpret": "s2st", "think": "think"}  # of a conversation's task; others talk
WRITES = ("answer", "hear", "tool", "s2tt", "thought")  # what is answered in writing
PUT_AS = {"hear": "answer", "thought": "think", "manner": "talk"}  # the trainer's names of them
UNSPOKEN = {  # replies that follow from words alone: the trainer's task, the conversations' tasks, their only skill
    "skills-written.jsonl": ("answer", ("talk", "call"), ""),
    "skills-rendered.jsonl": ("s2tt", ("translate",), ""),
    "skills-sums.jsonl": ("answer", ("talk",), "sums"),
}
WRITTEN = 20_000
MUCH = 3  # things that a caption tells of
TOOLS = 4  # that are described at once, where several are called


def all_records(corpus: Path, names: Sequence[str], dev: Sequence[str], written: int = WRITTEN) -> dict[str, Iterator[Record]]:  # noqa: E501
    """Every file of records, by name, of the corpora `names`; those of `dev` are mixed into one file."""
    return {
        "skills-asr.jsonl": (r for name in names for r in hearing(corpus, name)),
        "skills-tts.jsonl": (r for name in names for r in reading(corpus, name)),
        "skills-s2tt.jsonl": (r for name in names for r in conversations(corpus, name, "s2tt")),
        "skills-s2st.jsonl": (r for name in names for r in conversations(corpus, name, "s2st")),
        "skills-talk.jsonl": (r for name in names for r in conversations(corpus, name, "talk")),
        "skills-manner.jsonl": (r for name in names for r in conversations(corpus, name, "manner")),
        "skills-answer.jsonl": (r for name in names for r in conversations(corpus, name, "answer")),
        "skills-hear.jsonl": (r for name in names for r in conversations(corpus, name, "hear")),
        "skills-caption.jsonl": (r for name in names for r in captions(corpus, name)),
        "skills-told.jsonl": (r for name in names for r in captions(corpus, name, MUCH)),
        "skills-tool.jsonl": (r for name in names for r in conversations(corpus, name, "tool")),
        "skills-think.jsonl": (r for name in names for r in conversations(corpus, name, "think")),
        "skills-thought.jsonl": (r for name in names for r in conversations(corpus, name, "thought")),
        **{name: unspoken(written, *what) for name, what in UNSPOKEN.items()},
        "skills-called.jsonl": called(written),
        "skills-pages.jsonl": pages(written // 10),
        "dev.jsonl": (r for name in dev for r in held_out(corpus, name)),
    }


def rows(corpus: Path, name: str) -> Iterator[tuple[int, int, Row]]:
    """Every conversation of a corpus, with its shard and its place there."""
    for shard in shard_numbers(corpus / name / "shards"):
        for n, row in enumerate(read_index(corpus / name / "shards", shard)):
            yield shard, n, row


def sayings(corpus: Path, name: str, shard: int) -> list[Spoken]:
    """What nano says in a shard."""
    spoken = read_index(corpus / name / "spoken", shard)
    return [
        Spoken(text=row["text"], codes=f"{name}/spoken/{shard:05d}:{n}",
               words=tuple((str(w), float(a), float(b)) for w, a, b in row["words"]))
        for n, row in enumerate(spoken)
    ]  # fmt: skip


def learnt_from(corpus: Path, name: str, shard: int) -> set[int]:
    """The rows of what nano says whose codes are learnt: those of its own voice, and of voices that it found."""
    spoken = read_index(corpus / name / "spoken", shard)
    return {n for n, row in enumerate(spoken) if row["fields"]["preset"] in (voices.OWN, voices.FOUND)}


# --- one speaker, one utterance --------------------------------------------------------------------------------------


def hearing(corpus: Path, name: str) -> Iterator[Record]:
    """Turns in which one person speaks and nothing else sounds, to be written down."""
    for shard, n, row in rows(corpus, name):
        for number, (turn, heard) in enumerate(zip(conversation(row).turns, sounds(name, shard, n, row), strict=True)):
            parts = turn.heard
            if len(parts) == 1 and parts[0].kind == "speech" and parts[0].language in ("en", "zh"):
                yield make("asr", f"asr {row['id']} {number}", heard, parts[0].text)


def reading(corpus: Path, name: str) -> Iterator[Record]:
    """Everything that nano says plainly, to be read aloud."""
    for shard in shard_numbers(corpus / name / "spoken"):
        fields = [row["fields"] for row in read_index(corpus / name / "spoken", shard)]
        plain = [one["manner"] == "plain" and one["preset"] == voices.OWN for one in fields]
        for n, said in enumerate(sayings(corpus, name, shard)):
            if plain[n]:
                yield make("tts", f"tts {name} {shard} {n}", said.text, said)


# --- conversations ---------------------------------------------------------------------------------------------------


def conversation(row: Row) -> Conversation:
    return from_json(row["fields"]["conversation"])


def sounds(name: str, shard: int, n: int, row: Row) -> list[Heard]:
    """What is heard in each turn, and the words in it where people speak one after the other."""
    ref, found = f"{name}/shards/{shard:05d}:{n}", list[Heard]()
    for turn, how in zip(conversation(row).turns, row["turns"], strict=True):
        found.append(Heard(audio=ref, said=words(turn), span=(how["span"][0], how["span"][1])))
    return found


def about(row: Row) -> tuple[int, int] | None:
    """Where the one speaks whose voice a question is about: somebody who is played, else who asks."""
    asked, parts = conversation(row).turns[-1], row["turns"][-1]["parts"]
    people = sorted((part for part in parts if part["kind"] == "speech"), key=lambda part: part["who"] != NAME)
    if not people or asked.family.split()[0] not in OF_VOICE:
        return None
    return round(people[0]["start_s"] * HEARD_HZ), round(people[0]["end_s"] * HEARD_HZ)


def words(turn: Turn) -> str:
    """All words of a turn in order; none where people talk at once, or in a language that nano does not know."""
    said = [part for part in turn.heard if part.kind == "speech"]
    if any(part.over or part.language not in ("en", "zh") for part in said):
        return ""
    return " ".join(part.text for part in said)


def conversations(corpus: Path, name: str, task: str) -> Iterator[Record]:
    """The conversations of a corpus that teach a task of the trainer; `hear` are its answers to how a voice sounds."""
    last, spoken, own = -1, list[Spoken](), set[int]()
    for shard, n, row in rows(corpus, name):
        made = conversation(row)
        if task not in tasks_of(made):
            continue
        if task not in WRITES and shard != last:
            last, spoken, own = shard, sayings(corpus, name, shard), learnt_from(corpus, name, shard)
        heard = sounds(name, shard, n, row)
        if made.task == "hear":
            heard[-1] = replace(heard[-1], about=about(row))
        replies = [(how["filler"], how["reply"]) for how in row["turns"]]
        aloud = None if task in WRITES else spoken
        if aloud is not None and not all(reply in own for _, reply in replies):
            continue  # by another of its voices, or not at all
        yield record(made, heard, replies, PUT_AS.get(task, task), row["id"], aloud)


def tasks_of(made: Conversation) -> tuple[str, ...]:
    """The tasks of the trainer that a conversation can be put as; one that reads aloud is a record of its own."""
    if made.task in ("transcribe", "speak"):
        return ()
    if made.task == "translate":
        return ("s2tt",)
    if made.task == "interpret" and made.prompt.startswith("interpret_"):
        return ("s2st",)
    if made.task == "think":
        return ("think", "thought")
    if made.task in ("hear", "react"):
        return ("talk", "hear")
    if made.task == "manner":
        return ("manner",)
    return ("talk", "tool") if any(turn.call for turn in made.turns) else ("talk", "answer")


def record(made: Conversation, heard: Sequence[Heard], replies: Sequence[tuple[int | None, int | None]], task: str,
           id: str, spoken: Sequence[Spoken] | None) -> Record:  # fmt: skip
    """A whole conversation; with `spoken` the replies are said."""
    messages = [Said(role="system", items=(task_prompt(made.prompt).system,))]
    if made.tools:
        offered = json.dumps([json.loads(tool) for tool in made.tools], ensure_ascii=False)
        messages.append(Said(role="tool_json_schemas", items=(offered,)))
    for turn, sound, (filler, reply) in zip(made.turns, heard, replies, strict=True):
        messages.append(Said(role="human", items=(sound,)))
        if turn.call:
            call = ToolCall(turn.call.name, turn.call.arguments)
            said: tuple[Item, ...] = (call,) if spoken is None or filler is None else (spoken[filler], call)
            messages += [Said(role="assistant", items=said), tool_result(turn.result)]
        thought = (Thought(turn.think),) if turn.think and made.task == "think" else ()
        answer = turn.reply if spoken is None or reply is None else spoken[reply]
        messages.append(Said(role="assistant", items=(*thought, answer)))
    last = made.turns[-1]
    told = (last.reply,) if made.task in ("translate", "interpret") else slots(last)
    return Record(id=f"{task} {id}", task=task, messages=tuple(messages), slots=told)


def slots(turn: Turn) -> tuple[str, ...]:
    """The words of a reply that only hearing tells: what fills slots, and the class that is named."""
    if turn.language == "zh":
        names = {value for _, value in turn.slots} | {name for group in turn.must for name in group}
        return tuple(sorted(name for name in names if name and name in turn.reply and not name.isascii()))
    filled = {word for _, value in turn.slots for word in words_of(value)}
    filled |= {word for group in turn.must for name in group for word in words_of(name)}
    return tuple(word for word in words_of(turn.reply) if word in filled - {"a", "an", "the", "in"})


def unspoken(count: int, task: str, of: Sequence[str], skill: str) -> Iterator[Record]:
    """Conversations that nobody has spoken, answered in writing."""
    rng = Random(f"skills {task} {skill}")
    for n in range(count):
        made = catalogue.sample(rng, rng.choice(of), skill=skill)
        if all(turn.user for turn in made.turns):
            yield pseudo(made, task, f"{task} {skill or 'written'} {n}")


def pseudo(made: Conversation, task: str, id: str) -> Record:
    """A conversation that is heard as pseudo-sound and answered in writing."""
    heard = [Heard(said=words(turn)) for turn in made.turns]
    return record(made, heard, [(None, None)] * len(heard), task, id, None)


def called(count: int) -> Iterator[Record]:
    """Several tools are described, and one after the other is called: which one, the question alone tells."""
    rng = Random("skills called")
    for n in range(count):
        some = [catalogue.sample(rng, "call", skill="described tool") for _ in range(rng.choice((1, 2, 2, 3)))]
        tools = list(dict.fromkeys(tool for one in some for tool in one.tools))
        names = {turn.call.name for one in some for turn in one.turns if turn.call}
        needed = [tool for tool in tools if json.loads(tool)["function"]["name"] in names]
        beside = [tool for tool in tools if tool not in needed][: max(0, TOOLS - len(needed))]
        offered = tuple(rng.sample([*needed, *beside], len(needed) + len(beside)))
        made = replace(some[0], tools=offered, turns=tuple(turn for one in some for turn in one.turns))
        yield pseudo(made, "tool", f"tool called {n}")


def pages(count: int) -> Iterator[Record]:
    """Pages of Chinese sums, as `records.sums` makes English ones."""
    rng = Random("skills pages")
    for n in range(count):
        told = [catalogue.sample(rng, "talk", skill="sums").turns[0].reply for _ in range(SUMS)]
        parted = [one.partition("是") for one in told]
        yield make("page", f"page sums {n}", [item for head, it, rest in parted for item in (Given(head + it), rest)])


def held_out(corpus: Path, name: str) -> Iterator[Record]:
    """Of a held-out corpus one record for each conversation, as it is asked."""
    tasks = ("s2tt", "answer", "hear", "tool", "think")
    makers = [hearing(corpus, name), *(conversations(corpus, name, task) for task in tasks)]
    while makers:
        for maker in list(makers):
            found = next(maker, None)
            if found is None:
                makers.remove(maker)
            else:
                yield found
