"""A live conversation with everything around it, and what must hold of any of them."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from antiphon.runtime import live_events as told
from antiphon.runtime.heard import heard_ids
from antiphon.runtime.history import Spoken
from antiphon.runtime.listening import Cutting
from antiphon.runtime.live import Live
from antiphon.runtime.manner import Settings
from antiphon.runtime.turns import ServerVad
from tests.runtime.world import LAYOUT, Client, Hands, Loudness, Names, Pace, Scripted, frames, parsed, talk

VAD = ServerVad(silence_duration_ms=500, pause_ms=160)
SPOKEN = Settings(detector=VAD)
TURN = ((20, 30), (20, 0))  # silence, voice, silence: a turn and its end


class Stage:
    """A conversation, its clock, its model and its client."""

    def __init__(self, settings: Settings = SPOKEN, pace: Pace = Pace(), cutting: Cutting = Cutting()) -> None:  # noqa: B008
        self.clock, self.names = Hands(), Names()
        self.mind, self.client = Scripted(self.clock, pace), Client(self.clock)
        self.live = Live(self.mind, self.clock, self.names, self.client.tell, settings, Loudness(), cutting)

    def talk(self, *stretches: tuple[int, int]) -> "Stage":
        """Frames of silence, then of voice, each when it has sounded."""
        talk(self.live, self.clock, frames(*stretches))
        return self

    def wait(self, ms: int = 60_000) -> "Stage":
        self.clock.until(self.clock.now_ms() + ms)
        return self

    def kinds(self, *unwanted: type) -> list[str]:
        return [type(event).__name__ for event in self.client.events if not isinstance(event, unwanted)]

    def of(self, *kinds: type) -> list[Any]:
        return self.client.of(*kinds)

    def spoken(self) -> list[Spoken]:
        return [entry for entry in self.live.history if isinstance(entry, Spoken)]


def without_speculation(settings: Settings) -> Settings:
    return replace(settings, manners=replace(settings.manners, max_speculations=0))


def check_told(stage: Stage) -> None:
    """Replies and items begin once, end once, and nothing is told of them before or after."""
    begun, done = dict[str, bool](), set[str]()
    items, closed = dict[str, str](), set[str]()
    for event in stage.client.events:
        reply = getattr(event, "reply", None)
        if isinstance(event, told.ReplyStarted):
            assert reply not in begun and (event.is_aside or done >= {r for r in begun if not begun[r]})
            begun[event.reply] = event.is_aside
        elif reply is not None and not isinstance(event, told.Interrupted):
            assert reply in begun and reply not in done
        if isinstance(event, told.ItemStarted):
            assert event.item not in items
            items[event.item] = event.reply
        elif isinstance(event, told.TextDelta | told.AudioDelta | told.ItemDone | told.Called):
            assert items[event.item] == event.reply and event.item not in closed
        if isinstance(event, told.ItemDone | told.Called):
            closed.add(event.item)
        if isinstance(event, told.ReplyDone):
            done.add(event.reply)
            assert closed >= {item for item, other in items.items() if other == event.reply}
    assert done == set(begun)


def check_items(stage: Stage) -> None:
    """What an item is said to be is what was told of it; its sound has no gap."""
    texts, ms = defaultdict[str, str](str), defaultdict[str, int](int)
    for event in stage.client.events:
        if isinstance(event, told.TextDelta):
            texts[event.item] += event.text
        elif isinstance(event, told.AudioDelta):
            assert event.start_ms == ms[event.item]
            ms[event.item] += len(event.samples) // 24
        elif isinstance(event, told.ItemDone):
            assert (event.text, event.duration_ms) == (texts[event.item], ms[event.item])


def check_heard(stage: Stage) -> None:
    """The history holds of each reply what its client has played, to the token, and the words that go with it."""
    whole = {event.item for event in stage.of(told.ItemDone) if event.is_whole}
    deltas = stage.of(told.TextDelta)
    for entry in stage.spoken():
        heard_ms = stage.client.heard_ms(entry.id)
        assert heard_ids(entry.ids, LAYOUT, entry.heard_ms) == heard_ids(entry.ids, LAYOUT, heard_ms)
        kept = heard_ids(entry.ids, LAYOUT, entry.heard_ms)
        if entry.heard_ms is None:
            assert entry.id in whole
        words = "".join(d.text for d in deltas if d.item == entry.id and d.said_ms <= heard_ms)
        assert stage.mind.dialect.text_of(entry) == parsed(kept).replace("\ufffd", "") == words
    for event in stage.of(told.Cut):
        assert event.item in [entry.id for entry in stage.spoken()] or not stage.client.heard_ms(event.item)


def check_answered(stage: Stage) -> None:
    """Every turn is followed by a reply before the next one comes."""
    flow = [e for e in stage.client.events if isinstance(e, told.Committed | told.ReplyStarted)]
    last = None
    for event in flow:
        assert not (isinstance(event, told.ReplyStarted) and isinstance(last, told.ReplyStarted))
        last = event
    assert not flow or isinstance(flow[-1], told.ReplyStarted)


def check_all(stage: Stage) -> None:
    check_told(stage)
    check_items(stage)
    check_heard(stage)
    counts = stage.live.counts
    assert counts.started == counts.committed + counts.discarded + (stage.live.phase == "speculating")
