"""The protocol layer: whatever comes is an event or one refusal; whatever goes out can be read back."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.server.protocol import audio_http, chat, refusal
from antiphon.server.protocol.client_events import KINDS, ClientEvent, ItemCreate, receive
from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.items import InputAudio, UserMessage, without_audio
from antiphon.server.protocol.refusal import ErrorEvent, Refusal
from antiphon.server.protocol.responses import InputTokens, OutputTokens, usage
from antiphon.server.protocol.server_events import ServerEvent
from antiphon.server.protocol.wire import dumps, parse_object, read, write

from .filled import every, filled

SAID = get_args(ClientEvent)
TOLD = get_args(ServerEvent)
NAMES = [*KINDS, "session.created", "", "response.created"]


def ids(seed: int = 0) -> Ids:
    return Ids(Random(seed))


def refused(frame: str | bytes, most: int = 1 << 20) -> refusal.ErrorDetail:
    """What the one error event says that answers a frame."""
    event = receive(frame, ids(), most)
    assert isinstance(event, ErrorEvent), event
    back = json.loads(dumps(event))
    assert set(back) == {"event_id", "type", "error"} and back["type"] == "error"
    assert set(back["error"]) == {"type", "message", "code", "param", "event_id"}
    assert event.error.message.endswith(".") and len(event.error.message) < 600
    return event.error


@pytest.mark.parametrize("kind", SAID, ids=lambda k: k.type)
def test_every_client_event_is_read_as_it_is_written(kind: Any) -> None:
    for event in every(kind):
        assert receive(dumps(event), ids()) == event
        assert receive(dumps(event).encode(), ids()) == event


@pytest.mark.parametrize("kind", TOLD, ids=lambda k: k.__name__)
def test_every_server_event_is_read_as_it_is_written(kind: Any) -> None:
    for event in every(kind):
        assert read(kind, json.loads(dumps(event))) == event


def test_the_sets_of_events_are_whole() -> None:
    assert len(SAID) == len(KINDS) == 11
    names = {kind.__dataclass_fields__["type"].default for kind in TOLD}
    assert len(names) == len(TOLD) == 46


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        ("", "invalid_json", None),
        ("{", "invalid_json", None),
        ("[]", "invalid_json", None),
        ('"session.update"', "invalid_json", None),
        (b"\xff\xfe{}", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ('{"type":"response.create","response":' + '{"a":' * 60 + "1" + "}" * 61, "invalid_json", None),
        ('{"type":"session.update","session":{"instructions":"\\ud800"}}', "invalid_json", None),
        ('{"type":"x","n":NaN}', "invalid_json", None),
        ('{"type":"x","n":' + "9" * 5000 + "}", "invalid_json", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type":7}', "invalid_value", "type"),
        ('{"type":["session.update"]}', "invalid_value", "type"),
        ('{"type":"session.destroy"}', "invalid_value", "type"),
        ('{"type":"input_audio_buffer.clear","more":1}', "unknown_parameter", "more"),
        ('{"type":"input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type":"input_audio_buffer.append","audio":7}', "invalid_type", "audio"),
        ('{"type":"input_audio_buffer.append","audio":"a b="}', "invalid_value", "audio"),
        ('{"type":"input_audio_buffer.append","audio":"AAA"}', "invalid_value", "audio"),
        ('{"type":"input_audio_buffer.append","audio":"file:///etc/passwd"}', "invalid_value", "audio"),
        ('{"type":"input_audio_buffer.append","audio":"http://169.254.169.254/x"}', "invalid_value", "audio"),
        ('{"type":"session.update","session":[]}', "invalid_value", "session"),
        ('{"type":"conversation.item.retrieve","item_id":null}', "missing_required_parameter", "item_id"),
        ('{"type":"conversation.item.retrieve","item_id":""}', "invalid_value", "item_id"),
        (
            '{"type":"conversation.item.truncate","item_id":"a","content_index":true,"audio_end_ms":1}',
            "invalid_type",
            "content_index",
        ),
        (
            '{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":1.5}',
            "invalid_type",
            "audio_end_ms",
        ),
        (
            '{"type":"conversation.item.truncate","item_id":"a","content_index":0,"audio_end_ms":-1}',
            "invalid_value",
            "audio_end_ms",
        ),
        ('{"type":"conversation.item.create","item":{}}', "missing_required_parameter", "item.type"),
        ('{"type":"conversation.item.create","item":{"type":"song"}}', "invalid_value", "item.type"),
        (
            '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"output_text"}]}}',
            "invalid_value",
            "item.content[0].type",
        ),
        (
            '{"type":"conversation.item.create","item":{"type":"message","role":"user",'
            '"content":[{"type":"input_image","image_url":"https://example.com/a.png"}]}}',
            "invalid_value",
            "item.content[0].image_url",
        ),
        (
            '{"type":"response.create","response":{"max_output_tokens":0}}',
            "invalid_value",
            "response.max_output_tokens",
        ),
        (
            '{"type":"response.create","response":{"tools":[{"type":"function","name":"a b"}]}}',
            "invalid_value",
            "response.tools[0].name",
        ),
        (
            '{"type":"response.create","response":{"metadata":{"a":1}}}',
            "invalid_type",
            "response.metadata.a",
        ),
    ],
)
def test_what_is_wrong_is_named(frame: str | bytes, code: str, param: str | None) -> None:
    error = refused(frame)
    assert (error.code, error.param, error.type) == (code, param, "invalid_request_error")


def test_an_error_repeats_the_clients_event_id_where_it_is_one() -> None:
    assert refused('{"type":"x","event_id":"mine"}').event_id == "mine"
    assert refused('{"type":"x","event_id":7}').event_id is None
    assert refused(json.dumps({"type": "x", "event_id": "m" * 1000})).event_id is None


def test_huge_frames_and_huge_audio_are_refused() -> None:
    assert refused("x" * 101, most=100).code == "request_too_large"
    audio = base64.b64encode(bytes(12 << 20)).decode()
    frame = json.dumps({"type": "input_audio_buffer.append", "audio": audio})
    assert refused(frame, 1 << 30).code == "request_too_large"
    assert len(refused(json.dumps({"type": "s" * 500_000})).message) < 600
    assert refused('{"type":"x","a":[' + "[]," * 300_000 + "1]}").code == "request_too_large"


def test_null_is_absent_where_nothing_may_be_null() -> None:
    nulls = '{"conversation":null,"tools":null,"instructions":null}'
    event = receive('{"type":"response.create","response":' + nulls + "}", ids())
    assert event == receive('{"type":"response.create"}', ids())


def test_data_urls_hold_their_bytes() -> None:
    said = receive('{"type":"input_audio_buffer.append","audio":"data:audio/wav;base64,AAEC"}', ids())
    assert getattr(said, "audio", None) == b"\x00\x01\x02"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_frame_raises(frame: bytes | str) -> None:
    assert isinstance(receive(frame, ids()), (*SAID, ErrorEvent))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.dictionaries(st.text(max_size=6), JSON, max_size=3))
def test_no_object_raises(name: str, rest: dict[str, Any]) -> None:
    assert isinstance(receive(json.dumps({**rest, "type": name}), ids()), (*SAID, ErrorEvent))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_broken_field_raises(data: st.DataObject) -> None:
    """A right event in which one value, anywhere, is replaced or taken away."""
    event = write(data.draw(st.sampled_from([e for kind in SAID for e in every(kind)])))
    node = event
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not (isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans())):
            break
        node = node[key]
    if data.draw(st.booleans()):
        node[key] = data.draw(JSON)
    else:
        del node[key]
    answer = receive(json.dumps(event), ids())
    assert isinstance(answer, (*SAID, ErrorEvent))
    json.loads(dumps(answer).encode("utf-8"))


def test_ids_are_a_function_of_their_generator() -> None:
    one, same, other = ids(1), ids(1), ids(2)
    drawn = [one.event(), one.item(), one.response(), one.session(), one.call(), one.audio()]
    assert drawn == [same.event(), same.item(), same.response(), same.session(), same.call(), same.audio()]
    assert [d.split("_")[0] for d in drawn] == ["event", "item", "resp", "sess", "call", "audio"]
    assert drawn[0] != other.event() and one.event() != drawn[0]
    assert len({one.item() for _ in range(1000)}) == 1000


def test_usage_adds_up() -> None:
    read_in = InputTokens(text_tokens=3, audio_tokens=4, cached_tokens=2)
    used = usage(read_in, OutputTokens(text_tokens=5, audio_tokens=20))
    assert (used.input_tokens, used.output_tokens, used.total_tokens) == (7, 25, 32)


def test_events_show_items_without_their_sound() -> None:
    item = UserMessage(content=(InputAudio(audio=b"ab", transcript="hello"),))
    assert write(item)["content"][0]["audio"] == "YWI="
    assert write(without_audio(item))["content"] == [{"type": "input_audio", "transcript": "hello"}]
    created = ItemCreate(item=item)
    assert replace(created, item=without_audio(item)) != created


@pytest.mark.parametrize(
    "kind",
    [chat.ChatRequest, chat.Completion, chat.Chunk, audio_http.SpeechRequest, audio_http.TranscriptionRequest]
    + [audio_http.TranslationRequest, audio_http.Transcript, audio_http.VerboseTranscript, audio_http.ModelList]
    + [audio_http.VoiceList, refusal.HttpError],
    ids=lambda k: k.__name__,
)
def test_every_body_is_written_as_json(kind: Any) -> None:
    for whole in (False, True):
        body = filled(kind, whole=whole)
        assert json.loads(dumps(body)) == write(body)
        if kind in (chat.ChatRequest, audio_http.SpeechRequest):
            assert read(kind, parse_object(dumps(body))) == body


def asked(*parts: dict[str, Any], **more: Any) -> chat.ChatRequest:
    """A chat request whose one message has these parts."""
    message = {"role": "user", "content": list(parts)}
    return chat.read_chat(json.dumps({"model": "nano", "messages": [message], **more}))


@pytest.mark.parametrize(
    "address",
    ["/etc/passwd", "file:///etc/passwd", "http://169.254.169.254/x", "https://example.com/a.wav", "../../a", "C:\\a"]
    + ["\\\\host\\share", "concat:a|b", "subfile,,:/etc/passwd"],
)
def test_nothing_in_a_message_is_a_path_or_an_address(address: str) -> None:
    for part, param in (
        ({"type": "input_audio", "input_audio": {"data": address, "format": "wav"}}, "input_audio.data"),
        ({"type": "audio", "audio": address}, "type"),
        ({"type": "audio_url", "audio_url": {"url": address}}, "type"),
    ):
        with pytest.raises(Refusal) as wrong:
            asked(part)
        assert wrong.value.param == f"messages[0].content[0].{param}" and wrong.value.status == 400
    assert asked({"type": "text", "text": address}).messages[0].content  # words may speak of anything


def test_speech_is_asked_for_in_whole() -> None:
    words = {"type": "text", "text": "Hello."}
    aloud: dict[str, Any] = {"modalities": ["text", "audio"], "stream": True}
    assert asked(words, **aloud, audio={"voice": "x", "format": "pcm"}).is_spoken
    for more, param in (({}, "audio"), ({"audio": {"voice": "x", "format": "mp3"}}, "audio.format")):
        with pytest.raises(Refusal) as wrong:
            asked(words, **aloud, **more)
        assert wrong.value.param == param


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"model": ["m"], "response_format": ["srt"]}, "response_format"),
        ({"model": ["m"], "timestamp_granularities[]": ["word"]}, "timestamp_granularities"),
        ({"model": ["m"], "temperature": ["nan"]}, "temperature"),
        ({"model": ["m"], "temperature": ["hot"]}, "temperature"),
        ({"model": ["m", "n"]}, "model"),
        ({}, "model"),
    ],
)
def test_a_form_is_read_strictly(form: dict[str, list[str]], param: str) -> None:
    right = audio_http.read_transcription({"model": ["m"], "stream": ["true"], "temperature": ["0.5"]})
    assert right.stream and right.temperature == 0.5
    with pytest.raises(Refusal) as wrong:
        audio_http.read_transcription(form)
    assert wrong.value.param == param


def test_a_refusal_is_an_http_body() -> None:
    for status, kind in ((400, "invalid_request_error"), (401, "authentication_error"), (503, "server_error")):
        wrong = Refusal("No.", code="why", param="where", status=status)
        assert write(refusal.http_error(wrong)) == {
            "error": {"message": "No.", "type": kind, "param": "where", "code": "why"}
        }


def test_the_protocol_loads_without_torch() -> None:
    modules = "antiphon.server.protocol.chat, antiphon.server.protocol.server_events, antiphon.server.protocol.formats"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
