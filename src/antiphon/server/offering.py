"""Tools that run in the server, as the protocol knows them: as those of MCP servers.

    {"type": "mcp", "server_label": "files"}      a server of the operator's tool settings, by its name there
    {"type": "mcp", "server_label": "antiphon"}   the tools that belong to no such server

The model is offered all of them in every session. A client that names their server may narrow them (`allowed_tools`)
and have the user asked before each call (`require_approval: "always"`); "never" loosens nothing, for what asks first is
the operator's to decide. Which servers there are is the operator's alone, too: a client gives no address.
"""

from collections.abc import Sequence
from dataclasses import replace

from antiphon.runtime import live_events as live
from antiphon.server.protocol.items import ListedTool, McpCall, McpListTools, McpToolFault
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal
from antiphon.server.protocol.responses import Outcome
from antiphon.server.protocol.session import FunctionTool, McpTool, RealtimeSession, Session, Tools
from antiphon.tools.tool import Tool

OWN = "antiphon"  # the label of what belongs to no server of the operator's


def narrowed(own: Sequence[Tool], asked: Tools, path: str) -> tuple[Tool, ...]:
    """The server's own tools that a session offers in which these were asked for; a function of the client goes first.

    Raises:
        Refusal: no such server, or no such tool of it.
    """
    named = {tool.server_label: tool for tool in asked if isinstance(tool, McpTool)}
    for at, tool in enumerate(asked):
        if isinstance(tool, McpTool):
            _check(own, tool, f"{path}[{at}]")
    theirs = {tool.name for tool in asked if isinstance(tool, FunctionTool)}
    offers = [_offer(tool, named.get(_label(tool))) for tool in own if tool.name not in theirs]
    return tuple(tool for tool in offers if tool is not None)


def labels(asked: Tools) -> frozenset[str]:
    """The servers that a client has named."""
    return frozenset(tool.server_label for tool in asked if isinstance(tool, McpTool))


def listed(own: Sequence[Tool], session: Session, before: Session | None = None) -> list[McpListTools]:
    """What a client is told of the servers that a session names, and the session before it did not."""
    if not isinstance(session, RealtimeSession):
        return []
    known = labels(before.tools) if isinstance(before, RealtimeSession) else frozenset()
    offers = narrowed(own, session.tools, "session.tools")
    return [
        McpListTools(server_label=label, tools=tuple(_shown(tool) for tool in offers if _label(tool) == label))
        for label in sorted(labels(session.tools) - known)
    ]


def begun(event: live.Called) -> McpCall:
    """A call that runs here, before its answer."""
    label, name = event.label or OWN, event.name.removeprefix(f"{event.label}.")
    return McpCall(id=event.item, server_label=label, name=name, arguments=event.arguments)


def answered(call: McpCall, event: live.Ran) -> McpCall:
    """The call with its answer."""
    if event.has_failed:
        return replace(call, error=McpToolFault(message=event.output))
    return replace(call, output=event.output)


def outcome(call: McpCall, event: live.Ran) -> Outcome:
    """What is told of an answer to clients that are shown no item for it, and who is to be named with it."""
    return Outcome(
        server_label=call.server_label,
        name=call.name,
        arguments=call.arguments,
        output=event.output,
        attribution=event.note or None,
    )


def _label(tool: Tool) -> str:
    return tool.label or OWN


def _bare(tool: Tool) -> str:
    return tool.name.removeprefix(f"{tool.label}.")


def _offer(tool: Tool, wish: McpTool | None) -> Tool | None:
    """A tool as a client wishes for it; None: it does not. What asks first is one that nobody vouches for."""
    if wish is None:
        return tool
    if wish.allowed_tools is not None and _bare(tool) not in wish.allowed_tools:
        return None
    return replace(tool, effect="unknown", asks_first=True) if wish.require_approval == "always" else tool


def _check(own: Sequence[Tool], wish: McpTool, path: str) -> None:
    there = [_bare(tool) for tool in own if _label(tool) == wish.server_label]
    if not there:
        names = sorted({_label(tool) for tool in own})
        instead = f"name one of {', '.join(names)}, or offer functions" if names else "offer functions"
        what = f"There is no MCP server {wish.server_label!r} here; {instead}."
        raise Refusal(what, code=INVALID_VALUE, param=f"{path}.server_label")
    if unknown := [name for name in wish.allowed_tools or () if name not in there]:
        what = f"The MCP server {wish.server_label!r} has no tool {unknown[0]!r} here; it has {', '.join(there)}."
        raise Refusal(what, code=INVALID_VALUE, param=f"{path}.allowed_tools")


def _shown(tool: Tool) -> ListedTool:
    schema = tool.function.get("parameters", {"type": "object", "properties": {}})
    return ListedTool(name=_bare(tool), description=str(tool.function.get("description", "")), input_schema=schema)
