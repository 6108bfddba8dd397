"""One turn of the model for one request, as a stream of events that ends with what it came to."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from antiphon.audio.wave import Audio
from antiphon.runtime.events import Event, Timings, Utterance
from antiphon.runtime.generate import Hearing, Stream
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.speech import Utterer
from antiphon.runtime.turn import Turn, Watch, remembered
from antiphon.server.chat_messages import KeptReplies, Wish, messages_of
from antiphon.text.chat import AudioItem, Message
from antiphon.text.prompts import Reply


@dataclass(frozen=True)
class Reached:
    """The end of a turn: what was said, how the history holds it, what it cost."""

    utterance: Utterance
    remembered: Message
    prompt_tokens: int
    heard_tokens: int  # those of sound, among the prompt's
    timings: Timings


def one_turn(model: Loaded, wish: Wish, sounds: list[Audio], kept: KeptReplies) -> Iterator[Event | Reached]:
    """The events of the reply to a request, for the model's thread. Raises as `Session.reply` does."""
    hearing, watch = Hearing(model.limit), Watch()
    messages = messages_of(wish, model.variant, sounds, kept, hearing)
    form: Reply = "speech" if wish.is_spoken else "text"
    open_utterer = partial(_utterer, model, wish.sampling.seed) if wish.is_spoken else None
    turn = Turn(model, Stream(model.parts.lm, hearing), wish.sampling, wish.tools, open_utterer, watch)
    utterance = yield from turn.run(messages, form, wish.max_tokens)
    contents = [m.content for m in messages if isinstance(m.content, tuple)]
    heard = sum(sum(i.num_rows) for content in contents for i in content if isinstance(i, AudioItem))
    yield Reached(utterance, remembered(utterance, form, model.parts.layout), watch.prompt_tokens, heard, watch.read())


def _utterer(model: Loaded, seed: int) -> Utterer:
    assert model.voice is not None
    return Utterer(model.voice, model.opened(model.default_voice(), seed))

