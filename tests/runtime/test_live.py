"""One live conversation in a made-up world: what the client is told, what the model is asked, what is remembered."""


from antiphon.runtime import live_events as told
from antiphon.runtime.live import Live
from antiphon.runtime.manner import Settings
from antiphon.runtime.turns import ServerVad
from tests.runtime.world import Client, Hands, Loudness, Names, Pace, Scripted, frames, talk

VAD = ServerVad(silence_duration_ms=500, pause_ms=160)
SPOKEN = Settings(detector=VAD)
TURN = ((20, 30), (20, 0))


class Stage:
    """A conversation and everything around it."""

    def __init__(self, settings: Settings = SPOKEN, pace: Pace = Pace()) -> None:  # noqa: B008
        self.clock, self.names = Hands(), Names()
        self.mind, self.client = Scripted(self.clock, pace), Client(self.clock)
        self.live = Live(self.mind, self.clock, self.names, self.client.tell, settings, Loudness())

    def talk(self, *stretches: tuple[int, int]) -> "Stage":
        talk(self.live, self.clock, frames(*stretches))
        return self

    def wait(self, ms: int = 60_000) -> "Stage":
        self.clock.until(self.clock.now_ms() + ms)
        return self

    def kinds(self, *unwanted: type) -> list[str]:
        return [type(event).__name__ for event in self.client.events if not isinstance(event, unwanted)]


def test_a_turn_is_heard_and_answered() -> None:
    stage = Stage().talk(*TURN).wait()
    assert stage.kinds(told.TextDelta, told.AudioDelta) == [
        "SpeechStarted", "SpeechStopped", "Committed", "ReplyStarted", "ItemStarted", "ItemDone", "ReplyDone",
    ]  # fmt: skip
