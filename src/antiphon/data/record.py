"""Dialogues as JSON and back, for the index of a shard."""

from dataclasses import asdict
from typing import Any

from antiphon.data.world import Dialogue, ToolCall, Turn


def dialogue_to_json(dialogue: Dialogue) -> dict[str, Any]:
    """Return a dialogue as plain values that `json` can write."""
    return asdict(dialogue)


def dialogue_from_json(values: dict[str, Any]) -> Dialogue:
    """Return the dialogue that `dialogue_to_json` wrote, also after a trip through JSON text."""
    return Dialogue(task=values["task"], turns=tuple(_turn(turn) for turn in values["turns"]))


def _turn(values: dict[str, Any]) -> Turn:
    call = values["tool_call"]
    slots = tuple((name, value) for name, value in values["slots"])
    return Turn(**{**values, "slots": slots, "tool_call": None if call is None else ToolCall(**call)})
