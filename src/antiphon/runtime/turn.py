"""One utterance: a prompt is continued to a stop id, read by the parser as it comes, and spoken chunk by chunk.

A thinking model is run twice: it thinks up to `</think>`, then it is prompted with its thought to answer.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from antiphon.runtime.events import AudioOut, Event, Timings, Utterance
from antiphon.runtime.generate import Stream, check_merged, generate
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.sample import Sampling
from antiphon.runtime.speech import Utterer
from antiphon.runtime.wardrobe import Speaker
from antiphon.text.chat import AudioItem, Mark, Message, Piece, Prompt, Tokens, encode, render_chat
from antiphon.text.layout import TokenLayout
from antiphon.text.parse import Codes, ParseState, Text, Think
from antiphon.text.prompts import Reply
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Tool


@dataclass
class Watch:
    """Clocks of one reply, and the length of its last prompt."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)
    first_token_s: float | None = None
    first_audio_s: float | None = None
    audio_s: float = 0.0
    prompt_tokens: int = 0

    def tick(self) -> None:
        """A token came."""
        if self.first_token_s is None:
            self.first_token_s = time.perf_counter() - self.wall

    def sound(self, out: AudioOut) -> AudioOut:
        """Sound came."""
        self.audio_s += out.duration_s
        if self.first_audio_s is None:
            self.first_audio_s = time.perf_counter() - self.wall
        return out

    def read(self) -> Timings:
        """Everything so far."""
        return Timings(
            first_token_s=self.first_token_s or 0.0,
            first_audio_s=self.first_audio_s,
            wall_s=time.perf_counter() - self.wall,
            cpu_s=time.process_time() - self.cpu,
            audio_s=self.audio_s,
        )


@dataclass
class _Heard:
    """What an utterance has said so far."""

    text: str = ""
    thought: str = ""
    codes: list[int] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)

    def add(self, event: object) -> None:
        if isinstance(event, Text):
            self.text += event.text
        elif isinstance(event, Think):
            self.thought += event.text
        elif isinstance(event, Codes):
            self.codes += event.codes
        elif isinstance(event, ToolCall):
            self.calls.append(event)


@dataclass(frozen=True)
class Turn:
    """How the utterances of one reply are made. `open_utterer` begins to speak; None: codes stay silent (text only)."""

    model: Loaded
    stream: Stream
    sampling: Sampling
    tools: Sequence[Tool]
    open_utterer: Callable[[], Utterer | Speaker] | None
    watch: Watch
    mends: bool = False  # calls that are nearly right; where nobody runs them they stay words

    def run(self, messages: Sequence[Message], form: Reply, max_tokens: int) -> Generator[Event, None, Utterance]:
        """The events of one utterance; the utterance itself is what the generator returns."""
        variant, thought = self.model.variant, ""
        pieces = variant.render(messages, form)
        if variant.thinks:
            thought, ended = yield from self._think(self._prompt(pieces, messages), max_tokens)
            if ended:
                return Utterance((), thought=thought, stopped=False)
            pieces = render_chat([*messages, variant.answer(thought, form)])
        return (yield from self._speak(self._prompt(pieces, messages), max_tokens, thought))

    def _prompt(self, pieces: Sequence[Piece], messages: Sequence[Message]) -> Prompt:
        prompt = encode(pieces, self.model.parts.tokenizer, self.model.parts.layout)
        contents = [m.content for m in messages if isinstance(m.content, tuple)]
        check_merged(prompt, [item for content in contents for item in content if isinstance(item, AudioItem)])
        self.watch.prompt_tokens = len(prompt)
        return prompt

    def _ids(self, prompt: Prompt, max_tokens: int) -> Iterator[int]:
        ids = generate(
            self.stream,
            prompt,
            sampling=self.sampling,
            max_tokens=max_tokens,
            stop_ids=self.model.stop_ids,
            forbidden=self.model.forbidden,
        )
        for token in ids:
            self.watch.tick()
            yield token

    def _think(self, prompt: Prompt, max_tokens: int) -> Generator[Event, None, tuple[str, bool]]:
        """The thought, and whether the reply ended (or was cut off) before there was an answer."""
        parser, thought = self.model.parser(self.tools, self.mends), ""
        state: ParseState = parser.start(thinking=True)
        for token in self._ids(prompt, max_tokens):
            state, events = parser.step(state, token)
            for event in events:
                if isinstance(event, Think):
                    thought += event.text
                    yield event
            if state.ended or state.mode != "think":
                return thought, state.ended
        return thought, True

    def _speak(self, prompt: Prompt, max_tokens: int, thought: str) -> Generator[Event, None, Utterance]:
        parser, heard, ids = self.model.parser(self.tools, self.mends), _Heard(thought=thought), list[int]()
        state, utterer, mark = parser.start(prompt.ids[-1:]), None, self.model.marking.begin()
        for token in self._ids(prompt, max_tokens):
            state, events = parser.step(state, token)
            ids += [] if state.ended else [token]
            for event in events:
                heard.add(event)
                if isinstance(event, Codes) and self.open_utterer is not None:
                    utterer = utterer or self.open_utterer()
                    yield from self._sound(map(mark, utterer.push(event.codes)))
                elif isinstance(event, Text | Think | ToolCall):
                    yield event
        stopped = state.ended
        for event in parser.flush(state)[1]:
            heard.add(event)
            if isinstance(event, Text | Think):
                yield event
        if utterer is not None:
            yield from self._sound(map(mark, utterer.finish()))
        return Utterance(
            tuple(ids), heard.text, tuple(heard.codes), heard.thought, tuple(heard.calls), stopped=stopped
        )

    def _sound(self, waves: Iterator[Tensor]) -> Iterator[AudioOut]:
        for wave in waves:
            yield self.watch.sound(AudioOut(wave))


def remembered(utterance: Utterance, form: Reply, layout: TokenLayout) -> Message:
    """The assistant's turn as the history holds it: its ids, speech that was cut off closed, no thinking."""
    ids = utterance.ids
    if form == "text":
        return Message("assistant", (Tokens(ids),))
    if layout.tts_end not in ids:
        ids = (*ids, layout.tts_end)
    return Message("assistant", (Mark("<tts_start>"), Tokens(ids)))
