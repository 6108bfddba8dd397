"""The parser of replies: a stream of token ids -> Text | Codes | ToolCall | Think | End, a pure state machine.

              <think>            </think>                              <tool_call>      </tool_call>
    [start] ----------> [think] -----------> [words] <-------------------------------> [call]
       any word -----------------------------^  ^ |
                                      <tts_end> | | <tts_start>
                                               [speech]      a stop token ends the reply from anywhere

`step(state, id)` is the whole of it; a stream, a file and a replay are many calls. Nothing is lost: what turns out to
be no tool call comes back as text, an unfinished character as U+FFFD. Padding and control tokens say nothing.

Where the vocabulary has a token for a tag, only that token is the tag: the same letters typed by a user and echoed by
the model stay text. Deviations from the reference: a reply may start to speak by itself (`<tts_start>` that is not the
prompt's last token), and a malformed tool call gives back its own text instead of the whole reply, or with `mends` is
mended (`text.mend`), or a call that says its fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

from antiphon.errors import InputError
from antiphon.text.layout import TokenLayout
from antiphon.text.mend import mended
from antiphon.text.tokenizer import Tokenizer, decode_bytes
from antiphon.text.toolcall import CLOSE, OPEN, ToolCall, held_back, parse_call

__all__ = ["Codes", "End", "Event", "ParseState", "Parser", "Text", "Think", "ToolCall", "merge"]

THINK, THOUGHT = "<think>", "</think>"


@dataclass(frozen=True)
class Text:
    """Words of the reply; `spoken` when they are the text of speech."""

    text: str
    spoken: bool = False


@dataclass(frozen=True)
class Codes:
    """Speech codes, 25 a second."""

    codes: tuple[int, ...]


@dataclass(frozen=True)
class Think:
    """Words of the thinking that precedes a reply. They do not enter the history."""

    text: str


@dataclass(frozen=True)
class End:
    """The end of the reply: at a stop token (`token`), or cut off from outside (None)."""

    token: int | None = None


Event: TypeAlias = Text | Codes | Think | ToolCall | End
Mode: TypeAlias = Literal["start", "think", "words", "call"]


@dataclass(frozen=True)
class ParseState:
    """Where a reply stands. A value: keep an old one to go back."""

    speaking: bool = False
    mode: Mode = "start"
    pending: bytes = b""  # of a character that is not complete
    held: str = ""  # letters that may turn out to begin a tag, or to be blank space before `<think>`
    skip: int = 0  # line ends that belong to a tag just read
    body: str = ""  # of the call being read
    ended: bool = False


@dataclass(frozen=True)
class Parser:
    """Reads replies of one model. `tools` are the names on offer; None takes every well-formed call."""

    tokenizer: Tokenizer
    layout: TokenLayout
    tools: frozenset[str] | None = None
    stop_ids: frozenset[int] | None = None
    mends: bool = False  # a call that cannot be read, or of no tool on offer, is a call still

    @cached_property
    def _stop(self) -> frozenset[int]:
        return frozenset(self.layout.stop_ids) if self.stop_ids is None else self.stop_ids

    @cached_property
    def _tag_ids(self) -> dict[int, str]:
        added = self.tokenizer.added
        return {added[tag]: tag for tag in (THINK, THOUGHT, OPEN, CLOSE) if tag in added}

    def start(self, prompt: Iterable[int] = (), thinking: bool = False) -> ParseState:
        """The state after a prompt: speaking if it ended in `<tts_start>`; `thinking` if it opened `<think>`."""
        last = [*prompt][-1:]
        speaking = self.layout.starts_speaking(last)
        return ParseState(speaking=speaking, mode="think" if thinking else "words" if speaking else "start")

    def step(self, state: ParseState, token: int) -> tuple[ParseState, tuple[Event, ...]]:
        """Read one token. An id without a meaning raises InputError, and so does anything after the end."""
        if state.ended:
            raise InputError(f"Token id {token} came after the end of the reply; start a new state for a new reply.")
        if token in self._stop:
            state, events = self._settle(state, has_stopped=True)
            return replace(state, ended=True), (*events, End(token))
        if token == self.layout.tts_start and not state.speaking:
            state, events = self._settle(state)
            return replace(state, speaking=True), events
        was_speaking = state.speaking
        speaking, kind = self.layout.split_step(state.speaking, token)
        if was_speaking and not speaking:
            state, events = self._settle(state)
            return replace(state, speaking=False, mode="words"), events
        if kind is None or token in (self.layout.tts_pad, self.layout.audio_pad):
            return state, ()
        if token >= self.layout.first_audio:  # outside the speech section too: sound is sound
            return state, (Codes((self.layout.code_of(token),)),)
        return self._word(state, token, spoken=kind == "text")

    def flush(self, state: ParseState) -> tuple[ParseState, tuple[Event, ...]]:
        """End a reply that was cut off: what was held back comes out. Nothing happens after a stop token."""
        if state.ended:
            return state, ()
        state, events = self._settle(state)
        return replace(state, ended=True), (*events, End(None))

    def parse(self, ids: Iterable[int], prompt: Iterable[int] = (), thinking: bool = False) -> tuple[Event, ...]:
        """A whole reply at once, neighbouring events merged."""
        state, events = self.start(prompt, thinking), list[Event]()
        for token in ids:
            state, news = self.step(state, token)
            events += news
        return merge([*events, *self.flush(state)[1]])

    # --- words ---------------------------------------------------------------------------------------------------

    def _word(self, state: ParseState, token: int, spoken: bool) -> tuple[ParseState, tuple[Event, ...]]:
        tag = self._tag_ids.get(token)
        if tag is not None and not spoken:
            text, _ = decode_bytes(state.pending, b"", final=True)
            state, before = self._read(replace(state, pending=b""), text, last=True)
            state, after = self._on_tag(state, tag)
            return state, (*before, *after)
        text, pending = decode_bytes(state.pending, self.tokenizer.token_bytes(token))
        state = replace(state, pending=pending)
        if spoken:
            return state, (Text(text, spoken=True),) if text else ()
        return self._read(state, text)

    def _read(self, state: ParseState, text: str, last: bool = False) -> tuple[ParseState, tuple[Event, ...]]:
        """Read decoded words outside speech, looking for tags that the vocabulary has no token for.

        `last`: nothing can follow that would complete a tag.
        """
        events: list[Event] = []
        rest = state.held + text
        state = replace(state, held="")
        while rest:
            tags = [tag for tag in _tags(state) if tag not in self._tag_ids.values()]
            at, tag = min(((rest.find(t), t) for t in tags if t in rest), default=(-1, ""))
            if at < 0:
                held = "" if last else held_back(rest, tags)
                state, news = _say(state, rest[: len(rest) - len(held)])
                return replace(state, held=state.held + held), (*events, *news)
            state, news = _say(state, rest[:at])
            events += news
            state, news = self._on_tag(state, tag)
            events += news
            rest = rest[at + len(tag) :]
        return state, tuple(events)

    def _on_tag(self, state: ParseState, tag: str) -> tuple[ParseState, tuple[Event, ...]]:
        if tag not in _tags(state):
            return _say(state, tag)
        if tag == THINK:
            return replace(state, mode="think", held="", skip=1), ()
        if tag == THOUGHT:
            return replace(state, mode="words", skip=2), ()
        if tag == OPEN:
            blank = state.held if state.mode == "start" else ""
            return replace(state, mode="call", body="", held="", skip=0), (Text(blank),) if blank else ()
        call = self._call(state.body)
        events: tuple[Event, ...] = (Text(OPEN + state.body + CLOSE),) if call is None else (call,)
        return replace(state, mode="words", body=""), events

    def _call(self, body: str) -> ToolCall | None:
        """The call between two tags; None where it is words."""
        return parse_call(body, None if self.mends else self.tools) or (mended(body) if self.mends else None)

    def _settle(self, state: ParseState, has_stopped: bool = False) -> tuple[ParseState, tuple[Event, ...]]:
        """Let out all that was held back, because what follows cannot complete it."""
        text, _ = decode_bytes(state.pending, b"", final=True)
        state = replace(state, pending=b"")
        if state.speaking:
            return state, (Text(text, spoken=True),) if text else ()
        state, events = self._read(state, text, last=True)
        if state.held:
            state, events = replace(state, held=""), (*events, Text(state.held))
        if state.mode == "call":
            call = self._call(state.body) if has_stopped and self.mends else None  # only its end is missing
            state, events = replace(state, mode="words", body=""), (*events, call or Text(OPEN + state.body))
        return replace(state, skip=0), events


def merge(events: Iterable[Event]) -> tuple[Event, ...]:
    """Join neighbouring texts, codes and thoughts."""
    out: list[Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, Text) and isinstance(last, Text) and event.spoken == last.spoken:
            out[-1] = replace(last, text=last.text + event.text)
        elif isinstance(event, Think) and isinstance(last, Think):
            out[-1] = Think(last.text + event.text)
        elif isinstance(event, Codes) and isinstance(last, Codes):
            out[-1] = Codes(last.codes + event.codes)
        else:
            out.append(event)
    return tuple(out)


def _tags(state: ParseState) -> tuple[str, ...]:
    """The tags that mean something where the reply stands; thinking comes first or not at all."""
    return {"start": (THINK, OPEN), "think": (THOUGHT,), "words": (OPEN,), "call": (CLOSE,)}[state.mode]


def _say(state: ParseState, text: str) -> tuple[ParseState, tuple[Event, ...]]:
    while state.skip and text:
        if text[0] == "\n":
            state, text = replace(state, skip=state.skip - 1), text[1:]
        else:
            state = replace(state, skip=0)
    if not text:
        return state, ()
    if state.mode == "call":
        return replace(state, body=state.body + text), ()
    if state.mode == "think":
        return state, (Think(text),)
    if state.mode == "start":
        text = state.held + text
        if not text.strip():  # blank space before `<think>` goes with it
            return replace(state, held=text), ()
        state = replace(state, mode="words", held="")
    return state, (Text(text),)
