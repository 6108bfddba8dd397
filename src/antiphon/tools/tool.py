"""A tool: what the model is told of it, and the function that answers its calls."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.errors import InputError, ToolError
from antiphon.tools import clock

__all__ = ["CLOCK", "TOOLS", "Tool", "run_tool", "schema"]


@dataclass(frozen=True)
class Tool:
    """`function` is a definition in OpenAI's form (name, description, parameters); `run` takes the arguments."""

    function: Mapping[str, Any]
    run: Callable[[Mapping[str, Any]], str]

    def __post_init__(self) -> None:
        if not isinstance(self.function.get("name"), str) or not self.function["name"]:
            raise InputError(f"a tool was defined as {dict(self.function)!r}; its definition needs a name.")

    @property
    def name(self) -> str:
        """The name under which the model calls it."""
        return str(self.function["name"])


CLOCK = Tool(clock.FUNCTION, clock.run)
TOOLS: Mapping[str, Tool] = {CLOCK.name: CLOCK}  # those that a variant can be offered by name


def schema(tools: Sequence[Tool]) -> str:
    """What the model is told of the tools on offer."""
    return json.dumps([{"type": "function", "function": dict(tool.function)} for tool in tools], ensure_ascii=False)


def run_tool(tools: Sequence[Tool], name: str, arguments: Mapping[str, Any]) -> str:
    """Answer a call. Whatever goes wrong inside a tool is a ToolError: the model is told, the conversation goes on."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        raise ToolError(f"there is no tool {name!r}; those on offer are {', '.join(t.name for t in tools) or 'none'}.")
    try:
        return str(tool.run(arguments))
    except ToolError:
        raise
    except Exception as error:  # a tool is somebody else's code
        raise ToolError(f"the tool {name!r} failed ({type(error).__name__}: {error}); do without it.") from error
