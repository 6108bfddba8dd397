"""A conversation's items as a value: every change gives a new one, the old one stays.

After a cut only what was heard is kept: the words of a spoken reply are pinned to the moments at which they had been
said.
"""

from dataclasses import dataclass, replace
from typing import Literal

from antiphon.server.protocol.formats import Pcm, bytes_per_ms
from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.items import AssistantMessage, FunctionCall, FunctionCallOutput, Item, OutputAudio
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal

ROOT = "root"
MAX_ITEMS = 4096
Deed = Literal["create", "retrieve", "delete", "truncate"]


@dataclass(frozen=True)
class Spoken:
    """How a reply was spoken: its length, and its words, each with the millisecond at which it had been said."""

    duration_ms: int
    words: tuple[tuple[int, str], ...] = ()

    def until(self, end_ms: int) -> str:
        """The words that had been said at `end_ms`."""
        return "".join(word for said_ms, word in self.words if said_ms <= end_ms).rstrip()


@dataclass(frozen=True)
class Conversation:
    """Items in their order; each has an id."""

    items: tuple[Item, ...] = ()

    def insert(self, item: Item, ids: Ids, previous_item_id: str | None = None) -> tuple["Conversation", Item]:
        """The conversation with `item` after another one (None: at the end; "root": first), and the item with its id.

        Raises:
            Refusal: the id is taken, the other item is not there, an output answers no call, too many items.
        """
        if len(self.items) >= MAX_ITEMS:
            what = f"The conversation has {MAX_ITEMS} items, and that is all it holds; delete some."
            raise Refusal(what, code="conversation_full", param="item")
        if item.id is None:
            item = replace(item, id=ids.item())
        elif any(other.id == item.id for other in self.items):
            what = f"An item with the id {item.id!r} is already there; expected another id."
            raise Refusal(what, code="item_create_duplicate_item_id", param="item.id")
        if isinstance(item, FunctionCall) and item.call_id is None:
            item = replace(item, call_id=ids.call())
        at = self._after(previous_item_id)
        self._check_answer(item, at)
        return Conversation((*self.items[:at], item, *self.items[at:])), item

    def retrieve(self, item_id: str) -> Item:
        """The item with this id.

        Raises:
            Refusal: there is none.
        """
        return self.items[self._find(item_id, "retrieve")]

    def delete(self, item_id: str) -> "Conversation":
        """The conversation without this item.

        Raises:
            Refusal: there is none.
        """
        at = self._find(item_id, "delete")
        return Conversation(self.items[:at] + self.items[at + 1 :])

    def replace(self, item: Item) -> "Conversation":
        """The conversation with a newer form of an item that is there."""
        return Conversation(tuple(item if other.id == item.id else other for other in self.items))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int, spoken: Spoken) -> "Conversation":
        """The conversation in which a spoken reply ends at `audio_end_ms`: the sound after it and its words are gone.

        Raises:
            Refusal: no such item, no speech of the assistant, or it is shorter than that.
        """
        at = self._find(item_id, "truncate")
        item = self.items[at]
        if not isinstance(item, AssistantMessage):
            raise _refused(f"The item {item_id!r} is no message of the assistant; only those can be cut.", "item_id")
        part = item.content[content_index] if 0 <= content_index < len(item.content) else None
        if not isinstance(part, OutputAudio):
            raise _refused(f"The item has no sound at {content_index}; expected the index of one.", "content_index")
        if audio_end_ms > spoken.duration_ms:
            what = f"The sound lasts {spoken.duration_ms} ms; expected no more than that, found {audio_end_ms}."
            raise _refused(what, "audio_end_ms")
        cut = _cut(part, audio_end_ms, spoken)
        content = (*item.content[:content_index], cut, *item.content[content_index + 1 :])
        return self.replace(replace(item, content=content, status="incomplete"))

    def before(self, item_id: str) -> str | None:
        """The id of the item before this one; None for the first."""
        at = self._find(item_id, "retrieve")
        return self.items[at - 1].id if at else None

    def _find(self, item_id: str, deed: Deed) -> int:
        for at, item in enumerate(self.items):
            if item.id == item_id:
                return at
        what = f"There is no item with the id {item_id!r}; expected one of this conversation."
        raise Refusal(what, code=f"item_{deed}_invalid_item_id", param="item_id")

    def _after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self.items)
        if previous_item_id == ROOT:
            return 0
        for at, item in enumerate(self.items):
            if item.id == previous_item_id:
                return at + 1
        what = f"There is no item with the id {previous_item_id!r} to insert after; expected one, or {ROOT!r}."
        raise Refusal(what, code="item_create_invalid_previous_item_id", param="previous_item_id")

    def _check_answer(self, item: Item, at: int) -> None:
        if isinstance(item, FunctionCallOutput):
            calls = (other for other in self.items[:at] if isinstance(other, FunctionCall))
            if not any(call.call_id == item.call_id for call in calls):
                what = f"No call with the id {item.call_id!r} comes before its output; create the call first."
                raise Refusal(what, code="invalid_tool_call_id", param="item.call_id")


def _cut(part: OutputAudio, end_ms: int, spoken: Spoken) -> OutputAudio:
    whole = end_ms == spoken.duration_ms
    audio = None if part.audio is None else part.audio[: end_ms * bytes_per_ms(Pcm())]
    return replace(part, audio=audio, transcript=part.transcript if whole else spoken.until(end_ms))


def _refused(what: str, param: str) -> Refusal:
    return Refusal(what, code=INVALID_VALUE, param=param)
