"""The HTTP side, asked over a socket: nano answers, and nothing else does."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import antiphon
from antiphon.audio.wave import Audio
from antiphon.marking.detect import detect
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut
from antiphon.text.prompts import PROMPTS
from antiphon.tools.clock import FUNCTION

from .running import Running

CHAT, SPEECH = "/v1/chat/completions", "/v1/audio/speech"
TRANSCRIBE, TRANSLATE = "/v1/audio/transcriptions", "/v1/audio/translations"
CAPITAL = {"role": "user", "content": "what is the capital of france?"}
CLOCK = {"type": "function", "function": FUNCTION}
ALOUD = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


def asked(question: bytes) -> dict[str, object]:
    sound = {"data": base64.b64encode(question).decode(), "format": "wav"}
    return {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}


def test_it_says_what_it_is(server: Running) -> None:
    assert server.ask("GET", "/health/live").json == {"status": "live"}
    assert server.ask("GET", "/health/ready").json["status"] == "ready"
    (card,) = server.ask("GET", "/v1/models").json["data"]
    assert card["id"] == "nano" and server.ask("GET", "/v1/models/nano").json == card
    assert server.ask("GET", "/v1/models/gpt-99").error["code"] == "model_not_found"
    assert server.ask("GET", "/v1/audio/voices").json["voices"] == ["default"]


def test_a_written_question_is_answered_in_writing(server: Running) -> None:
    answer = server.post(CHAT, model="gpt-4o", messages=[CAPITAL]).json
    (choice,) = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": "the capital of france is paris.", "refusal": None}
    assert choice["finish_reason"] == "stop" and answer["usage"]["total_tokens"] > 10
    short = server.post(CHAT, model="gpt-4o", messages=[CAPITAL], max_completion_tokens=2).json["choices"][0]
    assert short["finish_reason"] == "length" and choice["message"]["content"].startswith(short["message"]["content"])


def test_the_socket_says_what_a_session_says(server: Running, question: bytes) -> None:
    message = server.post(CHAT, model="m", messages=[asked(question)], **ALOUD).json["choices"][0]["message"]
    said = Audio.read(base64.b64decode(message["audio"]["data"]))
    session = antiphon.load("nano").session(tools=())  # a request that names no tools has none
    events = session.reply(Audio.read(question))
    samples = torch.cat([event.samples for event in events if isinstance(event, AudioOut)])
    assert said.to_pcm16() == Audio(samples[None], SPOKEN_HZ).to_pcm16()


def test_a_stream_says_the_same_as_the_whole(server: Running, question: bytes) -> None:
    wish = {**ALOUD, "audio": {"voice": "alloy", "format": "pcm16"}}
    whole = server.post(CHAT, model="m", messages=[asked(question)], **wish).json
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, usage, done = server.post(CHAT, model="m", messages=[asked(question)], **wish, **options).events
    assert done == "[DONE]" and usage["usage"] == whole["usage"] and not usage["choices"]
    pieces = [chunk["choices"][0]["delta"].get("audio", {}) for chunk in chunks]
    sound = b"".join(base64.b64decode(piece.get("data", "")) for piece in pieces)
    expected = whole["choices"][0]["message"]["audio"]
    assert sound == base64.b64decode(expected["data"]) and len(pieces) > 5
    assert "".join(piece.get("transcript", "") for piece in pieces) == expected["transcript"]
    assert pieces[0]["id"].startswith("audio_") and pieces[-2].keys() == {"expires_at"}
    codes = re.findall(r"<audio_(\d+)>", whole["choices"][0]["message"]["tts_content"]["tts_audio"])
    assert len(sound) == 2 * 960 * len(codes)
    assert usage["usage"]["completion_tokens_details"]["audio_tokens"] == len(codes)
    assert usage["usage"]["prompt_tokens_details"]["audio_tokens"] > 10 and expected["transcript"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


def test_a_tool_is_called_and_its_result_is_said(server: Running) -> None:
    messages: list[object] = [{"role": "user", "content": "what time is it?"}]
    wish = {"model": "m", "tools": [CLOCK], **ALOUD}
    first = server.post(CHAT, messages=messages, **wish).json["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    (call,) = first["message"]["tool_calls"]
    assert call["function"]["name"] == "clock" and json.loads(call["function"]["arguments"]) == {"what": "time"}
    messages.append({"role": "assistant", "audio": {"id": first["message"]["audio"]["id"]}, "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": call["id"], "content": "Friday 20 November 2026 14:35"})
    second = server.post(CHAT, messages=messages, **wish).json["choices"][0]
    assert "fourteen thirty five" in second["message"]["audio"]["transcript"]
    streamed = server.post(CHAT, messages=messages[:1], stream=True, model="m", tools=[CLOCK]).events
    calls = [c["choices"][0]["delta"].get("tool_calls") for c in streamed[:-1] if c["choices"]]
    assert [c[0]["function"] for c in calls if c] == [call["function"]]
    none = server.post(CHAT, messages=messages[:1], tool_choice="none", model="m", tools=[CLOCK]).json
    assert "tool_calls" not in none["choices"][0]["message"]


def test_the_released_way_to_ask_for_speech(server: Running) -> None:
    begun = {"role": "assistant", "content": "<tts_start>", "eot": False}
    (choice,) = server.post(CHAT, model="m", messages=[CAPITAL, begun]).json["choices"]
    woven = choice["message"]["tts_content"]
    assert woven["tts_text"] == choice["message"]["content"] and woven["tts_audio"].startswith("<audio_")
    messages = [CAPITAL, {"role": "assistant", "content": "", "tts_content": woven}, CAPITAL]
    assert server.post(CHAT, model="m", messages=messages).json["choices"][0]["message"]["content"]


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "opus"])
def test_text_is_read_aloud_in_every_form(server: Running, form: str) -> None:
    answer = server.post(SPEECH, model="tts-1", input="hello.", voice="nova", response_format=form)
    assert answer.status == 200 and answer.headers["content-type"].startswith("audio/")
    sound = Audio.read(answer.body)
    assert 0.3 < sound.duration_s < 5 and float(sound.samples.abs().max()) > 0.05


def test_speech_as_events(server: Running) -> None:
    wish = {"model": "tts-1", "input": "hello.", "voice": "nova", "stream_format": "sse"}
    *deltas, done = server.post(SPEECH, response_format="pcm", **wish).events
    sound = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert sound == server.post(SPEECH, response_format="pcm", model="m", input="hello.").body
    assert done["type"] == "speech.audio.done" and done["usage"]["output_tokens"] > 10
    file, _ = server.post(SPEECH, response_format="flac", **wish).events
    assert Audio.read(base64.b64decode(file["audio"])).to_pcm16() == sound


@pytest.mark.parametrize("speed", [0.5, 3.0])
def test_text_is_read_faster_and_slower_and_still_marked(server: Running, speed: float) -> None:
    pytest.importorskip("av")
    wish = {"model": "m", "input": "the capital of france is paris. the sky is blue.", "response_format": "pcm"}
    plain, other = (server.post(SPEECH, **wish, speed=asked).body for asked in (1.0, speed))
    assert len(other) == pytest.approx(len(plain) / speed, rel=0.03)
    assert server.post(SPEECH, **wish, speed=speed).body == other
    if speed < 1:
        assert detect(Audio.from_pcm16(other, SPOKEN_HZ)).verdict == "present"
    assert server.post(SPEECH, **wish, speed=5.0).error["param"] == "speed"


def test_a_recording_is_written_down(server: Running, question: bytes) -> None:
    text = "the capital of france is paris."
    plain = server.upload(TRANSCRIBE, question, model="whisper-1").json
    assert plain == {"text": text, "usage": {"type": "duration", "seconds": 1.834}}
    assert server.upload(TRANSCRIBE, question, model="m", response_format="text").body.decode() == text + "\n"
    verbose = server.upload(TRANSCRIBE, question, model="m", response_format="verbose_json").json
    assert verbose["text"] == text and verbose["task"] == "transcribe"
    *deltas, last, _ = server.upload(TRANSCRIBE, question, model="m", stream="true").events
    assert "".join(delta["delta"] for delta in deltas) == last["text"] == text


def test_what_the_model_has_not_learnt_is_said_so(server: Running, question: bytes) -> None:
    answer = server.upload(TRANSLATE, question, model="whisper-1")
    assert answer.status == 400 and "has not learnt to translate" in answer.error["message"]
    for form in ("srt", "vtt"):
        refused = server.upload(TRANSCRIBE, question, model="whisper-1", response_format=form)
        assert refused.status == 400 and refused.error["param"] == "response_format"


def test_figures_are_counted(server: Running) -> None:
    def figure(name: str) -> float:
        page = server.ask("GET", "/metrics").body.decode()
        return sum(float(value) for value in re.findall(rf"^antiphon_{name}(?:{{[^}}]*}})? (\S+)", page, re.M))

    names = ("generation_tokens_total", "prompt_tokens_total", r"errors_total{code=\"missing_required_parameter\"}")
    before = [figure(name) for name in names]
    usage = server.post(CHAT, model="m", messages=[CAPITAL]).json["usage"]
    server.post(CHAT, model="m")
    gained = [figure(name) - old for name, old in zip(names, before, strict=True)]
    assert gained == [usage["completion_tokens"], usage["prompt_tokens"], 1]
    assert figure("num_requests_running") == 0


def test_requests_take_turns_and_do_not_hear_each_other(server: Running) -> None:
    questions = ["hello", "who are you?"]
    ask = lambda q: server.post(CHAT, model="m", messages=[{"role": "user", "content": q}], **ALOUD).json  # noqa: E731
    alone = [ask(q)["choices"][0]["message"]["audio"] for q in questions]
    with ThreadPoolExecutor(2) as pool:
        together = [answer["choices"][0]["message"]["audio"] for answer in pool.map(ask, questions)]
    assert [(a["data"], a["transcript"]) for a in alone] == [(a["data"], a["transcript"]) for a in together]


def test_the_released_tasks_are_told_and_asked_for_in_their_words(server: Running, question: bytes) -> None:
    told = server.ask("GET", "/v1/tasks").json
    cards = {card["id"]: card for card in told["data"]}
    assert list(cards) == list(PROMPTS) and told["bounds"]["body_bytes"] == 26 << 20
    assert {name for name, card in cards.items() if card["is_learnt"]} == {"transcribe", "speak", "talk_feelingly"}
    assert {name for name, card in cards.items() if card["takes"] == "text"} == {"speak", "speak_translated"}
    card = cards["transcribe"]
    assert card["instructions"] == PROMPTS["transcribe"].system and card["gives"] == "text"
    messages = [{"role": "system", "content": card["instructions"]}, asked(question)]
    answer = server.post(CHAT, model="m", messages=messages, temperature=card["temperature"]).json
    written = server.upload(TRANSCRIBE, question, model="whisper-1").json["text"]
    assert answer["choices"][0]["message"]["content"] == written
