"""Every id that the model generates, written down where whoever runs the server asks for it (`--trace`).

The file holds what people said and heard, as ids: for tests and for finding faults, not for a server that others use.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from antiphon.runtime.dialect import Dialect
from antiphon.runtime.events import ToolResult
from antiphon.runtime.mind import Job, Mind, Progress, Request, Told
from antiphon.text.chat import AudioItem
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Tool


@dataclass(frozen=True)
class TracedMind:
    """A mind whose rounds are written to a file, one JSON object a line."""

    mind: Mind
    path: Path

    @property
    def dialect(self) -> Dialect:
        """See `Mind`; so all of these."""
        return self.mind.dialect

    @property
    def limit(self) -> int:
        return self.mind.limit

    def hear(self, piece: Float[Tensor, " n"]) -> AudioItem:
        return self.mind.hear(piece)

    def keep(self, keys: frozenset[str]) -> None:
        self.mind.keep(keys)

    def close(self) -> None:
        self.mind.close()

    def run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int = 0) -> Job:
        return self.mind.run(tool, call, tell, seed)

    def begin(self, request: Request, tell: Callable[[Told], None]) -> Job:
        """The round, its ids kept on the way."""
        ids: list[int] = []

        def told(news: Told) -> None:
            if isinstance(news, Progress):
                ids.extend(news.ids)
            else:
                line = {"form": request.form, "ids": ids, "error": news.error}
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            tell(news)

        return self.mind.begin(request, told)
