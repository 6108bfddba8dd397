"""What the client plays: an account of the sound that was sent, by the clock.

    sent     ─ a ─ b ─────────────── c ──            a client plays what comes as soon as it can, one after another
    played      |── a ──|── b ──|    |── c ──|

Sound is sent at most a little ahead of its being played, so little is in vain when a reply is stopped; and where the
client does not say what was heard, this account does.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """Sound of an item on its way: when it begins to sound, and how long it lasts."""

    item: str
    start_ms: int
    ms: int


class Playback:
    """What was sent and is not known to be played."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []
        self._heard: dict[str, int] = {}  # of items whose stretches were played
        self.until_ms = 0  # when everything that was sent will have been played

    def send(self, item: str, ms: int, now_ms: int) -> None:
        """Sound leaves."""
        start = max(self.until_ms, now_ms)
        self._stretches.append(Stretch(item, start, ms))
        self.until_ms = start + ms

    def heard_ms(self, item: str, now_ms: int) -> int:
        """How much of an item has sounded."""
        sounding = (min(max(now_ms - s.start_ms, 0), s.ms) for s in self._stretches if s.item == item)
        return self._heard.get(item, 0) + sum(sounding)

    def sounding(self, now_ms: int) -> list[str]:
        """The items that have not sounded to the end of what was sent of them."""
        return list(dict.fromkeys(s.item for s in self._stretches if s.start_ms + s.ms > now_ms))

    def settle(self, now_ms: int) -> None:
        """Forget what lies in the past, but for its sum."""
        past = [s for s in self._stretches if s.start_ms + s.ms <= now_ms]
        for stretch in past:
            self._heard[stretch.item] = self._heard.get(stretch.item, 0) + stretch.ms
        self._stretches = self._stretches[len(past) :]

    def stop(self, now_ms: int) -> None:
        """The client is silent, and drops what it has not played."""
        for item in {s.item for s in self._stretches}:
            self._heard[item] = self.heard_ms(item, now_ms)
            self._stretches = [s for s in self._stretches if s.item != item]
        self.until_ms = now_ms

    def forget(self, item: str) -> None:
        """Nobody will ask for this item again."""
        self._heard.pop(item, None)
