"""One live conversation: the user's sound goes in, typed events come out, the model works meanwhile.

    hear ── VAD ───────┐                         ┌── Mind: hears, generates, runs tools (elsewhere, never here)
    add, respond, ... ─┼── Controller ── orders ─┼── history: what the model is told next
    clock ─────────────┘                         └── Outbox: what the client is told, paced ──> events

A `Live` has no thread and no clock of its own: every method is called in one thread (an event loop) and returns at
once; what time it is and when to be called again it asks its `Clock`, so that a test turns the clock itself.

What a speculation makes is held by the controller, and its names are drawn only when it is kept: a reply that was begun
early is the reply that would have been begun late, and one that was thrown away was never there.
"""

from collections.abc import Callable
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError, ConfigError, InputError
from antiphon.runtime import orders
from antiphon.runtime.answer import Answer
from antiphon.runtime.asides import Asides
from antiphon.runtime.clock import Clock
from antiphon.runtime.conductor import Conductor
from antiphon.runtime.controller import Controller
from antiphon.runtime.dialogue import Phase, Speculations
from antiphon.runtime.heard import duration_ms, num_codes
from antiphon.runtime.history import Entry, Heard, History, Spoken, deleted, inserted, place_of
from antiphon.runtime.listening import Cutting, pieces_of
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.manner import Asked, How, Ids, Settings
from antiphon.runtime.mind import Mind
from antiphon.runtime.prosody import ending
from antiphon.runtime.rounds import audio_tokens
from antiphon.runtime.turns import Frame, Utterance
from antiphon.runtime.vad import FRAME_MS, Vad, VadState
from antiphon.text.chat import AudioItem

SHORTEST_TURN_MS = 100  # of a turn that a client commits itself
MAX_ASIDES = 4
SPOKEN_AT = 0.35  # the probability of speech below which a voice has fallen silent
TUNE_MS = 1500  # of a voice, by which its end is judged


class Live:
    """One conversation; see the top of this file."""

    def __init__(
        self,
        mind: Mind,
        clock: Clock,
        ids: Ids,
        tell: Callable[[LiveEvent], None],
        settings: Settings,
        vad: Vad | None = None,
        cutting: Cutting = Cutting(),  # noqa: B008 (a value)
    ) -> None:
        """`tell` is called with every event, in order, in the thread of the conversation.

        `vad` is needed where `settings.detector` is given, or may be later. `cutting` holds for the conversation.
        """
        _check(settings, vad)
        self._mind, self._ids, self._vad = mind, ids, vad
        self._ears: VadState | None = None  # of a stream that is judged
        self._judged_ms = 0  # of the sound
        self._was_voiced = False
        self._conductor = Conductor(mind, clock, ids, tell, settings, cutting)
        self._asides = Asides(mind, tell)
        self._conductor.tell(orders.ClientJoined())

    # --- what it is doing --------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What holds now."""
        return self._conductor.settings

    @property
    def phase(self) -> Phase:
        """Who has the floor."""
        return self._conductor.state.phase

    @property
    def active(self) -> str | None:
        """The reply of the conversation that has been told to have started, and not to be done."""
        active = self._conductor.outbox.active
        return None if active is None else active.reply

    @property
    def is_asked(self) -> bool:
        """Whether the client has asked for a reply that has not begun."""
        return self._conductor.asked is not None

    @property
    def counts(self) -> Speculations:
        """How speculation fares."""
        return self._conductor.state.counts

    @property
    def history(self) -> History:
        """What has been said, as the model is told it."""
        return self._conductor.history

    @property
    def heard_ms(self) -> int:
        """How much sound of the user has come."""
        return self._conductor.listening.end_ms

    # --- the user's sound --------------------------------------------------------------------------------------------

    def hear(self, samples: Float[Tensor, " n"]) -> None:
        """Sound at 16 kHz, any number of samples; at most a second at a time, for its VAD is run here.

        Raises InputError for samples that are no numbers; nothing of them was heard.
        """
        conductor = self._conductor
        if conductor.is_over:
            return
        if not bool(samples.isfinite().all()):
            raise InputError("the sound holds samples that are not finite numbers; send samples between -1 and 1.")
        is_manual, before_ms = conductor.controller.detector is None, conductor.listening.end_ms
        conductor.listening.hear(samples, conductor.floor_ms if is_manual else conductor.open_ms)
        if self._vad is None or is_manual:
            self._ears = None
            return
        if self._ears is None:
            self._ears, self._judged_ms = self._vad.init_state(), before_ms
        speech, self._ears = self._vad.step(samples.numpy(), self._ears)
        for probability in speech.tolist():
            self._judge(probability)

    def _judge(self, speech: float) -> None:
        """One more frame of the user's sound; where a voice falls silent, how it sounded."""
        conductor, tune = self._conductor, None
        is_voiced = speech >= SPOKEN_AT
        detector = conductor.controller.detector
        if self._was_voiced and not is_voiced and detector is not None and detector.hears_tunes:
            tune = ending(conductor.listening.before(self._judged_ms, TUNE_MS).numpy())
        self._was_voiced = is_voiced
        frame = Frame(self._judged_ms, self._judged_ms + FRAME_MS, speech, tune)
        self._judged_ms = frame.end_ms
        conductor.tell(frame)

    def commit(self) -> str:
        """The sound since the last turn is a turn; the name that it has.

        Raises InputError where there is (almost) none, CapacityError for more than the context holds.
        """
        conductor = self._conductor
        start = conductor.floor_ms if conductor.open_ms is None else conductor.open_ms
        end = conductor.listening.end_ms
        if end - start < SHORTEST_TURN_MS:
            raise InputError(f"the turn has {end - start} ms of sound; send at least {SHORTEST_TURN_MS} ms of it.")
        return conductor.commit(Utterance(start, end, end - start))

    def clear(self) -> None:
        """Forget the sound that is in no turn yet."""
        conductor = self._conductor
        conductor.floor_ms = conductor.listening.end_ms
        conductor.turn_item = conductor.open_ms = None
        conductor.listening.forget(conductor.floor_ms)
        conductor.tell(orders.ClientCleared(conductor.floor_ms))

    # --- the conversation --------------------------------------------------------------------------------------------

    def configure(self, settings: Settings) -> None:
        """Other settings, from now on; a reply under way goes on as it began. Another detector starts afresh."""
        _check(settings, self._vad)
        conductor, before = self._conductor, self._conductor.settings
        conductor.settings = settings
        if settings.how.voice is not before.how.voice:
            conductor.worn = None
        conductor.controller = Controller(settings.detector, settings.manners)
        if settings.detector != before.detector:
            self.clear()
        if settings != before:
            conductor.tell(orders.ClientChanged())

    def add(self, entry: Entry, after: str | None = None) -> str | None:
        """Insert an entry after another one (None: at the end; "root": first); the name of the one before it.

        Raises InputError for a name that is taken or not there, and for sound that is too short to hear.
        """
        conductor = self._conductor
        conductor.fold()
        conductor.history = inserted(conductor.history, self._encoded(entry), after)
        conductor.tell(orders.ClientChanged())
        at = place_of(conductor.history, entry.id)
        return conductor.history[at - 1].id if at else None

    def delete(self, item: str) -> None:
        """Take an item out of the history. InputError where it is not there."""
        self._conductor.history = deleted(self._conductor.history, item)
        self._conductor.tell(orders.ClientChanged())

    def truncate(self, item: str, heard_ms: int) -> None:
        """A spoken item was heard for so long, and the history keeps that; a reply that still speaks it is stopped.

        Raises InputError for another kind of item, or one that is not as long as that.
        """
        conductor = self._conductor
        entry = conductor.history[place_of(conductor.history, item)]
        if not isinstance(entry, Spoken) or not entry.is_speech:
            raise InputError(f"the item {item!r} is no speech of the assistant; only that can be cut.")
        duration = duration_ms(num_codes(entry.ids, self._mind.dialect.layout), entry.speed)
        if not 0 <= heard_ms <= duration:
            raise InputError(f"the item lasts {duration} ms; it cannot be cut at {heard_ms} ms.")
        if conductor.is_sounding(item):
            self.cancel()
        entry = conductor.history[place_of(conductor.history, item)]
        assert isinstance(entry, Spoken)
        conductor.heard(entry, heard_ms)
        conductor.tell(orders.ClientChanged())

    def _encoded(self, entry: Entry) -> Entry:
        """The entry with its sounds handed to the model."""
        if not isinstance(entry, Heard):
            return entry
        parts: list[str | Audio | AudioItem] = []
        for part in entry.parts:
            pieces = pieces_of(part.heard, self._conductor.listening.cutting) if isinstance(part, Audio) else []
            if isinstance(part, Audio) and not pieces:
                raise InputError(f"the sound of the item lasts {part.duration_s:.3f} s, too short to hear; give more.")
            parts += [self._mind.hear(piece) for piece in pieces] if isinstance(part, Audio) else [part]
        return replace(entry, parts=tuple(parts))

    # --- replies -----------------------------------------------------------------------------------------------------

    def respond(self, how: How | None = None, tag: object = None) -> None:
        """Answer the history, once nobody speaks; `how` replaces the settings' for this reply.

        Raises InputError while a reply is under way (`active`) or asked for (`is_asked`).
        """
        conductor = self._conductor
        if self.active is not None or self.is_asked:
            raise InputError("a reply is under way already; wait for its end, or cancel it.")
        conductor.asked = Asked(conductor.settings.how if how is None else how, tag)
        conductor.fold()
        conductor.tell(orders.ClientChanged(), orders.ClientRespond())

    def aside(self, entries: tuple[Entry, ...], how: How | None = None, tag: object = None) -> str:
        """Answer `entries` outside the conversation; the name of the reply. Tools are the client's, if any.

        Raises CapacityError when too many of them are under way.
        """
        if len(self._asides) >= MAX_ASIDES:
            raise CapacityError(f"{MAX_ASIDES} replies outside the conversation are under way; wait for one of them.")
        how = replace(self._conductor.settings.how if how is None else how, tools=())
        asked = Asked(how, tag)
        request = self._conductor.rounds.request(tuple(map(self._encoded, entries)), asked)
        answer = Answer(self._ids, self._mind.dialect.layout, asked, lambda entry: None, is_aside=True)
        self._asides.begin(answer, request, audio_tokens(request))
        return answer.id

    def cancel(self, reply: str | None = None) -> bool:
        """Stop a reply (None: that of the conversation); whether there was one."""
        if reply is not None and self._asides.cancel(reply):
            return True
        conductor = self._conductor
        is_there = conductor.state.reply is not None
        if reply not in (None, self.active) or not is_there:
            return False
        conductor.reason = "client_cancelled"
        conductor.tell(orders.ClientCancel())
        return True

    def played(self, item: str, ms: int) -> None:
        """The client has played `ms` of an item and goes on (only where `Settings.reports`)."""
        if (place := self._conductor.place_in_reply(item, ms)) is not None:
            self._conductor.tell(orders.Played(*place))

    def silenced(self, item: str, ms: int) -> None:
        """The client fell silent as it was told, after `ms` of the item (only where `Settings.reports`)."""
        if (place := self._conductor.place_in_reply(item, ms)) is not None:
            self._conductor.tell(orders.Silenced(*place))

    def leave(self) -> None:
        """The client is gone: all work ends, nothing more is told."""
        self._asides.stop()
        self._conductor.leave()
        self._mind.close()


def _check(settings: Settings, vad: Vad | None) -> None:
    if settings.detector is not None and vad is None:
        raise ConfigError("turns are to be detected and there is no voice activity network; give a Vad.")
