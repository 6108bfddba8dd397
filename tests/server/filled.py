"""Values of any message, made from its annotations: as little of it as may be, and all of it."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from antiphon.server.protocol.items import Item, OutputAudio
from antiphon.server.protocol.wire import Base64, Range, Size

PLAIN: dict[Any, Any] = {str: "word", int: 7, float: 0.5, bool: True, object: {"any": "thing"}, Any: "thing"}
TOLD: dict[tuple[str, str], Any] = {
    ("InputImage", "image_url"): "data:image/png;base64,AAAA",
    ("ChatRequest", "continue_final_message"): False,
    ("ChatRequest", "n"): 1,
    ("TranscriptionRequest", "timestamp_granularities"): (),
    ("SessionUpdate", "session"): {"type": "realtime"},
}


def filled(kind: Any, *, whole: bool) -> Any:
    """A message of this kind with only what it must have, or with everything."""
    hints = get_type_hints(kind, include_extras=True)
    values = {}
    for f in fields(kind):
        needed = f.default is MISSING and f.default_factory is MISSING
        if f.name not in ("type", "role", "object") and (whole or needed) or needed:
            values[f.name] = TOLD.get((kind.__name__, f.name), None)
            if (kind.__name__, f.name) not in TOLD:
                values[f.name] = _value(hints[f.name], whole)
    return kind(**values)


def every(kind: Any) -> list[Any]:
    """Both forms of a message; of one that holds an item, a form for each kind of it."""
    hints = get_type_hints(kind, include_extras=True)
    made = [filled(kind, whole=whole) for whole in (False, True)]
    if hints.get("item") == Item:
        made += [type(m)(**{**_fields(m), "item": item}) for m in made for item in _items()]
    return made


def _items() -> list[Any]:
    made = [filled(kind, whole=whole) for kind in get_args(Item) for whole in (False, True)]
    said = {"content": (filled(OutputAudio, whole=True),)}
    return made + [type(m)(**{**_fields(m), **said}) for m in made if getattr(m, "role", "") == "assistant"]


def _fields(message: Any) -> dict[str, Any]:
    return {f.name: getattr(message, f.name) for f in fields(message)}


def _value(kind: Any, whole: bool) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bounded(args[0], args[1:], whole)
    if origin in (Union, types.UnionType):
        return _value([a for a in args if a is not type(None)][0 if whole else -1], whole)
    if origin is Literal:
        return args[-1]
    if origin is tuple:
        return (_value(args[0], whole),) if whole else ()
    if origin is Mapping:
        return {"name": _value(args[1], whole)} if whole else {}
    if kind is bytes:
        return b"\x01\x02"
    return PLAIN[kind] if kind in PLAIN else None if kind is type(None) else filled(kind, whole=whole)


def _bounded(kind: Any, bounds: tuple[Any, ...], whole: bool) -> Any:
    (bound,) = bounds
    if isinstance(bound, Base64):
        return b"\x01\x02"
    if isinstance(bound, Range):
        return kind(max(bound.low, min(bound.high, 0.5 if kind is float else 7)))
    needs = isinstance(bound, Size) and bound.least and get_origin(kind) is tuple
    return (_value(get_args(kind)[0], whole),) if needs else _value(kind, whole)
