"""What the model does for one conversation: generations and tools, told to the controller in its own words.

    Progress ──> Part, or ToolCalled for a tool of ours          Finished ──> Done          ToolResult ──> ToolAnswered

Replies go by the controller's numbers; what is stopped is not heard of again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import exp

from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.runtime.dialect import by_client
from antiphon.runtime.events import AudioOut, Text, ToolResult
from antiphon.runtime.history import History
from antiphon.runtime.live_tools import LiveTools
from antiphon.runtime.manner import Asked
from antiphon.runtime.mind import Finished, Job, Mind, Progress, Request, Told
from antiphon.runtime.orders import Done, Opinion, Part, ToolAnswered, ToolCalled
from antiphon.text.chat import AudioItem
from antiphon.text.toolcall import ToolCall

PER_MS = exact_div(SPOKEN_HZ, 1000)  # samples
WITNESSES = 3  # words of a reply by which the model says how sure it is of it


@dataclass
class Round:
    """A generation under way, or done."""

    asked: Asked
    audio_tokens: int
    job: Job | None = None
    finished: Finished | None = None
    num_calls: int = 0
    doubts: list[float] = field(default_factory=list)  # log probabilities of its first words


class Rounds:
    """The latest round of every reply under way, and the tools that run."""

    def __init__(
        self,
        mind: Mind,
        tell: Callable[[Done | Part | Opinion | ToolAnswered | ToolCalled], None],
        tools: LiveTools,
    ) -> None:
        self._mind, self._tell, self._tools = mind, tell, tools
        self._rounds: dict[int, Round] = {}

    def __getitem__(self, reply: int) -> Round:
        return self._rounds[reply]

    def request(self, history: History, asked: Asked) -> Request:
        """What the model is asked for one round."""
        how, dialect = asked.how, self._mind.dialect
        tools = (*how.tools, *map(by_client, how.functions))
        messages = (*dialect.opening(how.system, tools), *dialect.messages(history))
        sampling = dialect.sampling(seed=how.seed) if how.sampling is None else how.sampling
        return Request(messages, how.form, tools, sampling, how.max_tokens, how.voice, how.speed)

    def begin(self, reply: int, history: History, asked: Asked) -> Round:
        """Generate a round."""
        self._tools.hush(reply)
        request = self.request(history, asked)
        made = self._rounds[reply] = Round(asked, audio_tokens(request))
        made.job = self._mind.begin(request, partial(self._told, reply, made))
        return made

    def stop(self, reply: int) -> None:
        """End a reply's generation, if there is one, and the tools that nobody has heard of yet."""
        self._tools.drop(reply)
        made = self._rounds.pop(reply, None)
        if made is not None and made.job is not None:
            made.job.cancel()

    def run_tool(self, called: ToolCalled) -> None:
        """A call of ours is due."""
        self._tools.keep(called.call)

    def stop_tool(self, call: str) -> ToolResult | None:
        """Nobody waits for it any more; what is told instead of its answer, if it was waited for."""
        return self._tools.interrupt(call)

    def stop_all(self) -> None:
        """The conversation is over."""
        for reply in list(self._rounds):
            self.stop(reply)
        self._tools.stop()

    def _told(self, reply: int, made: Round, news: Told) -> None:
        if self._rounds.get(reply) is not made:
            return
        if isinstance(news, Finished):
            made.finished = news
            self._tell(Done(reply, has_failed=bool(news.error)))
            return
        event, tokens = news.event, len(news.ids)
        if isinstance(event, Text) and news.logprob is not None and len(made.doubts) < WITNESSES:
            made.doubts.append(news.logprob)
            if len(made.doubts) == WITNESSES:
                self._tell(Opinion(reply, min(1.0, exp(sum(made.doubts) / WITNESSES))))
        if isinstance(event, ToolCall):
            made.num_calls += 1
            event = replace(event, id=f"{reply}.{made.num_calls}")
            news = Progress(news.ids, event)
            if made.asked.runs_here(event):
                self._tools.foresee(reply, event, made.asked)
                self._tell(ToolCalled(reply, event.id, news, tokens))
                return
        ms = len(event.samples) // PER_MS if isinstance(event, AudioOut) else 0
        self._tell(Part(reply, news, ms, tokens))


def audio_tokens(request: Request) -> int:
    """Positions of heard sound in a prompt."""
    contents = (message.content for message in request.messages if isinstance(message.content, tuple))
    return sum(sum(item.num_rows) for content in contents for item in content if isinstance(item, AudioItem))
