"""What the desk of a conversation is told, what it orders, and what it knows: values.

    told     Called, Kept, Dropped, Interrupted (a call) · Came (a run's answer) · Said (by the user) · Tick
    ordered  Start, Stop (a run) · Give, Report (to the model) · Listen (to the user) · Fill

A *call* is what the model wrote; a *run* is one try at it. Several calls may share a run, a call may need several.
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from antiphon.tools.result import ToolResult
from antiphon.tools.tool import Tool

# --- told ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Called:
    """The model calls a tool, in a turn that may prove to be premature. `fault`: its call cannot be read."""

    call: str
    turn: int
    name: str
    arguments: str  # a JSON object
    offered: tuple[Tool, ...]
    fault: str = ""
    language: str = "en"


@dataclass(frozen=True)
class Kept:
    """The turn of a call has come to stay."""

    call: str


@dataclass(frozen=True)
class Dropped:
    """The turn of a call was premature: there never was one."""

    call: str


@dataclass(frozen=True)
class Interrupted:
    """The user cut in, or nobody waits any more."""

    call: str


@dataclass(frozen=True)
class Came:
    """A run has come back."""

    run: int
    result: ToolResult


@dataclass(frozen=True)
class Said:
    """What the user said last, for a call that waits for a yes; None: nobody knows."""

    call: str
    text: str | None


@dataclass(frozen=True)
class Tick:
    """Time has passed; due at `Desk.deadline_ms`."""

    is_speaking: bool = False  # something is heard of the reply, or of the user


Told: TypeAlias = Called | Kept | Dropped | Interrupted | Came | Said | Tick

# --- ordered ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Run the tool, and say `Came` when it has come back."""

    run: int
    tool: Tool
    name: str  # under which it was called
    arguments: dict[str, Any]
    language: str


@dataclass(frozen=True)
class Stop:
    """Nobody waits for this run any more; if it comes back all the same, nobody minds."""

    run: int


@dataclass(frozen=True)
class Give:
    """The answer of a call: the model is told it. What it changes (its `data`) is changed now, and not before."""

    call: str
    result: ToolResult


@dataclass(frozen=True)
class Report:
    """The answer of a call whose turn is over: the history is put right, and the next reply may speak of it."""

    call: str
    result: ToolResult


@dataclass(frozen=True)
class Listen:
    """Find out what the user said last, and say `Said`."""

    call: str


@dataclass(frozen=True)
class Fill:
    """Say something short, for the answer is late."""

    call: str
    language: str


Order: TypeAlias = Start | Stop | Give | Report | Listen | Fill

# --- known -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call that has no answer yet, or one that waits until its turn has come to stay."""

    id: str
    turn: int
    tool: Tool
    name: str
    key: str  # of equal calls
    arguments: dict[str, Any]
    language: str
    since_ms: int
    is_kept: bool = False
    run: int | None = None
    result: ToolResult | None = None
    is_agreed: bool = False
    is_listening: bool = False

    def gives(self, result: ToolResult) -> ToolResult:
        """A result, under the name by which it was asked for."""
        return ToolResult(self.name, result.text, result.failed, result.data)


@dataclass(frozen=True)
class Run:
    """A try that has not come back. `late`: of a call whose turn is over."""

    id: int
    tool: Tool
    key: str
    due_ms: int
    tries_left: int
    late: str = ""


@dataclass(frozen=True)
class Known:
    """What came back a moment ago."""

    key: str
    result: ToolResult
    at_ms: int


@dataclass(frozen=True)
class Asked:
    """What the user was asked to agree to."""

    key: str
    turn: int
    at_ms: int


@dataclass(frozen=True)
class Spent:
    """What a turn has cost so far."""

    turn: int
    since_ms: int
    calls: int = 0
    cost: int = 0


@dataclass(frozen=True)
class Open:
    """All that a desk knows of one conversation."""

    calls: tuple[Call, ...] = ()
    runs: tuple[Run, ...] = ()
    known: tuple[Known, ...] = ()
    asked: tuple[Asked, ...] = ()
    spent: tuple[Spent, ...] = ()
    next_run: int = 0
    fill_ms: int | None = None  # when something is to be said, should nothing have come
    is_tainted: bool = field(default=False)  # words of others stand in the history
