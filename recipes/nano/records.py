"""The corpus of nano as records, a file for each task; see `antiphon.train.records` for the form.

    heard, target   asr · aligned (with the times of phones)      target   tts · continuation
    dialogue        talk · answer · tool · interleave             foreign  s2tt · t2st · s2st
    dialogue        mute (sums and strings that the voice never said: only the words of the reply are learned)
    the world       text · written (conversations without sound, heard as pseudo-sound) · voiceless (mute, the same way)
                    sums · spelt (pages of sums, written and aloud, of which the results alone are learned)
    ..._dev, ..._test   dev
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from antiphon.data import world
from antiphon.data.numbers import words_of
from antiphon.data.record import dialogue_from_json
from antiphon.data.store import read_index, shard_numbers
from antiphon.data.world import Dialogue, Turn
from antiphon.text.toolcall import ToolCall
from antiphon.tools.clock import SCHEMA
from antiphon.train.records import Given, Heard, Item, Record, Said, Spoken
from antiphon.train.tasks import make, tool_result

Row = dict[str, Any]
WRITTEN = 20_000  # conversations of the world that are never spoken
SUMS, SPELT = 40, 5  # of a page, written and aloud
VOICELESS = ("arithmetic", "say")
SCHEMA_SHARE = 0.3  # of the conversations without a tool, in which tools are offered all the same


def all_records(corpus: Path, small: bool) -> dict[str, Iterator[Record]]:
    """Every file of records, by name."""
    voice = {row["text"]: spoken_row(ref, row) for ref, row in rows(corpus, "target")}
    count = 40 if small else WRITTEN
    return {
        "asr.jsonl": hearing(corpus, "heard"),
        "aligned.jsonl": hearing(corpus, "target"),
        "tts.jsonl": (make("tts", f"tts {s.text}", s.text, s) for s in voice.values()),
        "continuation.jsonl": continuations(corpus),
        "talk.jsonl": conversations(corpus, "dialogue", voice, aloud=True),
        "answer.jsonl": conversations(corpus, "dialogue", voice, aloud=False),
        "tool.jsonl": tools(corpus, voice),
        "interleave.jsonl": interleaved(corpus, voice),
        "s2tt.jsonl": translations(corpus, voice, "s2tt"),
        "t2st.jsonl": translations(corpus, voice, "t2st"),
        "s2st.jsonl": translations(corpus, voice, "s2st"),
        "text.jsonl": texts(count),
        "written.jsonl": written(count),
        "salad.jsonl": salads(count),
        "mute.jsonl": mutes(corpus, voice),
        "voiceless.jsonl": voiceless(count, voice),
        "sums.jsonl": sums(count // 10),
        "spelt.jsonl": spelt(count // 4, voice),
        "dev.jsonl": dev(corpus, voice),
    }


def rows(corpus: Path, name: str) -> Iterator[tuple[str, Row]]:
    """Every row of a set, and how it is referred to."""
    for number in shard_numbers(corpus / name):
        for n, row in enumerate(read_index(corpus / name, number)):
            yield f"{name}/{number:05d}:{n}", row


def spoken_row(ref: str, row: Row) -> Spoken:
    words = tuple((str(w), float(a), float(b)) for w, a, b in row["words"])
    return Spoken(text=row["text"], codes=ref, words=words)


def hearing(corpus: Path, name: str) -> Iterator[Record]:
    """Speech to be written down, with the times of its phones where they are known."""
    for ref, row in rows(corpus, name):
        phones = tuple((str(p), float(a), float(b)) for p, a, b in row.get("phones", ()))
        yield make("asr", ref, Heard(audio=ref, said=row["text"], phones=phones), row["text"])


def continuations(corpus: Path) -> Iterator[Record]:
    """The beginning of a sentence is heard, up to the end of a word, and the rest is written."""
    for ref, row in rows(corpus, "target"):
        if len(row["words"]) < 4:
            continue
        at = Random(ref).randrange(2, len(row["words"]) - 1)
        end = min(round(row["words"][at - 1][2] * row["rate"]), row["length"])
        said = " ".join(word for word, _, _ in row["words"][:at])
        rest = " " + " ".join(word for word, _, _ in row["words"][at:])
        yield make("continuation", f"continued {ref}", Heard(audio=ref, said=said, span=(0, end)), rest)


def translations(corpus: Path, voice: dict[str, Spoken], task: str) -> Iterator[Record]:
    """Chinese sums into English: heard or read, written or aloud."""
    for ref, row in rows(corpus, "foreign"):
        asked: Item = row["text"] if task == "t2st" else Heard(audio=ref, said=row["text"])
        reply: Item = row["english"] if task == "s2tt" else voice[row["english"]]
        slots = words_of(row["english"]) if task != "t2st" else ()
        yield make(task, f"{task} {ref}", asked, reply, slots=slots)


# --- conversations ---------------------------------------------------------------------------------------------------


def dialogues(corpus: Path, name: str) -> Iterator[tuple[str, Dialogue, list[Heard]]]:
    """The dialogues of a set and the sound of each turn."""
    for ref, row in rows(corpus, name):
        dialogue = dialogue_from_json(row["dialogue"])
        spans = [(int(a), int(b)) for a, b in row["spans"]]
        heard = [Heard(audio=ref, said=t.user, span=s) for t, s in zip(dialogue.turns, spans, strict=True)]
        yield ref, dialogue, heard


def speakable(dialogue: Dialogue, voice: dict[str, Spoken]) -> bool:
    return all(text in voice for turn in dialogue.turns for text in (turn.filler, turn.reply) if text)


def conversations(corpus: Path, name: str, voice: dict[str, Spoken], aloud: bool) -> Iterator[Record]:
    """Conversations whose replies are all spoken, or all written."""
    for ref, dialogue, heard in dialogues(corpus, name):
        if not aloud or speakable(dialogue, voice):
            yield conversation(dialogue, heard, ref, voice if aloud else None)


def tools(corpus: Path, voice: dict[str, Spoken]) -> Iterator[Record]:
    """Conversations that call a tool, written; those aloud are among `talk`."""
    for ref, dialogue, heard in dialogues(corpus, "dialogue"):
        if any(turn.tool_call for turn in dialogue.turns):
            yield conversation(dialogue, heard, ref, None, task="tool")


def conversation(
    dialogue: Dialogue, heard: list[Heard], id: str, voice: dict[str, Spoken] | None, task: str = ""
) -> Record:
    """A whole conversation; with a voice the replies are spoken."""
    offered = any(t.tool_call for t in dialogue.turns) or Random(f"schema {id}").random() < SCHEMA_SHARE
    begun = make(task or ("talk" if voice else "answer"), id, schemas=SCHEMA if offered else "")
    messages = list(begun.messages)
    for turn, sound in zip(dialogue.turns, heard, strict=True):
        messages.append(Said(role="human", items=(sound,)))
        if turn.tool_call:
            call = ToolCall(turn.tool_call.name, turn.tool_call.arguments)
            said = (voice[turn.filler], call) if voice else (call,)
            messages += [Said(role="assistant", items=said), tool_result(turn.tool_result)]
        messages.append(Said(role="assistant", items=(voice[turn.reply] if voice else turn.reply,)))
    slots = slots_of(dialogue.turns[-1])
    return Record(id=f"{begun.task} {id}", task=begun.task, messages=tuple(messages), slots=slots)


def slots_of(turn: Turn) -> tuple[str, ...]:
    """The words of a reply that fill slots: what cannot be known without hearing."""
    filled = {word for _, value in turn.slots for word in words_of(value)}
    return tuple(word for word in words_of(turn.reply) if word in filled)


def interleaved(corpus: Path, voice: dict[str, Spoken]) -> Iterator[Record]:
    """Utterances by turns, without the marks of a conversation: one is heard, the next is spoken."""
    for ref, dialogue, heard in dialogues(corpus, "dialogue"):
        if speakable(dialogue, voice) and not any(turn.tool_call for turn in dialogue.turns):
            turns = [part for t, sound in zip(dialogue.turns, heard, strict=True) for part in (sound, voice[t.reply])]
            yield make("interleave", f"interleave {ref}", *turns)


# --- words alone -----------------------------------------------------------------------------------------------------


def texts(count: int) -> Iterator[Record]:
    """What is said in the world, as plain text."""
    rng = Random("text")
    for n in range(count):
        lines = [line for turn in world.sample(rng).turns for line in (turn.user, turn.reply) if line]
        yield make("text", f"text {n}", "\n".join(lines))


def written(count: int) -> Iterator[Record]:
    """Conversations of the world that nobody has spoken: they are heard as pseudo-sound."""
    rng = Random("written")
    for n in range(count):
        dialogue = world.sample(rng)
        heard = [Heard(said=turn.user) for turn in dialogue.turns]
        yield conversation(dialogue, heard, f"written {n}", None, task="answer")


def salads(count: int) -> Iterator[Record]:
    """Random words to be read off a path: nothing in them can be guessed."""
    rng = Random("salad")
    for n in range(count):
        text = world.salad(rng, rng.randint(1, 8))
        yield make("asr", f"salad {n}", Heard(said=text), text)


# --- what the voice never said ---------------------------------------------------------------------------------------


def unspoken(text: str, voice: list[Spoken], rng: Random, given: str = "") -> Spoken:
    """A reply whose words are learned between the codes of something else."""
    return replace(rng.choice(voice), text=text, words=(), given=given, mute=True)


def mutes(corpus: Path, voice: dict[str, Spoken]) -> Iterator[Record]:
    """Sums and strings to repeat, heard, whose replies the voice never said."""
    for ref, dialogue, heard in dialogues(corpus, "dialogue"):
        if dialogue.task in VOICELESS:
            yield mute(dialogue, heard, f"mute {ref}", list(voice.values()))


def voiceless(count: int, voice: dict[str, Spoken]) -> Iterator[Record]:
    """The same, from the world, heard as pseudo-sound."""
    rng, held = Random("voiceless"), list(voice.values())
    for n in range(count):
        dialogue = world.sample(rng, rng.choice(VOICELESS))
        yield mute(dialogue, [Heard(said=turn.user) for turn in dialogue.turns], f"voiceless {n}", held)


def mute(dialogue: Dialogue, heard: list[Heard], id: str, voice: list[Spoken]) -> Record:
    rng, turns = Random(id), list[Item]()
    for turn, sound in zip(dialogue.turns, heard, strict=True):
        turns += [sound, unspoken(turn.reply, voice, rng)]
    return make("talk", id, *turns, slots=slots_of(dialogue.turns[-1]))


def sums(count: int) -> Iterator[Record]:
    """Pages of sums: the densest way to learn to carry."""
    rng = Random("sums")
    for n in range(count):
        items = [item for _ in range(SUMS) for item in asked_and_told(world.sample(rng, "arithmetic").turns[0].reply)]
        yield make("page", f"sums {n}", items)


def asked_and_told(told: str) -> tuple[Given, str]:
    """A sum that is told, as what is given and what is to be found."""
    head, result = told.rsplit(" is ", 1)
    return Given(f" {head} is"), f" {result}"


def spelt(count: int, voice: dict[str, Spoken]) -> Iterator[Record]:
    """The same aloud, where only every fifth place is a word."""
    rng, held = Random("spelt"), sorted(voice.values(), key=lambda s: s.words[-1][2])
    held = held[: max(1, len(held) // 2)]  # a page holds five, of which the longest would be too long
    for n in range(count):
        told = [world.sample(rng, "arithmetic").turns[0].reply for _ in range(SPELT)]
        yield make("page", f"spelt {n}", *(unspoken(t, held, rng, t.rsplit(" is ", 1)[0] + " is") for t in told))


def dev(corpus: Path, voice: dict[str, Spoken]) -> Iterator[Record]:
    """Held-out speech, questions and texts to read, by turns, so that any number of them is a mixture."""
    spoken = {row["text"]: spoken_row(ref, row) for ref, row in rows(corpus, "target_dev")}
    parts = [
        list(hearing(corpus, "heard_dev_seen")),
        list(conversations(corpus, "dialogue_test_slots", voice, aloud=False)),
        [make("tts", f"dev {s.text}", s.text, s) for s in spoken.values()],
    ]
    for n in range(max(map(len, parts))):
        yield from (part[n] for part in parts if n < len(part))
