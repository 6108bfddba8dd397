"""A typed Python function as the model is told of it, and the arguments of a call checked against that.

    def get_weather(city: str, days: Literal[1, 2, 3] = 1) -> str:      {"name": "get_weather", "description": "Tell
        '''Tell the weather of a city.                                     the weather of a city.", "parameters": ...}

        Args:
            city: the city in English
        '''

Only what models have seen: string, integer, number, boolean, lists of them, and a choice (`Literal`).
"""

import inspect
import re
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from antiphon.errors import InputError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
KINDS: Mapping[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
TAKEN: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float), "array": (list,),
    "object": (dict,), "null": (NoneType,),
}  # fmt: skip
LONGEST = 4000  # characters of one argument
CONTEXT = "context"  # the parameter that the model knows nothing of


def definition(function: Callable[..., Any], name: str = "") -> dict[str, Any]:
    """A function's definition in OpenAI's form.

    Raises InputError for a parameter without a type, or of one that cannot be told.
    """
    hints, (description, told) = get_type_hints(function), _docstring(inspect.getdoc(function) or "")
    properties, required = dict[str, Any](), list[str]()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == CONTEXT:
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise InputError(f"a tool has the parameter {parameter}; give each parameter a name and a type.")
        kind = _kind(hints.get(parameter.name), f"{function.__name__}({parameter.name})")
        properties[parameter.name] = kind | ({"description": w} if (w := told.get(parameter.name)) else {})
        required += [parameter.name] if parameter.default is parameter.empty else []
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"name": checked(name or function.__name__), "description": description, "parameters": parameters}


def checked(name: str) -> str:
    """A name under which a tool can be called. Raises InputError."""
    if not NAME.fullmatch(name):
        raise InputError(f"a tool is named {name[:80]!r}; use letters, digits, and _ . - (64 at most).")
    return name


def fault_of(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """What a call's arguments should have been, in a sentence for the model; empty if they are that."""
    if "properties" not in parameters:
        return ""  # nothing is said of what it takes
    properties, required = parameters["properties"], parameters.get("required", ())
    missing = [f"{name} is missing" for name in required if name not in arguments]
    unknown = [f"there is no {name[:40]}" for name in arguments if name not in properties]
    known = [name for name in arguments if name in properties]
    wrong = [f"{name} is wrong" for name in known if not _fits(arguments[name], properties[name])]
    faults = [*missing, *unknown, *wrong]
    if not faults:
        return ""
    takes = "; ".join(f"{name}: {_taken(kind)}" for name, kind in properties.items())
    count = {0: "no arguments", 1: "one argument, "}.get(len(properties), f"{len(properties)} arguments, ")
    return f"it takes {count}{takes}. {faults[0]}."


def _taken(kind: Any) -> str:
    kind = kind if isinstance(kind, Mapping) else {}
    return ", ".join(map(str, kind["enum"])) if "enum" in kind else str(kind.get("type", "anything"))


def _fits(value: Any, kind: Any) -> bool:
    if not isinstance(kind, Mapping):
        return True
    if "enum" in kind and value not in kind["enum"]:
        return False
    kinds = kind.get("type", ())
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    taken = tuple(python for name in names for python in TAKEN.get(name, (object,)))
    if names and (not isinstance(value, taken) or (isinstance(value, bool) and not {bool, object} & {*taken})):
        return False
    if isinstance(value, str) and len(value) > LONGEST:
        return False
    return not (isinstance(value, list) and "items" in kind) or all(_fits(item, kind["items"]) for item in value)


def _kind(hint: Any, where: str) -> dict[str, Any]:
    if hint in KINDS:
        return {"type": KINDS[hint]}
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) and NoneType in inner and len(inner) == 2:
        return _kind(next(kind for kind in inner if kind is not NoneType), where)
    if origin is Literal and len({type(value) for value in inner}) == 1 and type(inner[0]) in KINDS:
        return {"type": KINDS[type(inner[0])], "enum": list(inner)}
    if origin is list and inner[0] in KINDS:
        return {"type": "array", "items": _kind(inner[0], where)}
    raise InputError(f"{where} is a {hint}; a tool takes str, int, float, bool, a list of them, or a Literal.")


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What a function does, and what its parameters are: the first paragraph, and a section `Args:`."""
    description = " ".join(text.split("\n\n")[0].split())
    told, name = dict[str, str](), ""
    for line in text.partition("\nArgs:\n")[2].splitlines():
        if line.strip() and not line.startswith(" "):
            break
        if found := re.fullmatch(r" {1,4}(\w+)(?: \([^)]*\))?: *(.*)", line):
            name, told[found[1]] = found[1], found[2]
        elif name:
            told[name] = f"{told[name]} {line.strip()}".strip()
    return description, told
