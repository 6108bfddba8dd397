"""JSON to frozen dataclasses and back, strictly.

A message is declared once, as a dataclass; its annotations say what may stand in each field:

    str int float bool None          as in JSON; true is no number, a number must be finite
    Literal["a", "b"]                one of these
    tuple[X, ...]  Mapping[str, X]   an array, an object
    object                           any JSON
    A | B                            objects are told apart by their `type` and `role`
    Annotated[X, Range | Size | Pattern | Base64]    with a bound

A field with a default may be absent. Null is the same as absent, unless the field may be None. Unknown keys are
refused.
"""

import base64
import binascii
import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from antiphon.server.protocol.refusal import (
    INVALID_JSON,
    INVALID_TYPE,
    INVALID_VALUE,
    MISSING,
    TOO_LARGE,
    UNKNOWN,
    Refusal,
)

MAX_FRAME = 15 << 20  # bytes of one message; as OpenAI
MAX_MARKS = 1 << 18  # brackets and commas of one message: small values cost far more memory than text
MAX_DEPTH = 24  # objects and arrays within each other
SHOWN = 60  # characters of a client's own text that an error repeats
TAGS = ("type", "role")
DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,")
URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`."""

    low: int | float
    high: int | float

    def check(self, value: Any, path: str) -> Any:
        if not self.low <= value <= self.high:
            raise _wrong(path, f"{shown(value)} is out of range; expected {self.low:g} to {self.high:g}")
        return value


@dataclass(frozen=True)
class Size:
    """Text, an array or an object with at most `most` and at least `least` characters or entries."""

    most: int
    least: int = 0

    def check(self, value: Any, path: str) -> Any:
        if not self.least <= len(value) <= self.most:
            raise _wrong(path, f"its length is {len(value)}; expected {self.least} to {self.most}")
        return value


@dataclass(frozen=True)
class Pattern:
    """Text that `regex` matches whole."""

    regex: str

    def check(self, value: Any, path: str) -> Any:
        if not re.fullmatch(self.regex, value):
            raise _wrong(path, f"{shown(value)} does not match {self.regex}")
        return value


@dataclass(frozen=True)
class Base64:
    """At most `most` bytes written as base64, alone or behind `data:...;base64,`. Never a path, never a URL."""

    most: int

    def check(self, value: Any, path: str) -> bytes:
        if isinstance(value, bytes):
            return value
        head = DATA_URL.match(value, 0, 256)
        if head is None and URL.match(value, 0, 32):
            raise _wrong(path, f"{shown(value)} is a URL, and none is opened; expected base64")
        encoded = value[head.end() :] if head else value
        if len(encoded) > (self.most + 2) // 3 * 4:
            raise Refusal(
                f"{path} holds {len(encoded)} characters of base64; expected at most {self.most} bytes.",
                code=TOO_LARGE,
                param=path,
                status=413,
            )
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise _wrong(path, f"{shown(encoded)} is no valid base64") from None


def omitted() -> Any:
    """A field that may be None, and is then left out of the JSON."""
    return field(default=None, metadata={"omit": True})


def shown(value: object) -> str:
    """A client's value, short enough and harmless enough for an error message."""
    if isinstance(value, dict | list):
        return _named(value)
    text = repr(value[: SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def parse_object(frame: str | bytes, most: int = MAX_FRAME) -> dict[str, Any]:
    """One JSON object from a frame of at most `most` bytes.

    Raises:
        Refusal: too large, no JSON, no object, nested too deeply, or with text that is not Unicode.
    """
    if len(frame) > most:
        what = f"The message has {len(frame)} bytes; expected at most {most}: send it in parts."
        raise Refusal(what, code=TOO_LARGE, status=413)
    try:
        text = frame.decode("utf-8") if isinstance(frame, bytes) else frame
        if sum(map(text.count, "[{,")) > MAX_MARKS:
            what = f"The message has more than {MAX_MARKS} brackets and commas; send it in parts."
            raise Refusal(what, code=TOO_LARGE, status=413)
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal("The message is not valid JSON; expected one JSON object in UTF-8.", code=INVALID_JSON) from None
    if not isinstance(value, dict):
        raise Refusal(f"The message is {_named(value)}; expected a JSON object.", code=INVALID_JSON)
    _check_tree(value)
    return value


def read(kind: type[T], value: object, path: str = "") -> T:
    """A JSON value as the dataclass `kind`; `path` names it in errors.

    Raises:
        Refusal: with the path of the first field that is wrong.
    """
    result: T = _read(kind, value, path)
    return result


def read_as(kind: Any, value: object, path: str = "") -> Any:
    """As `read`, for any annotation: a union, a tuple."""
    return _read(kind, value, path)


def write(value: Any) -> Any:
    """A message as JSON values; bytes become base64."""
    if is_dataclass(value):
        named = ((f, getattr(value, f.name)) for f in fields(value))
        return {f.name: write(v) for f, v in named if not (v is None and f.metadata.get("omit"))}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple | list):
        return [write(v) for v in value]
    if isinstance(value, Mapping):
        return {k: write(v) for k, v in value.items()}
    return value


def dumps(value: Any) -> str:
    """A message as one line of JSON."""
    return json.dumps(write(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _wrong(path: str, what: str, code: str = INVALID_VALUE) -> Refusal:
    return Refusal(f"{path or 'The message'}: {what}.", code=code, param=path or None)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _check_tree(value: object) -> None:
    """Depth and text of a whole message, level by level, so that depth costs no stack."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                inner += node.keys()
                inner += node.values()
            elif isinstance(node, list):
                inner += node
            elif isinstance(node, str) and not node.isascii():
                _check_text(node)
        if not inner:
            return
        level = inner
    raise Refusal(f"The message is nested deeper than {MAX_DEPTH} levels; send a flatter one.", code=INVALID_JSON)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("The message holds half of a surrogate pair; expected Unicode text.", code=INVALID_JSON) from None


def _named(value: object) -> str:
    """What a JSON value is, in JSON's words."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _read(kind: Any, value: object, path: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        base, *bounds = args
        value = _read(str if base is bytes else base, value, path)
        for bound in bounds:
            value = bound.check(value, path)
        return value
    if origin in (Union, types.UnionType):
        return _read_union(args, value, path)
    if origin is Literal:
        if not any(value == a and type(value) is type(a) for a in args):
            raise _wrong(path, f"{shown(value)} is not supported; expected {' or '.join(map(repr, args))}")
        return value
    if not _fits(kind, value):
        raise _wrong(path, f"it is {_named(value)}; expected {_expected(kind)}", INVALID_TYPE)
    if is_dataclass(kind):
        return _read_object(kind, value, path)
    if origin is tuple:
        return tuple(_read(args[0], v, f"{path}[{i}]") for i, v in enumerate(value))  # type: ignore[arg-type, var-annotated]
    if origin is Mapping:
        return {k: _read(args[1], v, _join(path, k)) for k, v in value.items()}  # type: ignore[attr-defined]
    if kind is float or kind is int:
        return _read_number(kind, value, path)
    return value


def _read_number(kind: Any, value: Any, path: str) -> Any:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(path, "it is no finite number")
    return number if kind is float else value


def _read_union(kinds: tuple[Any, ...], value: object, path: str) -> Any:
    kinds = tuple(k for k in kinds if _fits(k, value))
    if len(kinds) == 1:
        return _read(kinds[0], value, path)
    if kinds and isinstance(value, dict):
        return _read(_choose(kinds, value, path), value, path)
    refusal = _wrong(path, f"{_named(value)} is not accepted here", INVALID_TYPE)
    for kind in kinds:
        try:
            return _read(kind, value, path)
        except Refusal as wrong:
            refusal = wrong
    raise refusal


def _choose(kinds: tuple[Any, ...], value: dict[str, object], path: str) -> Any:
    """The one of several dataclasses whose tags (`type`, `role`) an object bears."""
    for tag in TAGS:
        allowed = {k: get_args(_hints(k)[tag]) for k in kinds if tag in _hints(k)}
        if not allowed:
            continue
        if tag not in value:
            raise _wrong(_join(path, tag), "it is missing", MISSING)
        names = sorted({str(a) for args in allowed.values() for a in args})
        kinds = tuple(k for k, args in allowed.items() if value[tag] in args)
        if not kinds:
            what = f"{shown(value[tag])} is not supported; expected one of {', '.join(names)}"
            raise _wrong(_join(path, tag), what)
    return kinds[0]


def _read_object(kind: Any, value: Any, path: str) -> Any:
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            name = _join(path, key[:SHOWN])
            raise Refusal(f"Unknown parameter: {shown(name)}; remove it.", code=UNKNOWN, param=name)
    found = {}
    for f in fields(kind):
        given = value.get(f.name)
        if given is None and not (f.name in value and _fits(hints[f.name], None)):
            if not _has_default(f):
                what = "it is null" if f.name in value else "it is missing"
                raise _wrong(_join(path, f.name), what, MISSING)
            continue
        found[f.name] = _read(hints[f.name], given, _join(path, f.name))
    try:
        return kind(**found)
    except Refusal as refusal:
        raise refusal.below(path) from None


def _has_default(f: "Field[Any]") -> bool:
    return f.default is not NO_DEFAULT or f.default_factory is not NO_DEFAULT


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _fits(kind: Any, value: object) -> bool:
    """Whether a JSON value is of the sort (object, array, string, ...) that an annotation asks for."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _fits(str if args[0] is bytes else args[0], value)
    if origin in (Union, types.UnionType):
        return any(_fits(k, value) for k in args)
    if origin is Literal:
        return any(type(value) is type(a) for a in args)
    if kind is object:
        return True
    if kind is float:
        return type(value) in (int, float)
    expected: type = dict if origin is Mapping or is_dataclass(kind) else list if origin is tuple else kind
    return type(value) is expected


def _expected(kind: Any) -> str:
    if get_origin(kind) is Mapping or is_dataclass(kind):
        return "an object"
    if get_origin(kind) is tuple:
        return "an array"
    return {str: "a string", int: "an integer", float: "a number", bool: "a boolean"}.get(kind, "another type")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
