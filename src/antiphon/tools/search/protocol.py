"""What searches: one method; what it finds: hits, of which the model is told a little and the user shown where from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from antiphon.tools.clean import clean, shortened

HITS, WORDS, LONGEST = 3, 60, 1200  # of one answer; words of one hit; characters of all
LONGEST_QUERY = 400  # characters


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Something that was found; words of others throughout."""

    title: str
    url: str
    snippet: str
    source: str = ""  # who says so, in a word or two
    published: datetime | None = None
    score: float = 0.0
    trust: Literal["local", "web"] = "web"


@runtime_checkable
class SearchProvider(Protocol):
    """One place to look. Raises ToolError, whose code says why it did not work."""

    @property
    def name(self) -> str: ...

    @property
    def needs_network(self) -> bool: ...

    def search(self, query: str, k: int, language: str, fresh_days: int | None) -> Sequence[Hit]:
        """At most `k` hits, the best first; `fresh_days`: not older than that, as far as it is known."""
        ...


def site(url: str) -> str:
    """The name of a page's site, without what nobody says."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def moment(text: object) -> datetime | None:
    """A date as search engines write them; None for one that cannot be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def told(hits: Sequence[Hit]) -> str:
    """Hits as the model is told of them: a line each, no addresses, who says so and when where that is known."""
    lines = []
    for hit in hits[:HITS]:
        words = clean(hit.snippet).split()
        snippet = " ".join(words[:WORDS]) + (" …" if len(words) > WORDS else "")
        when = f"{hit.published:%Y-%m-%d}" if hit.published else ""
        source = ", ".join(part for part in (clean(hit.source, 60), when) if part)
        title = clean(hit.title, 100).replace("\n", " ")
        lines.append(f"{title}: {shortened(snippet, LONGEST // HITS)}" + (f" ({source})" if source else ""))
    return shortened("\n".join(lines), LONGEST)
