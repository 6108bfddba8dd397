"""What the user said, in words: asked of the model while it has nothing else to do, one turn after another."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from antiphon.errors import InputError
from antiphon.runtime.history import Heard, History, replaced
from antiphon.runtime.live_events import Transcribed
from antiphon.runtime.mind import Finished, Job, Mind, Told
from antiphon.runtime.tasks import LANGUAGE_TAG
from antiphon.text.chat import AudioItem


class Transcriber:
    """The transcripts of one conversation: those that have come wait here until they are folded into the history."""

    def __init__(self, mind: Mind, tell: Callable[[Transcribed], None]) -> None:
        self._mind, self._tell = mind, tell
        self._known: dict[str, str] = {}
        self._waiting: list[Heard] = []
        self._asked: set[str] = set()
        self._is_told = False
        self._job: Job | None = None

    def start(self, history: History, is_told: bool) -> None:
        """Find out what was said in the turns whose words are not known; `is_told`: the client wants to know."""
        self._is_told = is_told
        for entry in history:
            has_sound = isinstance(entry, Heard) and any(isinstance(part, AudioItem) for part in entry.parts)
            if has_sound and isinstance(entry, Heard) and entry.transcript is None and entry.id not in self._asked:
                self._asked.add(entry.id)
                self._waiting.append(entry)
        self._next()

    def fold(self, history: History) -> History:
        """The history with the transcripts that have come."""
        for entry in history:
            if isinstance(entry, Heard) and entry.id in self._known:
                history = replaced(history, replace(entry, transcript=self._known[entry.id]))
        self._known = {}
        return history

    def stop(self) -> None:
        """Nothing more is told."""
        self._waiting = []
        if self._job is not None:
            self._job.cancel()

    def _next(self) -> None:
        if self._job is None and self._waiting:
            entry = self._waiting.pop(0)
            try:
                request = self._mind.dialect.transcription(entry)
            except InputError as error:  # it has not learnt to
                self._tell(Transcribed(entry.id, "", str(error)))
                return
            self._job = self._mind.begin(request, partial(self._done, entry.id))

    def _done(self, item: str, news: Told) -> None:
        if not isinstance(news, Finished):
            return
        self._job = None
        text = "" if news.utterance is None else LANGUAGE_TAG.sub("", news.utterance.text).strip()
        if not news.error:
            self._known[item] = text
        if self._is_told:
            self._tell(Transcribed(item, text, news.error))
        self._next()
