"""Stages of the language-model layout that need no model: prompts, interleaving, and tool calls."""

import re
from collections.abc import Iterable
from typing import Any

from antiphon.errors import InputError, WeightsError
from antiphon.rates import PIECE_SAMPLES, mel_frames, num_rows
from antiphon.text.chat import AudioItem, Mark, Piece, Sound, Speech, Tokens, Words, render_base, render_chat
from antiphon.text.layout import TokenLayout
from antiphon.text.released import base_items, chat_messages, serving_messages
from antiphon.text.serving import render_serving
from antiphon.text.toolcall import ToolDelta, ToolStream, parse_tool_calls, stream_tool_calls
from antiphon.verify.record import Record

CALL_ID = "chatcmpl-tool-ID"  # call ids are random; the reference replaced them by this


def check_texts(record: Record) -> None:
    """Run every stage."""
    for case in dict.fromkeys(key.rsplit("/", 1)[0] for key in record.keys("prompts.json")):
        with record.stage(f"prompts.json:{case}"):
            _prompt(record, case)
    with record.stage("ta4.json"):
        layout = _layout(record)
        _interleave(record, layout)
        _split(record, layout)
    with record.stage("toolcalls.json"):
        _tool_calls(record)


# --- prompts ---------------------------------------------------------------------------------------------------------


def _prompt(record: Record, case: str) -> None:
    frames: list[int] = []

    def listen(audio: Any) -> AudioItem:
        """The reference names a recording of silence by its number of samples."""
        whole, rest = divmod(int(audio), PIECE_SAMPLES)
        pieces = [PIECE_SAMPLES] * whole + [rest] * bool(rest)
        frames.extend(mel_frames(n) for n in pieces)
        return AudioItem(tuple(num_rows(n) for n in pieces))

    kind = case.split("/")[0]
    expected = record.get("prompts.json", f"{case}/pieces")
    if kind == "serving":
        options = record.get("prompts.json", f"{case}/options")
        messages = serving_messages(record.get("prompts.json", f"{case}/conversation"), listen)
        if isinstance(expected, str):
            record.judge("prompts.json", f"{case}/pieces", 0.0 if _refused(messages, options) else 1.0)
            return
        pieces = render_serving(messages, **options)
    elif kind == "hf_base":
        pieces = render_base(base_items(record.get("prompts.json", f"{case}/messages"), listen))
    elif kind == "hf_chat":
        pieces = render_chat(chat_messages(record.get("prompts.json", f"{case}/messages"), listen))
    else:
        raise WeightsError(f"prompts.json has the kind {kind!r}; hf_chat, hf_base or serving was expected.")
    record.same("prompts.json", f"{case}/pieces", [_shown(piece) for piece in pieces])
    if record.keys("prompts.json", f"{re.escape(case)}/mel_frames"):
        record.same("prompts.json", f"{case}/mel_frames", frames)


def _refused(messages: list[Any], options: dict[str, Any]) -> bool:
    try:
        render_serving(messages, **options)
    except InputError:
        return True
    return False


def _shown(piece: Piece) -> Any:
    """A piece as the reference writes it down: text, spliced ids, or a spoken turn before it is woven."""
    if len(piece) == 1 and isinstance(piece[0], Tokens):
        return {"ids": list(piece[0].ids)}
    if piece and isinstance(piece[0], Speech):
        audio = "".join(f"<audio_{code}>" for code in piece[0].codes)
        return {"tts_text": piece[0].text, "tts_audio": audio, "text": _text(piece[1:])}
    return _text(piece)


def _text(parts: Iterable[Any]) -> str:
    text = ""
    for part in parts:
        if isinstance(part, Words):
            text += part.text
        elif isinstance(part, Mark):
            text += part.name
        elif isinstance(part, Sound):
            text += f"<audio_start><audio_patch>*{part.num_rows}<audio_end>"
        else:
            raise InputError(f"a {type(part).__name__} stands inside a piece of text.")
    return text


# --- interleaving ----------------------------------------------------------------------------------------------------


def _layout(record: Record) -> TokenLayout:
    """The ids of the folder as a layout. Speech ids may lie beyond the tiny vocabulary: they are only woven."""
    named = {key.removeprefix("ids/"): record.get("ta4.json", key) for key in record.keys("ta4.json", "ids/.*")}
    numbers = sorted(int(m[1]) for name in named if (m := re.fullmatch(r"<audio_(\d+)>", name)))
    ids = {key: record.get("tiny_ids.json", key) for key in ("audio_start", "audio_end", "audio_patch")}
    pad = record.get("tiny_ids.json", "endoftext_pad")
    eot, bot = record.get("tiny_ids.json", "eot"), record.get("tiny_ids.json", "bot_assumed")
    shared = {key: record.get("tiny_ids.json", key) for key in ("tts_start", "tts_end", "first_audio")}
    given = {"tts_start": named["<tts_start>"], "tts_end": named["<tts_end>"], "first_audio": named["<audio_0>"]}
    if shared != given:
        raise WeightsError(f"tiny_ids.json and ta4.json disagree: {shared} and {given}.")
    last = named[f"<audio_{numbers[-1]}>"]
    return TokenLayout(
        pad=pad,
        eot=eot,
        bot=bot,
        tts_pad=named["<tts_pad>"],
        num_codes=numbers[-1],
        vocab_size=last + 1,
        stop_ids=(eot, pad),
        **ids,
        **given,
    )


def _interleave(record: Record, layout: TokenLayout) -> None:
    for case in dict.fromkeys(key.rsplit("/", 1)[0] for key in record.keys("ta4.json", "interleave/.*")):
        text = record.get("ta4.json", f"{case}/text")
        codes = [layout.code_of(i) for i in record.get("ta4.json", f"{case}/audio")]
        record.same("ta4.json", f"{case}/mar2026_branch", layout.interleave(text, codes))
        record.same("ta4.json", f"{case}/aug2025_branch", layout.interleave_aug2025(text, codes))


def _split(record: Record, layout: TokenLayout) -> None:
    for case in dict.fromkeys(key.rsplit("/", 1)[0] for key in record.keys("ta4.json", "split/.*")):
        ids = record.get("ta4.json", f"{case}/output_ids")
        split = layout.split(ids)
        text, codes = layout.split_by_range(ids)
        found: dict[str, Any] = {"text": list(split.text), "audio": list(split.speech), "other": list(split.other)}
        found |= {"hf_text": text, "hf_audio": codes, "streaming_one_by_one": _one_by_one(layout, ids)}
        for key, value in found.items():
            record.same("ta4.json", f"{case}/{key}", value)
    for case in dict.fromkeys(key.rsplit("/", 1)[0] for key in record.keys("ta4.json", "is_audio_output/.*")):
        record.same("ta4.json", f"{case}/1", layout.starts_speaking(record.get("ta4.json", f"{case}/0")))


def _one_by_one(layout: TokenLayout, ids: list[int]) -> list[list[list[int]]]:
    speaking, steps = True, []
    for token in ids:
        speaking, kind = layout.split_step(speaking, token)
        steps.append([[token] if kind == name else [] for name in ("text", "speech", "other")])
    return steps


# --- tool calls ------------------------------------------------------------------------------------------------------


def _tool_calls(record: Record) -> None:
    cases = list(dict.fromkeys(key.split("/")[0] for key in record.keys("toolcalls.json")))
    parsed = [record.get("toolcalls.json", f"{case}/nonstreaming") for case in cases]
    offered = {call["function"]["name"] for case in parsed for call in case["tool_calls"]}
    for case in cases:
        whole = parse_tool_calls(record.get("toolcalls.json", f"{case}/text"), offered)
        calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in whole.calls]
        found: dict[str, Any] = {"tools_called": bool(calls), "tool_calls": calls}
        if whole.content:
            found["content"] = whole.content
        record.same("toolcalls.json", f"{case}/nonstreaming", found)
        state, steps = ToolStream(), []
        for piece, _ in record.get("toolcalls.json", f"{case}/streaming"):
            state, news = stream_tool_calls(state, piece, as_released=True)
            steps.append([piece, _delta(news)])
        record.same("toolcalls.json", f"{case}/streaming", steps)


def _delta(news: tuple[ToolDelta, ...]) -> dict[str, Any] | None:
    """What the reference sends for one piece: words, or the name or the arguments of a call."""
    delta: dict[str, Any] = {}
    for item in news:
        if item.content is not None:
            delta["content"] = item.content
        elif item.name is not None:
            head = {"index": item.index, "type": "function", "id": CALL_ID, "function": {"name": item.name}}
            delta.setdefault("tool_calls", []).append(head)
        else:
            call = {"index": item.index, "function": {"arguments": item.arguments}}
            delta.setdefault("tool_calls", []).append(call)
    return delta or None
