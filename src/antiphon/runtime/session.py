"""A conversation: what was said is kept as messages, the cache of the model only hastens the next reply.

    session = model.session()
    for event in session.reply(question): ...     a question is audio, text, or several of both

         ┌─────────────────────────── a tool's result goes back ─┐
    prompt ─ prefill ─> ids ─ parser ─> Text · Codes · ToolCall ─┴─> End
                                               └─ voice ─> AudioOut

A turn enters the history when it has ended; one that fails or that nobody listens to the end of leaves no trace. Of a
turn of the assistant the history holds the ids that were generated, without the thinking.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut, End, Event, Finish, ToolResult, Utterance
from antiphon.runtime.generate import Context, Hearing, Stream
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.sample import Sampling
from antiphon.runtime.speech import Utterer
from antiphon.runtime.turn import Turn, Watch, remembered
from antiphon.runtime.wardrobe import Fitting, Speaker, Wardrobe, worn
from antiphon.text.chat import Message
from antiphon.text.prompts import FILLERS, Reply, TaskPrompt, task_prompt
from antiphon.tools.errands import Fill
from antiphon.tools.running import Attendant
from antiphon.tools.tool import TOOLS, Tool, schema
from antiphon.voices.permission import speak_as

Said: TypeAlias = Audio | str
MAX_ROUNDS = 4  # generations in one reply; more would be a model that calls tools for ever
MAX_TOKENS = 2048


class Session:
    """One conversation with one model, in one voice. Made by `Model.session`; not for two threads at a time."""

    def __init__(
        self,
        model: Loaded,
        *,
        system: str | None = None,
        tools: Sequence[Tool] | None = None,
        voice: Audio | str | Path | None = None,
        seed: int = 0,
        sampling: Sampling | None = None,
        consent: str = "",
    ) -> None:
        """`system` and `tools` are the variant's own by default, `voice` is a recording of the voice to speak with.

        Of a file that is not on record, `consent` says why it may be imitated (`voices.permission`); an `Audio` is
        taken as it is, and the program that hands it in answers for it.

        `seed` is all the chance there is: the same seed, the same answers to the byte. `sampling` replaces the
        variant's way of choosing tokens, seed included.
        """
        variant = model.variant
        task = task_prompt(variant.talk) if system is not None else variant.learnt(variant.talk)
        if variant.temperature is not None:
            task = replace(task, temperature=variant.temperature)
        self.model = model
        self.sampling = sampling_of(task, seed) if sampling is None else sampling
        self.tools = tuple(TOOLS[name] for name in variant.tools) if tools is None else tuple(tools)
        if system is None:
            system = task.base_text if variant.style == "base" else task.system
        self.messages: list[Message] = [Message("system", system)] if system else []
        if self.tools and variant.style == "chat":
            self.messages.append(Message("tool_json_schemas", schema(self.tools)))
        clip = speak_as(voice, consent) if isinstance(voice, str | Path) else voice
        self.wardrobe = Wardrobe(model, clip, self.sampling.seed)
        self._hearing, self._context = Hearing(model.limit), Context()
        self._said: list[Said] = []  # by the user, last
        self._replies, self._tools = 0, Attendant(self._understood)

    def reply(
        self, said: Said | Sequence[Said], *, speech: bool | None = None, max_tokens: int = MAX_TOKENS
    ) -> Iterator[Event]:
        """Answer audio, text, or several of both in one turn; aloud if the model can and `speech` is not False.

        Arguments are checked now, the work is done while the events are taken. Raises InputError for what cannot be
        answered, CapacityError for a conversation that the context does not hold.
        """
        speech = self.model.speaks if speech is None else speech
        if speech and not self.model.speaks:
            raise InputError(f"{self.model.name} answers in text only; ask for text.")
        if speech and self.voice is None:
            self.model.default_voice()  # there is one
        if max_tokens < 1:
            raise InputError(f"max_tokens is {max_tokens}; ask for at least one token.")
        items = [said] if isinstance(said, str | Audio) else list(said)
        if not items or any(isinstance(item, str) and not item.strip() for item in items):
            raise InputError("nothing was said; give audio or a text with at least a word.")
        self._said = items
        if len(items) == 1 and isinstance(items[0], str):
            user = Message("human", items[0])
        else:
            user = Message("human", tuple(i if isinstance(i, str) else self._hearing.add(i) for i in items))
        return self._reply(user, "speech" if speech else "text", max_tokens)

    @property
    def rate_out(self) -> int:
        """Samples a second of the spoken reply."""
        return SPOKEN_HZ

    @property
    def voice(self) -> Audio | None:
        """The recording of the voice that speaks; None: the model's own. Setting it is `switch`."""
        return self.wardrobe.clip

    @voice.setter
    def voice(self, voice: Audio | str | Path | None) -> None:
        self.switch(voice)

    def switch(self, voice: Audio | str | Path | None, consent: str = "") -> Fitting:
        """Speak in another voice (None: the first one) from the next utterance on, or from the next pause of this one.

        Raises InputError for a voice that is not found or may not be imitated; one of which none can be made changes
        nothing, and the `Fitting` says so.
        """
        if voice is None:
            return self.wardrobe.take_off()
        return self.wardrobe.wear(voice if isinstance(voice, Audio) else speak_as(voice, consent))

    def reset_voice(self) -> Fitting:
        """Speak in the first voice again."""
        return self.switch(None)

    def utterer(self) -> Utterer:
        """A new utterance in this session's voice."""
        assert self.model.voice is not None
        return Utterer(self.model.voice, self.wardrobe.opened())

    def _speaker(self) -> Speaker:
        return Speaker(self.wardrobe)

    def _reply(self, user: Message, form: Reply, max_tokens: int) -> Iterator[Event]:
        stream, watch = Stream(self.model.parts.lm, self._hearing, self._context), Watch()
        speaker = self._speaker if form == "speech" else None
        turn = Turn(self.model, stream, self.sampling, self.tools, speaker, watch, mends=True)
        news, said = [*map(self._told, self._tools.reports()), user], list[Utterance]()
        self._replies += 1
        finish: Finish = "tools"
        for _ in range(MAX_ROUNDS):
            utterance = yield from turn.run([*self.messages, *news], form, max_tokens)
            said.append(utterance)
            news.append(remembered(utterance, form, self.model.parts.layout))
            if not utterance.calls or not utterance.stopped:
                finish = "stop" if utterance.stopped else "length"
                break
            for answer in self._tools.answer(self._replies, utterance.calls, self.tools):
                if isinstance(answer, ToolResult):
                    answer = worn(self.wardrobe, answer)
                    news.append(self._told(answer))
                    yield answer
                elif form == "speech" and not utterance.codes:
                    yield from self._fill(answer)
        self.messages += news
        yield End(
            finish=finish,
            text=" ".join(u.text.strip() for u in said if u.text.strip()),
            utterances=tuple(said),
            timings=watch.read(),
            prompt_tokens=watch.prompt_tokens,
            reply_tokens=sum(len(u.ids) for u in said),
        )

    def _told(self, result: ToolResult) -> Message:
        """A tool's result, as the model is told it."""
        return Message("input", result.text + self.model.variant.after_tool)

    def _fill(self, order: Fill) -> Iterator[Event]:
        """Something short in this session's voice; nothing where the model cannot read aloud."""
        if self._can("speak"):
            for event in self._aside("speak", FILLERS[order.language]):
                if isinstance(event, AudioOut):
                    yield event

    def _understood(self) -> str | None:
        """The user's last words; None where the model cannot write down what it hears."""
        words = list[str]()
        for said in self._said:
            if isinstance(said, str):
                words.append(said)
            elif not self._can("transcribe"):
                return None
            else:
                words += [event.text for event in self._aside("transcribe", said) if isinstance(event, End)]
        return " ".join(words)

    def _can(self, task: str) -> bool:
        return self.model.variant.tasks is None or task in self.model.variant.tasks

    def _aside(self, name: str, said: Said) -> Iterator[Event]:
        """A task of its own, which this conversation does not remember."""
        task = self.model.variant.learnt(name)
        system = task.base_text if self.model.variant.style == "base" else task.system
        sampling = sampling_of(task, self.sampling.seed)
        other = Session(self.model, system=system, tools=(), voice=self.voice, sampling=sampling)
        return other.reply(said, speech=task.reply == "speech", max_tokens=task.max_tokens)


def sampling_of(task: TaskPrompt, seed: int) -> Sampling:
    """How a task is sampled."""
    return Sampling(
        temperature=task.temperature, top_p=task.top_p, repetition_penalty=task.repetition_penalty, seed=seed
    )
