"""Machines that search the web, each by its own wire format: SearXNG, Brave, Tavily, Exa, Serper.

All are asked with plain HTTP through the one door (`tools.fetch`). SearXNG answers JSON only where its settings list
`json` among `search.formats`; else it says 403, which is a `denied` here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from antiphon.errors import ConfigError, ToolError
from antiphon.tools.fetch import Door, fetch
from antiphon.tools.search.protocol import Hit, moment, site

SPANS = ((1, "day", "pd", "d"), (7, "week", "pw", "w"), (31, "month", "pm", "m"), (366, "year", "py", "y"))


@dataclass(frozen=True)
class Engine:
    """One of them: where it is, and the key that opens it."""

    kind: str
    url: str
    key: str = field(default="", repr=False)
    door: Door = field(default_factory=Door)
    needs_network: bool = True

    @property
    def name(self) -> str:
        """Its kind."""
        return self.kind

    def search(self, query: str, k: int, language: str, fresh_days: int | None) -> Sequence[Hit]:
        """See `SearchProvider`."""
        found = ENGINES[self.kind].ask(self, query, k, language, fresh_days)
        return [hit for hit in found if hit.title or hit.snippet][:k]


def engine(kind: str, url: str = "", key: str = "", **door: Any) -> Engine:
    """An engine by its kind; `url` where it is not the usual one. Raises ConfigError."""
    if kind not in ENGINES:
        raise ConfigError(f"there is no search engine {kind[:40]!r}; there are {', '.join(ENGINES)}.")
    how = ENGINES[kind]
    if not (url or how.url):
        raise ConfigError(f"the search engine {kind} needs the address of your own; give its url.")
    if how.needs_key and not key:
        raise ConfigError(f"the search engine {kind} needs a key; name the variable that holds it (key_variable).")
    address = (url or how.url).rstrip("/")
    return Engine(kind, address, key, Door.to(address, **door))


def _searxng(at: Engine, query: str, k: int, language: str, fresh_days: int | None) -> Iterable[Hit]:
    asked: dict[str, str | int] = {"q": query, "format": "json", "language": language, "safesearch": 1}
    asked |= {} if (span := _span(fresh_days, 1)) is None else {"time_range": span}
    rows = _rows(fetch(f"{at.url}/search", at.door, query=asked).json(), "results")
    return [_hit(row, "content", moment(row.get("publishedDate")), row.get("score")) for row in rows]


def _brave(at: Engine, query: str, k: int, language: str, fresh_days: int | None) -> Iterable[Hit]:
    asked: dict[str, str | int] = {"q": query, "count": k, "search_lang": "zh-hans" if language == "zh" else language}
    asked |= {} if (span := _span(fresh_days, 2)) is None else {"freshness": span}
    found = fetch(f"{at.url}/res/v1/web/search", at.door, query=asked, headers={"X-Subscription-Token": at.key}).json()
    return [_hit(row, "description", moment(row.get("page_age"))) for row in _rows(_part(found, "web"), "results")]


def _tavily(at: Engine, query: str, k: int, language: str, fresh_days: int | None) -> Iterable[Hit]:
    body: dict[str, Any] = {"query": query, "max_results": k, "search_depth": "basic"}
    body |= {} if (span := _span(fresh_days, 1)) is None else {"time_range": span}
    found = fetch(f"{at.url}/search", at.door, body=body, headers={"Authorization": f"Bearer {at.key}"}).json()
    return [_hit(r, "content", moment(r.get("published_date")), r.get("score")) for r in _rows(found, "results")]


def _exa(at: Engine, query: str, k: int, language: str, fresh_days: int | None) -> Iterable[Hit]:
    body: dict[str, Any] = {"query": query, "numResults": k, "contents": {"text": {"maxCharacters": 600}}}
    if fresh_days is not None:
        body["startPublishedDate"] = (date.today() - timedelta(days=fresh_days)).isoformat()
    found = fetch(f"{at.url}/search", at.door, body=body, headers={"x-api-key": at.key}).json()
    return [_hit(r, "text", moment(r.get("publishedDate")), r.get("score")) for r in _rows(found, "results")]


def _serper(at: Engine, query: str, k: int, language: str, fresh_days: int | None) -> Iterable[Hit]:
    body: dict[str, Any] = {"q": query, "num": k, "hl": "zh-cn" if language == "zh" else language}
    body |= {} if (span := _span(fresh_days, 3)) is None else {"tbs": f"qdr:{span}"}
    found = fetch(f"{at.url}/search", at.door, body=body, headers={"X-API-KEY": at.key}).json()
    return [_hit({**row, "url": row.get("link")}, "snippet", None) for row in _rows(found, "organic")]


@dataclass(frozen=True)
class Format:
    """How one kind is asked."""

    ask: Callable[[Engine, str, int, str, int | None], Iterable[Hit]]
    url: str = ""
    needs_key: bool = True


ENGINES: Mapping[str, Format] = {
    "searxng": Format(_searxng, needs_key=False),
    "brave": Format(_brave, "https://api.search.brave.com"),
    "tavily": Format(_tavily, "https://api.tavily.com"),
    "exa": Format(_exa, "https://api.exa.ai"),
    "serper": Format(_serper, "https://google.serper.dev"),
}


def _hit(row: Mapping[str, Any], text: str, published: Any, score: Any = None) -> Hit:
    url = str(row.get("url") or "")
    return Hit(
        title=str(row.get("title") or ""),
        url=url,
        snippet=str(row.get(text) or ""),
        source=site(url),
        published=published,
        score=float(score) if isinstance(score, int | float) else 0.0,
    )


def _part(found: Any, name: str) -> Any:
    return found.get(name, {}) if isinstance(found, Mapping) else {}


def _rows(found: Any, name: str) -> list[Mapping[str, Any]]:
    rows = _part(found, name)
    if not isinstance(rows, list):
        raise ToolError("the answer is not what this engine gives.", code="failed")
    return [row for row in rows if isinstance(row, Mapping)]


def _span(fresh_days: int | None, column: int) -> Any:
    """The shortest span that an engine knows and that holds so many days."""
    return next((row[column] for row in SPANS if fresh_days is not None and fresh_days <= row[0]), None)
