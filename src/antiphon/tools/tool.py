"""A tool: what the model is told of it, the function that answers its calls, and what calling it does to the world.

    @tool("read", timeout_s=4, retries=1)
    def get_weather(city: str) -> str:
        '''Tell the weather of a city.'''

| effect    | before the turn has ended   | beside others | when the user cuts in     | asks first |
|-----------|-----------------------------|---------------|---------------------------|------------|
| `read`    | runs                        | yes           | ends                      | no         |
| `session` | runs, changes nothing yet   | no            | ends, nothing is changed  | no         |
| `write`   | waits                       | no            | goes on, reported later   | yes        |
| `unknown` | waits                       | no            | goes on, reported later   | yes        |
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Literal

from antiphon.errors import InputError, ToolError
from antiphon.tools import clock
from antiphon.tools.signature import CONTEXT, checked, definition

__all__ = ["CLOCK", "RULES", "TOOLS", "Context", "Effect", "Rule", "Tool", "run_tool", "schema", "tool"]

Effect = Literal["read", "session", "write", "unknown"]


@dataclass(frozen=True)
class Rule:
    """A row of the table above."""

    may_speculate: bool
    runs_beside_others: bool
    ends_on_barge_in: bool
    asks_first: bool


RULES: Mapping[str, Rule] = {
    "read": Rule(True, True, True, False),
    "session": Rule(True, False, True, False),
    "write": Rule(False, False, False, True),
    "unknown": Rule(False, False, False, True),
}


@dataclass(frozen=True)
class Context:
    """What a function may want to know of the conversation: its parameter `context`."""

    language: str = "en"  # that is spoken: "en" or "zh"
    timeout_s: float = 4.0  # until nobody waits any more


@dataclass(frozen=True)
class Tool:
    """`function` is a definition in OpenAI's form (name, description, parameters); `run` takes the arguments.

    `run` answers with text, with data (JSON for the model), or with a `ToolResult`; it may be a coroutine function.
    """

    function: Mapping[str, Any]
    run: Callable[..., Any]
    effect: str = "unknown"  # one of `Effect`
    timeout_s: float = 4.0
    retries: int = 0  # of what may go well another time; never of what writes, unless it is idempotent
    is_idempotent: bool | None = None  # twice is as good as once; None: as it is with reading
    asks_first: bool | None = None  # None: by its effect
    has_filler: bool = True  # something is said when it is late
    cost: int = 1
    needs_network: bool = False
    is_trusted: bool = False  # its words are ours, not those of others
    takes_context: bool = False
    aliases: tuple[str, ...] = ()  # other names under which a model may call it
    label: str = ""  # of the MCP server that it belongs to

    def __post_init__(self) -> None:
        if not isinstance(self.function.get("name"), str) or not self.function["name"]:
            raise InputError(f"a tool was defined as {dict(self.function)!r}; its definition needs a name.")
        if self.effect not in RULES:
            raise InputError(f"the tool {self.name!r} has the effect {self.effect!r}; there are {', '.join(RULES)}.")
        if not 0 < self.timeout_s <= 600:
            raise InputError(f"the tool {self.name!r} has {self.timeout_s} s of time; give more than 0, at most 600.")

    @property
    def name(self) -> str:
        """The name under which the model calls it."""
        return str(self.function["name"])

    @property
    def rule(self) -> Rule:
        """What its effect decides."""
        return RULES[self.effect]

    @property
    def may_repeat(self) -> bool:
        """Whether trying again can do no harm."""
        return self.rule.may_speculate if self.is_idempotent is None else self.is_idempotent

    def answers_to(self, name: str) -> bool:
        """Whether this is the tool of that name."""
        return name == self.name or name in self.aliases

    def named(self, name: str, description: str = "") -> "Tool":
        """The same under another name, as some model knows it."""
        told = {"description": description} if description else {}
        aliases = tuple(dict.fromkeys((self.name, *self.aliases)))
        return replace(self, function={**self.function, "name": checked(name), **told}, aliases=aliases)


def tool(effect: str = "unknown", *, name: str = "", **options: Any) -> Callable[[Callable[..., Any]], Tool]:
    """A typed function as a tool: its definition is its signature and its docstring; `options` are those of `Tool`.

    Raises InputError for a signature that no model can be told.
    """

    def make(function: Callable[..., Any]) -> Tool:
        takes_context = CONTEXT in signature(function).parameters

        def run(arguments: Mapping[str, Any], context: Context = Context()) -> Any:  # noqa: B008 (a value)
            return function(**arguments, **({CONTEXT: context} if takes_context else {}))

        return Tool(definition(function, name), run, effect, takes_context=True, **options)

    return make


CLOCK = Tool(clock.FUNCTION, clock.run, "read", is_trusted=True)
TOOLS: Mapping[str, Tool] = {CLOCK.name: CLOCK}


def schema(tools: Sequence[Tool]) -> str:
    """What the model is told of the tools on offer."""
    return json.dumps([{"type": "function", "function": dict(tool.function)} for tool in tools], ensure_ascii=False)


def run_tool(tools: Sequence[Tool], name: str, arguments: Mapping[str, Any], context: Context | None = None) -> Any:
    """Answer a call. Whatever goes wrong inside a tool is a ToolError: the model is told, the conversation goes on."""
    tool = next((tool for tool in tools if tool.answers_to(name)), None)
    if tool is None:
        raise ToolError(f"there is no tool {name!r}; those on offer are {', '.join(t.name for t in tools) or 'none'}.")
    try:
        return tool.run(arguments, context or Context()) if tool.takes_context else tool.run(arguments)
    except ToolError:
        raise
    except Exception as error:  # a tool is somebody else's code
        raise ToolError(f"the tool {name!r} failed ({type(error).__name__}: {error}); do without it.") from error
