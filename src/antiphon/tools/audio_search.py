"""The tool `timbre_rag`: a voice of the library by its description. What it finds is handed over as data.

    {"voice": id, "name": ..., "score": ..., "others": [ids]}       nothing is switched here

A search that was not needed must not change the voice: only a match that is good, and better than the next, is chosen.
Clips and transcripts of the library never reach the model; they are for the vocoder.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from antiphon.errors import InputError, ToolError
from antiphon.tools.clean import clean
from antiphon.tools.result import ToolResult
from antiphon.tools.tool import Tool, tool

GOOD = 0.5  # of what was asked for, a voice must have so much
MARGIN = 0.0  # by which it must be better than the next; equals are as good as one another
FOUND = 3
MAY = ("self", "third_party", "licensed", "synthetic")


class Match(Protocol):
    """As `voices.library.Found`."""

    voice_id: str
    name: str
    score: float
    description: str
    consent: str


Search = Callable[[str], Sequence[Any]]


def timbre_rag(search: Search) -> Tool:
    """The tool, over a search by words (`Library.search`)."""

    @tool("session", timeout_s=3.0, aliases=("audio_search", "search_voices"))
    def timbre_rag(query: str) -> ToolResult:
        """Find a voice by its description.

        Args:
            query: what the voice is like
        """
        try:
            found: Sequence[Match] = search(clean(query, 400))
        except InputError as error:
            raise ToolError(str(error), code="arguments") from None
        may = [match for match in found if match.consent in MAY]
        if not may or may[0].score < GOOD or (len(may) > 1 and may[0].score - may[1].score < MARGIN):
            raise ToolError(f"no voice of the library is like {clean(query, 80)!r}; the voice stays.", code="not_found")
        best, others = may[0], [match.voice_id for match in may[1:FOUND]]
        named = clean(best.description or best.name, 120)
        data = {"voice": best.voice_id, "name": best.name, "score": round(best.score, 3), "others": others}
        return ToolResult("timbre_rag", f"voice: {named}", data=data)

    return timbre_rag
