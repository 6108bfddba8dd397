"""How much one key may ask for: requests a minute (a bucket that fills steadily), and what runs at the same time."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

from antiphon.server.protocol.refusal import Refusal

MINUTE = 60.0


@dataclass
class Bucket:
    """Tokens left, and when that was so."""

    left: float
    at: float


@dataclass
class Rates:
    """Requests of each key; `now` is any clock in seconds that never goes back."""

    per_minute: int
    now: Callable[[], float]
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def take(self, name: str) -> int:
        """One request of `name`; how many are left.

        Raises:
            Refusal: none is left, with the seconds to wait.
        """
        now = self.now()
        bucket = self.buckets.setdefault(name, Bucket(float(self.per_minute), now))
        bucket.left = min(self.per_minute, bucket.left + (now - bucket.at) * self.per_minute / MINUTE)
        bucket.at = now
        if bucket.left < 1:
            wait = ceil((1 - bucket.left) * MINUTE / self.per_minute)
            what = f"More than {self.per_minute} requests came in a minute; wait {wait} s."
            raise Busy(what, wait, status=429)
        bucket.left -= 1
        return int(bucket.left)


class Busy(Refusal):
    """Not now: try again after `wait` seconds."""

    def __init__(self, message: str, wait: int, *, status: int) -> None:
        super().__init__(message, code="rate_limit_exceeded" if status == 429 else "server_overloaded", status=status)
        self.wait = wait


@dataclass
class Places:
    """So many at the same time, in all and of one key."""

    what: str
    most: int
    most_each: int
    taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """A place for as long as the block lasts.

        Raises:
            Busy: all are taken.
        """
        if self.taken[name] >= self.most_each:
            raise Busy(f"This key holds {self.most_each} {self.what} already; close one.", 1, status=429)
        if self.taken.total() >= self.most:
            raise Busy(f"All {self.most} {self.what} are taken; try again later.", 1, status=503)
        self.taken[name] += 1
        try:
            yield
        finally:
            self.taken[name] -= 1
            if not self.taken[name]:
                del self.taken[name]
