"""Records: what training reads, one JSON object a line, each a conversation whose sounds lie in the shard store.

    {"id": "hear-17", "task": "asr", "messages": [
        {"role": "system", "content": "..."},
        {"role": "human", "content": [{"audio": "heard/00003:17", "said": "what time is it?"}]},
        {"role": "assistant", "content": "what time is it?"}], "slots": ["time"]}

Content is text, or a list of texts and objects: `audio` (heard: set/shard:row, `span` of its samples, `said` if known,
`rows` if counted, `phones` if timed, `about` if the reply tells of a stretch of it), `speech` (spoken: its text, its
`codes` as a list or as set/shard:row, `words` with start and end in seconds, `given` and `mute`: see `Spoken`), `given`
(words of a reply that are only read), `think` and `call` (with `arguments` as JSON text). A message may say
`"learn": true` or false; without it the task decides (`antiphon.train.tasks`).
`slots` are the words of the reply that only hearing tells.
A record without `audio` but with `said` is heard as pseudo-sound (`antiphon.train.pseudo`).
Whatever is wrong with a line is one sentence that begins with file:line.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from antiphon.errors import AntiphonError, InputError
from antiphon.text.toolcall import ToolCall

Word: TypeAlias = tuple[str, float, float]  # what, start and end in seconds


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A sound that is heard: where it lies, and what is said in it. Without `audio`, pseudo-sound of `said`."""

    audio: str = ""
    said: str = ""
    span: tuple[int, int] | None = None  # samples of the stored sound, at its own rate
    rows: int | None = None  # how many rows of the prompt it takes, where somebody has counted
    phones: tuple[Word, ...] = ()  # when each phone is said, where that is known
    about: tuple[int, int] | None = None  # what of it the reply tells of: samples at 16 kHz from where the span begins


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """Speech of the model: its text, its codes at 25 Hz (or where they lie), and when each word is said.

    A voice has said only so much, and a model can learn to say more: in `mute` speech the codes are those of something
    else, and only the words between them are learned. `given` is how the text begins: read, and not learned.
    """

    text: str
    codes: tuple[int, ...] | str
    words: tuple[Word, ...] = ()
    given: str = ""
    mute: bool = False


@dataclass(frozen=True)
class Given:
    """Words of a reply that are read and not learned, so that all learning goes to what follows them."""

    text: str


@dataclass(frozen=True)
class Thought:
    """What is thought before the answer."""

    text: str


Item: TypeAlias = str | Given | Heard | Spoken | Thought | ToolCall


@dataclass(frozen=True, kw_only=True)
class Said:
    """One message of a record. `learn` None leaves it to the task whether it is learned."""

    role: str
    items: tuple[Item, ...]
    learn: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """One conversation to learn from; `where` is file:line."""

    id: str
    task: str
    messages: tuple[Said, ...]
    slots: tuple[str, ...] = ()
    where: str = ""

    @property
    def heard(self) -> tuple[Heard, ...]:
        """Every sound that is heard, in order."""
        return tuple(i for m in self.messages for i in m.items if isinstance(i, Heard))

    def hearing(self, sounds: Sequence[Heard]) -> "Record":
        """The same conversation with other sounds, as many as it has."""
        rest = iter(sounds)
        messages = tuple(
            replace(m, items=tuple(next(rest) if isinstance(i, Heard) else i for i in m.items)) for m in self.messages
        )
        assert next(rest, None) is None, "as many sounds as the record hears"
        return replace(self, messages=messages)


class RecordFile(Sequence["Record"]):
    """A file of records, read a line at a time: what is kept is where each line begins."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"there are no records at {path}; a file of JSON lines was expected, make it first.")
        self.path, self._at = path, list[tuple[int, int]]()
        at = 0
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    self._at.append((number, at))
                at += len(line)
        if not self._at:
            raise InputError(f"{path} holds no record; make it again.")

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, index: Any) -> Any:
        number, at = self._at[index]
        with open(self.path, "rb") as file:
            file.seek(at)
            return read_record(file.readline().decode("utf-8", "replace"), f"{self.path}:{number}")


class BadRecord(InputError):
    """A record that cannot be learned from; the message begins with file:line."""


def bad(record: Record, why: str) -> BadRecord:
    """The error that says which record is wrong and why."""
    return BadRecord(f"{record.where or record.id}: {why}")


# --- JSON ------------------------------------------------------------------------------------------------------------


def read_records(path: Path) -> Iterator[Record]:
    """Every record of a file of JSON lines. Raises BadRecord with file:line for the first that is none."""
    if not path.is_file():
        raise InputError(f"there are no records at {path}; a file of JSON lines was expected, make it first.")
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield read_record(line, f"{path}:{number}")


def read_record(line: str, where: str) -> Record:
    """One line as a record. Raises BadRecord."""
    try:
        held = json.loads(line)
        messages = tuple(_message(m) for m in held["messages"])
        known = {"id", "task", "messages", "slots"}
        _refuse(held, known)
        slots = tuple(str(s) for s in held.get("slots", ()))
        return Record(id=str(held["id"]), task=held["task"], messages=messages, slots=slots, where=where)
    except json.JSONDecodeError as error:
        raise BadRecord(f"{where}: the line is no JSON ({error.msg} at character {error.pos}); mend it.") from error
    except KeyError as error:
        raise BadRecord(f"{where}: the key {error} is missing; see antiphon.train.records for the form.") from error
    except (TypeError, ValueError, AttributeError, AntiphonError) as error:
        raise BadRecord(f"{where}: {str(error).rstrip('.')}; see antiphon.train.records for the form.") from error


def _refuse(held: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(held) - known:
        raise ValueError(f"the keys {sorted(unknown)} are not known, {sorted(known)} are")


def _message(held: Mapping[str, Any]) -> Said:
    _refuse(held, {"role", "content", "learn"})
    content = held["content"]
    items = [content] if isinstance(content, str) else content
    return Said(role=held["role"], items=tuple(_item(i) for i in items), learn=held.get("learn"))


def _item(held: Any) -> Item:
    if isinstance(held, str):
        return held
    if "think" in held:
        return Thought(held["think"])
    if "call" in held:
        return ToolCall(held["call"], held["arguments"])
    if "speech" in held:
        codes = held["codes"] if isinstance(held["codes"], str) else tuple(int(c) for c in held["codes"])
        _refuse(held, {"speech", "codes", "words", "given", "mute"})
        given, mute = str(held.get("given", "")), bool(held.get("mute", False))
        return Spoken(text=held["speech"], codes=codes, words=_words(held.get("words", ())), given=given, mute=mute)
    if "given" in held:
        return Given(held["given"])
    _refuse(held, {"audio", "said", "span", "rows", "phones", "about"})
    span, about = _span(held.get("span")), _span(held.get("about"))
    audio, said, phones = held.get("audio", ""), held.get("said", ""), _words(held.get("phones", ()))
    return Heard(audio=audio, said=said, span=span, rows=held.get("rows"), phones=phones, about=about)


def _span(held: Sequence[Any] | None) -> tuple[int, int] | None:
    return None if held is None else (int(held[0]), int(held[1]))


def _words(held: Iterable[Sequence[Any]]) -> tuple[Word, ...]:
    return tuple((str(what), float(start), float(end)) for what, start, end in held)


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records as JSON lines, the file whole or not at all; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, count = path.with_suffix(".part"), 0
    with open(part, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(to_json(record), ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    part.replace(path)
    return count


def to_json(record: Record) -> dict[str, Any]:
    """A record as plain values; `read_record` of it is the record again."""
    messages = []
    for message in record.messages:
        plain = [_item_json(i) for i in message.items]
        content = plain[0] if len(plain) == 1 and isinstance(plain[0], str) else plain
        held = {"role": message.role, "content": content}
        messages.append(held if message.learn is None else {**held, "learn": message.learn})
    found: dict[str, Any] = {"id": record.id, "task": record.task, "messages": messages}
    return {**found, "slots": list(record.slots)} if record.slots else found


def _item_json(item: Item) -> str | dict[str, Any]:
    if isinstance(item, str):
        return item
    if isinstance(item, Thought):
        return {"think": item.text}
    if isinstance(item, ToolCall):
        return {"call": item.name, "arguments": item.arguments}
    if isinstance(item, Spoken):
        codes = item.codes if isinstance(item.codes, str) else list(item.codes)
        rest = {"words": [list(w) for w in item.words], "given": item.given, "mute": item.mute}
        return {"speech": item.text, "codes": codes, **{name: value for name, value in rest.items() if value}}
    if isinstance(item, Given):
        return {"given": item.text}
    held = {field.name: getattr(item, field.name) for field in fields(Heard)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in held.items() if v not in (None, "", ())}


def of_every_task(records: Sequence["Record"], count: int) -> list["Record"]:
    """`count` records or fewer, their tasks by turns, those of a task from all over its part of the file."""
    by_task: dict[str, list[Record]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    each = -(-count // max(1, len(by_task)))
    spread = [held[:: max(1, len(held) // each)][:each] for held in by_task.values()]
    return [some[n] for n in range(each) for some in spread if n < len(some)][:count]
