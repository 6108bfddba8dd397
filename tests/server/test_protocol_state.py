"""Sessions that are merged, items that come and go, sound in its formats, the older names."""

import json
from random import Random
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.server.protocol import beta, formats
from antiphon.server.protocol.client_events import ErrorEvent, ResponseCreate, SessionUpdate, receive
from antiphon.server.protocol.conversation import ROOT, Conversation, Spoken
from antiphon.server.protocol.formats import Pcm, Pcma, Pcmu
from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    OutputAudio,
    UserMessage,
)
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.protocol.server_events import ServerEvent
from antiphon.server.protocol.session import RealtimeSession, SemanticVad, ServerVad, Session, merge, new_session
from antiphon.server.protocol.wire import write

from .filled import every


def ids() -> Ids:
    return Ids(Random(0))


def opened(patch: object = None) -> RealtimeSession:
    session = new_session({} if patch is None else patch, "sess_1", 1)
    assert isinstance(session, RealtimeSession)
    return session


def merged(session: Session, patch: object, **more: bool) -> RealtimeSession:
    after = merge(session, patch, **more)
    assert isinstance(after, RealtimeSession)
    return after


FULL = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "clock", "description": "time", "parameters": {"type": "object"}}],
    "tool_choice": {"type": "function", "name": "clock"},
    "tracing": "auto",
    "max_output_tokens": 100,
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "whisper-1", "language": "en"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 200, "threshold": 1},
        },
        "output": {"voice": "marin", "speed": 1.25},
    },
}


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    session = opened(FULL)
    assert session.audio.input.format == Pcmu() and session.audio.output.voice == "marin"
    after = merged(session, {"audio": {"input": {"turn_detection": {"threshold": 0.3}}}})
    before, now = write(session), write(after)
    assert now["audio"]["input"]["turn_detection"].pop("threshold") == 0.3
    assert before["audio"]["input"]["turn_detection"].pop("threshold") == 1
    assert before == now


def test_a_session_sent_back_changes_nothing() -> None:
    session = opened(FULL)
    assert merge(session, write(session)) == session


def test_what_is_empty_clears_and_what_is_null_clears_or_is_absent() -> None:
    session = opened(FULL)
    after = merged(session, {"instructions": "", "tools": [], "tracing": None, "model": None, "tool_choice": None})
    assert after.instructions == "" and after.tools == () and after.tracing is None
    assert after.model == session.model and after.tool_choice == session.tool_choice
    cleared = {"turn_detection": None, "noise_reduction": None, "transcription": None}
    after = merged(session, {"audio": {"input": cleared, "output": {"voice": None, "format": None}}})
    heard = after.audio.input
    assert heard.turn_detection is None and heard.noise_reduction is None and heard.transcription is None
    assert heard.format == Pcmu() and after.audio.output == session.audio.output


def test_another_turn_detection_replaces_the_old_one() -> None:
    after = merged(opened(FULL), {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert after.audio.input.turn_detection == SemanticVad()
    back = merged(after, {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    assert back.audio.input.turn_detection == ServerVad()


TOOL = {"type": "function", "name": "a"}
RETAIN = {"type": "retention_ratio"}


def heard(**fields: object) -> dict[str, object]:
    """An update of what is set for the input."""
    return {"audio": {"input": fields}}


@pytest.mark.parametrize(
    ("patch", "code", "param"),
    [
        (7, "invalid_type", "session"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"colour": "red"}, "unknown_parameter", "session.colour"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
        ({"max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"instructions": ["be", "brief"]}, "invalid_type", "session.instructions"),
        ({"tools": [TOOL, {"name": "b"}]}, "missing_required_parameter", "session.tools[1].type"),
        ({"tools": [{"type": "mcp", "server_label": "a", "server_url": "http://a"}]}, "unknown_parameter", None),
        (heard(format={"type": "audio/pcm", "rate": 16000}), "invalid_value", "session.audio.input.format.rate"),
        (heard(turn_detection={"type": "semantic_vad", "threshold": 1}), "unknown_parameter", None),
        (heard(turn_detection={"threshold": 2}), "invalid_value", "session.audio.input.turn_detection.threshold"),
        ({"audio": {"output": {"speed": 1e999}}}, "invalid_value", "session.audio.output.speed"),
        ({"truncation": RETAIN}, "missing_required_parameter", "session.truncation.retention_ratio"),
        ({"truncation": "never"}, "invalid_value", "session.truncation"),
    ],
)
def test_a_wrong_update_names_its_field_and_changes_nothing(patch: object, code: str, param: str | None) -> None:
    session = opened()
    with pytest.raises(Refusal) as wrong:
        merge(session, patch)
    assert wrong.value.code == code and (param is None or wrong.value.param == param)
    assert session == opened()


def test_the_voice_is_frozen_once_there_was_sound() -> None:
    session = opened(FULL)
    same = {"audio": {"output": {"voice": "marin", "speed": 1.0}}}
    assert merged(session, same, has_spoken=True).audio.output.speed == 1.0
    other = {"audio": {"output": {"voice": "cedar"}}}
    assert merged(session, other).audio.output.voice == "cedar"
    with pytest.raises(Refusal, match="voice") as wrong:
        merge(session, other, has_spoken=True)
    assert wrong.value.code == "cannot_update_voice"


def text(name: str) -> UserMessage:
    return UserMessage(id=name, content=(InputText(text=name),))


def listed(conversation: Conversation) -> str:
    return "".join(item.id or "?" for item in conversation.items)


def talk(names: str = "abc") -> Conversation:
    return Conversation(tuple(text(name) for name in names))


def test_items_go_where_they_are_told() -> None:
    whole = talk()
    assert listed(whole.insert(text("d"), ids())[0]) == "abcd"
    assert listed(whole.insert(text("d"), ids(), ROOT)[0]) == "dabc"
    assert listed(whole.insert(text("d"), ids(), "b")[0]) == "abdc"
    assert listed(whole) == "abc"
    assert whole.retrieve("b") == text("b") and whole.before("b") == "a" and whole.before("a") is None
    assert listed(whole.delete("b")) == "ac"
    longer, named = whole.insert(UserMessage(content=()), ids())
    assert named.id == ids().item() and longer.retrieve(named.id) == named


def test_wrong_places_are_refused() -> None:
    whole = talk()
    for attempt, code in (
        (lambda: whole.insert(text("a"), ids()), "item_create_duplicate_item_id"),
        (lambda: whole.insert(text("d"), ids(), "x"), "item_create_invalid_previous_item_id"),
        (lambda: whole.retrieve("x"), "item_retrieve_invalid_item_id"),
        (lambda: whole.delete("x"), "item_delete_invalid_item_id"),
        (lambda: whole.truncate("x", 0, 0, Spoken(0)), "item_truncate_invalid_item_id"),
        (lambda: whole.truncate("a", 0, 0, Spoken(0)), "invalid_value"),
        (lambda: whole.insert(FunctionCallOutput(call_id="c", output=""), ids()), "invalid_tool_call_id"),
    ):
        with pytest.raises(Refusal) as wrong:
            attempt()
        assert wrong.value.code == code


def test_an_output_comes_after_its_call() -> None:
    called, call = talk().insert(FunctionCall(name="clock", arguments="{}"), ids())
    assert isinstance(call, FunctionCall) and call.call_id is not None
    answer = FunctionCallOutput(call_id=call.call_id, output="noon")
    assert isinstance(called.insert(answer, ids())[0].items[-1], FunctionCallOutput)
    with pytest.raises(Refusal):
        called.insert(answer, ids(), ROOT)


SPOKEN = Spoken(1000, ((200, "It "), (500, "is "), (900, "noon.")))


@pytest.mark.parametrize(("end_ms", "heard"), [(0, ""), (199, ""), (200, "It"), (899, "It is"), (1000, "It is noon. ")])
def test_a_cut_keeps_what_was_heard(end_ms: int, heard: str) -> None:
    said = AssistantMessage(id="x", content=(OutputAudio(audio=bytes(48_000), transcript="It is noon. "),))
    whole = Conversation((text("a"), said))
    (part,) = whole.truncate("x", 0, end_ms, SPOKEN).retrieve("x").content  # type: ignore[union-attr]
    assert isinstance(part, OutputAudio) and part.audio is not None
    assert part.transcript == heard and len(part.audio) == end_ms * 48
    assert whole.retrieve("x") == said
    for index, end in ((0, 1001), (1, 10)):
        with pytest.raises(Refusal):
            whole.truncate("x", index, end, SPOKEN)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["insert", "delete"]), st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_a_conversation_is_a_list_without_doubles(deeds: list[tuple[str, int, int]]) -> None:
    whole, model = Conversation(), list[str]()
    for deed, one, other in deeds:
        try:
            if deed == "delete":
                whole = whole.delete(str(one))
                model.remove(str(one))
            else:
                whole, _ = whole.insert(text(str(one)), ids(), str(other))
                model.insert(model.index(str(other)) + 1, str(one))
        except Refusal:
            if deed == "insert" and str(one) not in model:
                assert str(other) not in model
                whole, _ = whole.insert(text(str(one)), ids())
                model.append(str(one))
        assert listed(whole) == "".join(model)


def test_g711_has_the_levels_of_the_standard() -> None:
    """Ends and middles of both scales, in 16 bits: +-8031 (of 14 bits) and +-4032 (of 13 bits), shifted."""
    assert formats.mulaw_levels()[[0x00, 0x80, 0x7F, 0xFF, 0xFE, 0xEF]].tolist() == [-32124, 32124, 0, 0, 8, 132]
    assert formats.alaw_levels()[[0x55, 0xD5, 0x2A, 0xAA, 0x54, 0xD4]].tolist() == [-8, 8, -32256, 32256, -24, 24]
    ends = np.array([0, 32767, -32768, -1], np.int16)
    assert formats.encode(Pcmu(), ends) == bytes([0xFF, 0x80, 0x00, 0x7F])
    assert formats.encode(Pcma(), ends) == bytes([0xD5, 0xAA, 0x2A, 0x55])


@pytest.mark.parametrize("form", [Pcmu(), Pcma()])
def test_g711_there_and_back(form: formats.Format) -> None:
    codes = bytes(range(256))
    again = np.frombuffer(formats.encode(form, formats.decode(form, codes)), np.uint8)
    other = np.flatnonzero(again != np.arange(256)).tolist()
    assert other == ([0x7F] if form == Pcmu() else [])  # mu-law has two zeros
    samples = np.arange(-32768, 32768).astype(np.int16)
    back = formats.decode(form, formats.encode(form, samples)).astype(np.int32)
    assert (np.diff(back) >= 0).all()
    assert (np.abs(back - samples) <= np.maximum(np.abs(samples.astype(np.int32)) / 16, 8) + 644).all()
    small = np.abs(samples.astype(np.int32)) < 30_000
    assert (np.abs(back - samples)[small] <= np.maximum(np.abs(samples.astype(np.int32)) / 30, 8)[small] + 4).all()


def test_pcm_and_its_time() -> None:
    samples = np.array([0, 1, -1, 32767, -32768], np.int16)
    assert formats.decode(Pcm(), formats.encode(Pcm(), samples)).tolist() == samples.tolist()
    assert formats.encode(Pcm(), samples[1:2]) == b"\x01\x00"
    assert formats.duration_ms(Pcm(), 4800) == 100 and formats.duration_ms(Pcma(), 4800) == 600
    with pytest.raises(Refusal):
        formats.decode(Pcm(), b"abc")


def test_the_beta_speaks_flat() -> None:
    message = {
        "type": "session.update",
        "session": {
            "modalities": ["text", "audio"],
            "voice": "qingchunshaonv",
            "input_audio_format": "pcm16",
            "output_audio_format": "g711_alaw",
            "turn_detection": None,
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
        },
    }
    assert beta.looks_like_beta(message)
    update = receive(json.dumps(beta.from_beta(message)), ids())
    assert isinstance(update, SessionUpdate)
    session = merged(opened(), update.session)
    assert session.output_modalities == ("audio",) and session.audio.input.turn_detection is None
    assert session.audio.output.voice == "qingchunshaonv" and session.audio.output.format == Pcma()
    said = beta.to_beta({"type": "session.updated", "event_id": "e", "session": write(session)})
    assert said is not None
    kept = {k: v for k, v in message["session"].items() if k != "temperature"}  # type: ignore[attr-defined]
    assert kept.items() <= said["session"].items() and "audio" not in said["session"]


def test_the_beta_has_other_names_of_parts_and_events() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]}
    asked = {"type": "response.create", "response": {"modalities": ["text"], "voice": "x", "input": [item]}}
    event = receive(json.dumps(beta.from_beta(asked)), ids())
    assert isinstance(event, ResponseCreate) and event.response.input is not None
    assert event.response.output_modalities == ("text",) and event.response.audio is not None
    told = {"type": "conversation.item.added", "item": write(event.response.input[0])}
    assert beta.to_beta(told) == {"type": "conversation.item.created", "item": {**item, "object": "realtime.item"}}


@pytest.mark.parametrize("kind", get_args(ServerEvent), ids=lambda k: k.__name__)
def test_every_event_has_a_beta_form(kind: Any) -> None:
    for event in every(kind):
        if getattr(getattr(event, "session", None), "type", "") != "transcription":
            renamed = beta.to_beta(write(event))
            assert (renamed is None) == (event.type == "conversation.item.done")
            assert not {'"output_audio"', '"output_text"', '"output_modalities"'} & set(json.dumps(renamed).split())


FIELDS = st.sampled_from([*beta.FLAT, *beta.RENAMED, "input", "content", "role"])
CONFIGS = st.dictionaries(FIELDS, st.text(max_size=3) | st.lists(st.none() | st.dictionaries(FIELDS, st.none())))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["type", "session", "response", "item"]), st.none() | st.integers() | CONFIGS))
def test_no_beta_message_raises(message: dict[str, Any]) -> None:
    answer = receive(json.dumps(beta.from_beta(message)), ids())
    assert isinstance(answer, ErrorEvent) or answer.type == message["type"]
