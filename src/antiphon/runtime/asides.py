"""Replies outside the conversation: any number at once, told as they are made, remembered nowhere."""

from collections.abc import Callable
from dataclasses import dataclass

from antiphon.runtime.answer import Answer
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.mind import Finished, Job, Mind, Request, Told


@dataclass
class _Under:
    answer: Answer
    job: Job | None = None


class Asides:
    """Those of one conversation."""

    def __init__(self, mind: Mind, tell: Callable[[LiveEvent], None]) -> None:
        self._mind, self._tell = mind, tell
        self._under_way: dict[str, _Under] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, answer: Answer, request: Request, audio_tokens: int) -> None:
        """Answer a request; calls in it are for the client."""
        under = self._under_way[answer.id] = _Under(answer)
        self._tell(answer.start())
        answer.begin_round(audio_tokens)
        under.job = self._mind.begin(request, lambda news: self._news(answer, news))

    def cancel(self, reply: str) -> bool:
        """Stop one; whether it was under way."""
        under = self._under_way.pop(reply, None)
        if under is None:
            return False
        if under.job is not None:
            under.job.cancel()
        self._finish(under.answer, Finished())
        self._tell(under.answer.done("cancelled", "client_cancelled"))
        return True

    def stop(self) -> None:
        """All of them end, and nothing is told of it."""
        for under in self._under_way.values():
            if under.job is not None:
                under.job.cancel()
        self._under_way = {}

    def _news(self, answer: Answer, news: Told) -> None:
        if answer.id not in self._under_way:
            return
        if not isinstance(news, Finished):
            for event in answer.take(news):
                self._tell(event)
            return
        del self._under_way[answer.id]
        self._finish(answer, news)
        if news.error:
            self._tell(answer.done("failed", error=news.error))
        elif answer.stopped:
            self._tell(answer.done("completed"))
        else:
            self._tell(answer.done("incomplete", "max_output_tokens"))

    def _finish(self, answer: Answer, finished: Finished) -> None:
        for event in answer.end_round(finished):
            self._tell(event)
