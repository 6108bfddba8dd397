"""The voice changes in a pause or between utterances, never elsewhere; what is no voice changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from antiphon import Audio, InputError, Model, load
from antiphon.metrics.signal import check_seams
from antiphon.runtime import live_events as told
from antiphon.runtime.events import AudioOut, ToolResult
from antiphon.runtime.manner import How
from antiphon.runtime.session import Session
from antiphon.runtime.speech import render
from antiphon.runtime.wardrobe import CLIP, FADE, PER_CODE, Speaker, Wardrobe, tried_on, worn
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Tool
from antiphon.voices.clips import read_clip
from antiphon.voices.library import Arrival, Library, described
from antiphon.weights.find import PRESETS
from tests.runtime.stage import SPOKEN, TURN, Stage
from tests.runtime.world import Alarm

OWN = Audio.read(PRESETS / "nano" / "voice.wav")


@pytest.fixture(scope="module")
def nano() -> Model:
    return load("nano")


@pytest.fixture(scope="module")
def other() -> Audio:
    """Another voice: the same words, higher and faster."""
    return Audio(Audio(OWN.samples, 30_000).at(24_000).samples, 24_000)


@pytest.fixture(scope="module")
def codes(nano: Model) -> list[int]:
    """Codes of speech with a pause in it."""
    assert nano.voice is not None
    parts = [OWN.samples[:, :30_000], torch.zeros(1, 12_000), OWN.samples[:, 30_000:72_000]]
    return [int(c) for c in nano.voice.prepare(Audio(torch.cat(parts, 1), 24_000)).codes[0]]


def sounds(speaker: Speaker, codes: list[int], wear: Audio | None = None, after: int = 14) -> torch.Tensor:
    """What a speaker says; another voice is asked for behind some codes."""
    waves = [*speaker.push(codes[:after])]
    if wear is not None:
        speaker._wardrobe.wear(wear)
    return torch.cat([*waves, *speaker.push(codes[after:]), *speaker.finish()])


def test_nobody_asks_and_it_is_an_utterance(nano: Model, codes: list[int]) -> None:
    said = sounds(Speaker(Wardrobe(nano, None, 0)), codes)
    assert nano.voice is not None
    assert torch.equal(said, render(nano.voice, nano.opened(OWN, 0), codes))


def test_within_an_utterance_it_changes_in_a_pause_without_a_click(
    nano: Model, other: Audio, codes: list[int]
) -> None:
    before, speaker = sounds(Speaker(Wardrobe(nano, None, 0)), codes), Speaker(Wardrobe(nano, None, 0))
    said = sounds(speaker, codes, other)
    (change,) = speaker.changes
    assert len(said) == len(codes) * PER_CODE and change % PER_CODE == 0
    assert 30_000 <= change <= 44_000  # the pause
    assert torch.equal(said[: change - FADE], before[: change - FADE])
    assert nano.voice is not None
    alone = render(nano.voice, nano.opened(other, 0), codes[change // PER_CODE :])
    assert torch.equal(said[change + FADE :], alone[FADE:])
    assert not any(seam.is_audible for seam in check_seams(said.numpy(), 24_000, [change]))


def test_the_last_one_asked_for_counts_and_the_first_comes_back(nano: Model, other: Audio) -> None:
    wardrobe = Wardrobe(nano, None, 0)
    wardrobe.wear(other)
    assert wardrobe.clip is None  # a boundary has to come
    wardrobe.opened()
    assert wardrobe.clip is other
    wardrobe.wear(Audio(other.samples * 0.5, 24_000))
    wardrobe.take_off()
    wardrobe.opened()
    assert wardrobe.clip is None and not wardrobe.is_wanted


def test_what_is_no_voice_changes_nothing_and_says_so(nano: Model, other: Audio) -> None:
    session = nano.session(voice=other)
    fitting = session.switch(Audio(torch.zeros(1, 100), 24_000))
    assert "give 0.5 to 15 s" in fitting.problem
    session.utterer()
    assert session.voice is other and not session.wardrobe.is_wanted
    with pytest.raises(InputError, match="cannot be read as sound"):
        session.voice = Path(__file__)


def test_opened_voices_are_kept_and_bounded(nano: Model, other: Audio) -> None:
    first = nano.opened(other, 0)
    assert nano.opened(Audio(other.samples.clone(), 24_000), 0) is first
    for number in range(6):
        nano.opened(Audio(other.samples[:, : 12_000 + number], 24_000), 0)
    assert len(nano._voices) <= 4


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Audio) -> Iterator[Library]:
    """A voice that may be imitated, and one that may not."""
    monkeypatch.setenv("ANTIPHON_VOICES", str(tmp_path / "voices"))
    found = Library(tmp_path / "voices", "net")
    for name, consent in (("allowed", "synthetic"), ("forbidden", "")):
        path = tmp_path / f"{name}.wav"
        Audio(other.samples * (0.5 if consent else 0.4), 24_000).write(path)
        clip = read_clip(path)
        found.add([Arrival(clip, described(clip, {"name": name, "id": name}), torch.ones(4).numpy())], consent)
    yield found
    found.store.close()


def test_a_tools_answer_puts_a_voice_on(nano: Model, library: Library) -> None:
    wardrobe = Wardrobe(nano, None, 0)
    answer = ToolResult("timbre_rag", "an old sailor", data={"voice": "allowed"})
    assert worn(wardrobe, answer) is answer
    wardrobe.opened()
    assert wardrobe.clip is not None and wardrobe.clip.duration_s > 2
    for name, said in (("forbidden", "consent to imitate 'forbidden' is unknown"), ("nobody", "no voice called")):
        told = worn(wardrobe, ToolResult("timbre_rag", "x", data={"voice": name}))
        assert told.failed and said in told.text and "the voice stays as it was" in told.text
        assert not wardrobe.is_wanted
    worn(wardrobe, ToolResult("reset_voice", "as before", data={"voice": ""}))
    wardrobe.opened()
    assert wardrobe.clip is None
    nothing = ToolResult("clock", "Friday")
    assert worn(wardrobe, nothing) is nothing and not wardrobe.is_wanted


def test_a_reply_goes_on_in_the_voice_that_was_asked_for_between_two_events(nano: Model, other: Audio) -> None:
    def say(session: Session, wear: Audio | None) -> torch.Tensor:
        waves = []
        for event in session.reply("hello"):
            if isinstance(event, AudioOut):
                waves.append(event.samples)
                if wear is not None and len(waves) == 1:
                    session.voice = wear
        return torch.cat(waves)

    plain, session = nano.session(), nano.session()
    first = say(plain, None)
    assert torch.equal(say(session, other)[:9600], first[:9600])
    assert not session.wardrobe.is_wanted or session.voice is None
    session.utterer()
    assert session.voice is other
    assert session.reset_voice().problem == ""
    session.utterer()
    assert session.voice is None


def test_a_live_conversation_goes_on_in_the_voice_that_a_tool_has_put_on(other: Audio) -> None:
    stage = Stage(replace(SPOKEN, how=How(tools=(Tool({"name": "lookup"}, lambda arguments: "x", "session"),))))
    first = stage.mind.run

    def run(tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int) -> Alarm:
        return first(tool, call, lambda result: tell(replace(result, data={"voice": "v-1", CLIP: other})))

    stage.mind.run = run  # type: ignore[method-assign]
    for _ in range(30):
        stage.talk(*TURN)
        stage.wait()
        if stage.of(told.Ran):
            break
    at = next(n for n, asked in enumerate(stage.mind.asked) if asked.messages[-1].role == "input")
    assert all(asked.voice is None for asked in stage.mind.asked[:at])
    stage.talk(*TURN)
    stage.wait()
    assert len(stage.mind.asked) > at + 1 and all(asked.voice is other for asked in stage.mind.asked[at:])
    stage.live.configure(replace(SPOKEN, how=How(voice=OWN)))  # the client chooses
    stage.talk(*TURN)
    stage.wait()
    assert stage.mind.asked[-1].voice is OWN


def test_a_live_conversation_puts_on_what_can_be_worn(nano: Model, library: Library) -> None:
    done = tried_on(nano, ToolResult("timbre_rag", "an old sailor", data={"voice": "allowed"}), 0)
    assert not done.failed and done.data[CLIP].duration_s > 2
    assert tried_on(nano, ToolResult("reset_voice", "as before", data={"voice": ""}), 0).data[CLIP] is None
    refused = tried_on(nano, ToolResult("timbre_rag", "x", data={"voice": "forbidden"}), 0)
    assert refused.failed and "the voice stays as it was" in refused.text and CLIP not in refused.data
