"""The older names of the realtime protocol, both ways: pure functions from message to message.

Clients that send `OpenAI-Beta: realtime=v1`, or flat fields in `session.update`, speak the beta: flat session fields,
`modalities`, `response.audio.delta`. What they say is renamed before it is read, what the server says before it is
sent.
"""

from collections.abc import Mapping
from typing import Any

FORMATS: dict[str, dict[str, Any]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
FORMAT_NAMES = {form["type"]: name for name, form in FORMATS.items()}
EVENTS = {
    "conversation.item.added": "conversation.item.created",
    **{f"response.output_audio.{end}": f"response.audio.{end}" for end in ("delta", "done")},
    **{f"response.output_audio_transcript.{end}": f"response.audio_transcript.{end}" for end in ("delta", "done")},
    **{f"response.output_text.{end}": f"response.text.{end}" for end in ("delta", "done")},
}
UNKNOWN_TO_BETA = frozenset({"conversation.item.done"})
PARTS = {"output_text": "text", "output_audio": "audio"}
GA_PARTS = {old: new for new, old in PARTS.items()}
FLAT = {  # a beta field of the session, and where it stands now
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
    "input_audio_format": ("input", "format"),
    "output_audio_format": ("output", "format"),
    "turn_detection": ("input", "turn_detection"),
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
}
RENAMED = {"modalities": "output_modalities", "max_response_output_tokens": "max_output_tokens"}
DROPPED = frozenset({"temperature", "client_secret"})  # what the GA protocol no longer has
GA_ONLY = frozenset({"type", "parallel_tool_calls", "truncation", "prompt", "reasoning"})

Json = dict[str, Any]


def asks_for_beta(headers: Mapping[str, str]) -> bool:
    """Whether a handshake names the beta; the names of headers in lower case."""
    return "realtime=v1" in headers.get("openai-beta", "")


def looks_like_beta(message: Json) -> bool:
    """Whether a `session.update` has fields that only the beta had."""
    session = message.get("session")
    flat = FLAT.keys() | RENAMED.keys()
    return message.get("type") == "session.update" and isinstance(session, dict) and bool(flat & session.keys())


def from_beta(message: Json) -> Json:
    """A client's message in the words of today. What is malformed stays so, for the reader to refuse."""
    changed = dict(message)
    if isinstance(message.get("session"), dict):
        changed["session"] = {"type": "realtime", **_config_from_beta(message["session"])}
    if isinstance(message.get("response"), dict):
        changed["response"] = _config_from_beta(message["response"])
    if isinstance(message.get("item"), dict):
        changed["item"] = _item(message["item"], GA_PARTS)
    return changed


def to_beta(message: Json) -> Json | None:
    """A server's message in the words of the beta; None where the beta had no such event."""
    name = message["type"]
    if name in UNKNOWN_TO_BETA:
        return None
    changed = {**message, "type": EVENTS.get(name, name)}
    if "session" in message:
        changed["session"] = _session_to_beta(message["session"])
    if "response" in message:
        changed["response"] = _response_to_beta(message["response"])
    if "item" in message:
        changed["item"] = _item(message["item"], PARTS)
    return changed


def _config_from_beta(config: Json) -> Json:
    """A session's or a response's fields, flat ones put in their places."""
    changed: Json = {}
    audio: Json = {}
    for key, value in config.items():
        if key in FLAT:
            section, name = FLAT[key]
            known = name == "format" and isinstance(value, str)
            audio.setdefault(section, {})[name] = FORMATS.get(value, value) if known else value
        elif key not in DROPPED:
            changed[RENAMED.get(key, key)] = value
    if isinstance(changed.get("output_modalities"), list):
        changed["output_modalities"] = ["audio"] if "audio" in changed["output_modalities"] else ["text"]
    if isinstance(changed.get("input"), list):
        changed["input"] = [_item(item, GA_PARTS) for item in changed["input"]]
    if audio and "audio" not in changed:
        changed["audio"] = audio
    return changed


def _session_to_beta(session: Json) -> Json:
    changed = {k: v for k, v in session.items() if k not in GA_ONLY | {"audio", *RENAMED.values()}}
    for old, (section, name) in FLAT.items():
        if name in session.get("audio", {}).get(section, {}):
            value = session["audio"][section][name]
            changed[old] = FORMAT_NAMES[value["type"]] if name == "format" else value
    changed |= {old: session[new] for old, new in RENAMED.items() if new in session}
    if "modalities" in changed:
        changed["modalities"] = _modalities(changed["modalities"])
    return changed


def _response_to_beta(response: Json) -> Json:
    changed = {k: v for k, v in response.items() if k not in {"audio", "output_modalities"}}
    changed["output"] = [_item(item, PARTS) for item in response["output"]]
    changed["modalities"] = _modalities(response["output_modalities"])
    spoken = response.get("audio")
    if spoken:
        changed["voice"] = spoken["output"]["voice"]
        changed["output_audio_format"] = FORMAT_NAMES[spoken["output"]["format"]["type"]]
    return changed


def _modalities(modern: list[str]) -> list[str]:
    return ["text", "audio"] if "audio" in modern else ["text"]


def _item(item: Any, names: Mapping[str, str]) -> Any:
    """An item whose parts bear other names."""
    if not isinstance(item, dict) or not isinstance(item.get("content"), list) or item.get("role") != "assistant":
        return item
    return {**item, "content": [_part(part, names) for part in item["content"]]}


def _part(part: Any, names: Mapping[str, str]) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": names[kind]} if isinstance(kind, str) and kind in names else part
