"""The tool `web_search`: the user's own documents first, then the engines that the operator has chosen, one by one.

    query ── known for ten minutes? ── documents ── engine 1 ── engine 2 ── what went wrong, in a sentence
                                                        └ fails three times: left alone for a minute
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.errors import ToolError
from antiphon.tools.result import ToolResult
from antiphon.tools.search.protocol import HITS, LONGEST_QUERY, Hit, SearchProvider, told
from antiphon.tools.tool import Context, Tool, tool

KEPT_S, MOST_KEPT = 600.0, 256
FAULTS, REST_S = 3, 60.0  # in a row, after which a provider is left alone for so long
logger = logging.getLogger("antiphon.tools")


@dataclass
class Chain:
    """Providers in the order in which they are asked; the first that finds anything has answered."""

    providers: Sequence[SearchProvider]
    clock: Callable[[], float] = time.monotonic
    _known: "OrderedDict[tuple[str, str, int | None], tuple[float, list[Hit]]]" = field(default_factory=OrderedDict)
    _faults: dict[int, tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def search(self, query: str, language: str, fresh_days: int | None) -> list[Hit]:
        """Hits, perhaps none. Raises ToolError where every provider that could know failed."""
        key = (" ".join(query.lower().split()), language, fresh_days)
        if (found := self._remembered(key)) is not None:
            return found
        wrong: ToolError | None = None
        for number, provider in enumerate(self.providers):
            if self._rests(number):
                wrong = wrong or ToolError("it is left alone for a minute.", code="offline", retryable=True)
                continue
            try:
                hits = list(provider.search(query, HITS, language, fresh_days))
            except ToolError as error:
                logger.warning("searching with %s failed: %s", provider.name, error)
                self._fault(number)
                wrong = error
                continue
            self._faults.pop(number, None)
            if hits:
                return self._remember(key, hits)
        if wrong is not None:
            raise wrong
        return self._remember(key, [])

    def _remembered(self, key: tuple[str, str, int | None]) -> list[Hit] | None:
        with self._lock:
            until, hits = self._known.get(key, (0.0, []))
            return hits if until > self.clock() else None

    def _remember(self, key: tuple[str, str, int | None], hits: list[Hit]) -> list[Hit]:
        with self._lock:
            self._known[key] = self.clock() + KEPT_S, hits
            self._known.move_to_end(key)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        return hits

    def _rests(self, number: int) -> bool:
        count, until = self._faults.get(number, (0, 0.0))
        return count >= FAULTS and until > self.clock()

    def _fault(self, number: int) -> None:
        count, _ = self._faults.get(number, (0, 0.0))
        self._faults[number] = count + 1, self.clock() + REST_S


def web_search(chain: Chain) -> Tool:
    """The tool, over some providers."""

    @tool("read", timeout_s=6.0, needs_network=any(p.needs_network for p in chain.providers), aliases=("search",))
    def web_search(query: str, context: Context) -> ToolResult:
        """Search the web.

        Args:
            query: what to look for
        """
        asked = " ".join(query.split())[:LONGEST_QUERY]
        if not asked:
            raise ToolError("there is nothing to look for; give words.", code="arguments")
        hits = chain.search(asked, context.language, None)
        if not hits:
            raise ToolError(f"nothing was found for {asked!r}.", code="not_found")
        return ToolResult("web_search", told(hits), data={"sources": [_shown(hit) for hit in hits[:HITS]]})

    return web_search


def _shown(hit: Hit) -> dict[str, Any]:
    """A hit for the eye: with its address."""
    when = hit.published.isoformat() if hit.published else None
    return {"title": hit.title, "url": hit.url, "source": hit.source, "published": when, "trust": hit.trust}
