"""Tools of MCP servers: started at boot, allowed one by one, their lists pinned, called like any other tool.

    settings ── McpServer ── start ── list ── allowed? pinned? ──> Tool "server.tool"      effect: unknown, unless the
                                                                                           operator says otherwise
All sessions live in one thread with an event loop of its own. What a server says of itself (descriptions, hints) is
words of others: it is cleaned, kept short, and decides nothing.
"""

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as LateError
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit

from antiphon.errors import AntiphonError, ConfigError, ToolError
from antiphon.tools.addresses import parsed
from antiphon.tools.clean import clean
from antiphon.tools.result import LONGEST, ToolResult
from antiphon.tools.signature import NAME
from antiphon.tools.tool import RULES, Context, Tool

BOOT_S, CALL_S, SLACK_S = 30.0, 10.0, 2.0
DESCRIPTION, PARAMETER = 300, 200  # characters of what a server says of a tool, of a parameter
MOST_PAGES, MOST_TOOLS = 20, 200
LOOPBACK = ("127.0.0.1", "::1", "localhost")
T = TypeVar("T")
logger = logging.getLogger("antiphon.tools")


@dataclass(frozen=True, kw_only=True)
class McpServer:
    """One server, as the operator names it: a command to start, or the address of one that runs."""

    name: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # all that it is told of ours
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow: tuple[str, ...] = ()  # its tools that may be offered
    effects: Mapping[str, str] = field(default_factory=dict)  # that the operator vouches for
    pin: str = ""  # `fingerprint` of the tools that were looked at; another list is refused

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or "." in self.name:
            raise ConfigError(f"an MCP server is named {self.name[:40]!r}; use letters, digits, _ and -.")
        if bool(self.command) == bool(self.url):
            raise ConfigError(f"the MCP server {self.name} needs either a command or a url.")
        if self.url:
            try:
                parsed(self.url, may_be_plain=urlsplit(self.url).hostname in LOOPBACK)
            except (ToolError, ValueError):
                what = "an address that cannot be used; give https, or http on this machine"
                raise ConfigError(f"the MCP server {self.name} has {what}.") from None
        if wrong := [effect for effect in self.effects.values() if effect not in RULES]:
            raise ConfigError(f"the MCP server {self.name} has the effect {wrong[0]!r}; there are {', '.join(RULES)}.")


@dataclass(frozen=True)
class Listed:
    """A tool as its server lists it."""

    name: str
    description: str
    parameters: Mapping[str, Any]


def fingerprint(tools: Sequence[Listed]) -> str:
    """What a pin is compared with: names, descriptions and schemas, whole and in any order."""
    rows = sorted([tool.name, tool.description, json.dumps(tool.parameters, sort_keys=True)] for tool in tools)
    return sha256(json.dumps(rows).encode()).hexdigest()[:32]


class McpTools:
    """The servers of one process, and the thread that they are talked to in; a context manager."""

    def __init__(self, servers: Sequence[McpServer], boot_s: float = BOOT_S) -> None:
        """`boot_s`: the time that each server has to start and to say what it can do."""
        self._boot_s = boot_s
        self._servers = {server.name: server for server in servers}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mcp", daemon=True)
        self._sessions: dict[str, Any] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> "McpTools":
        """Start all servers. Raises ConfigError for one that does not start."""
        try:
            from mcp import ClientSession  # noqa: F401
        except ImportError:
            raise ConfigError("MCP servers need another library; run: pip install 'antiphon[mcp]'") from None
        self._thread.start()
        try:
            for server in self._servers.values():
                self._await(self._start(server), self._boot_s + SLACK_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the servers that were started here."""
        if self._thread.is_alive():
            self._await(self._end(), BOOT_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(BOOT_S)
        if not self._loop.is_running():
            self._loop.close()

    def listed(self, server: str) -> list[Listed]:
        """All tools that a server has."""
        return self._await(self._list(server), self._boot_s)

    def tools(self) -> tuple[Tool, ...]:
        """The tools that are allowed. Raises ConfigError for a list that is not the one that was pinned."""
        found = list[Tool]()
        for server in self._servers.values():
            there = {tool.name: tool for tool in self.listed(server.name)}
            if missing := [name for name in server.allow if name not in there]:
                has = ", ".join(sorted(there))
                raise ConfigError(f"the MCP server {server.name} has no tool {missing[0]!r}; it has {has}.")
            allowed = [there[name] for name in server.allow]
            if allowed and fingerprint(allowed) != server.pin:
                raise ConfigError(
                    f"the tools of the MCP server {server.name} are not those that were approved; look at them with"
                    f" antiphon mcp --list, and then set pin: {fingerprint(allowed)}"
                )
            found += [self._tool(server, tool) for tool in allowed]
        return tuple(found)

    def _tool(self, server: McpServer, tool: Listed) -> Tool:
        function = {
            "name": f"{server.name}.{tool.name}"[:64],
            "description": clean(tool.description, DESCRIPTION).replace("\n", " "),
            "parameters": simplified(tool.parameters),
        }

        def run(arguments: Mapping[str, Any], context: Context) -> ToolResult:
            return self._call(server.name, tool.name, arguments, context.timeout_s)

        effect = server.effects.get(tool.name, "unknown")
        return Tool(function, run, effect, timeout_s=CALL_S, needs_network=bool(server.url), takes_context=True,
                    label=server.name)  # fmt: skip

    def _call(self, server: str, name: str, arguments: Mapping[str, Any], timeout_s: float) -> ToolResult:
        try:
            result = self._await(self._ask(server, name, dict(arguments), timeout_s), timeout_s + SLACK_S)
        except (LateError, TimeoutError):
            raise ToolError(f"{server} gave no answer in time.", code="timeout", retryable=True) from None
        except AntiphonError:
            raise
        except Exception as error:  # the server's, or the line's
            logger.warning("the MCP server %s failed", server, exc_info=error)
            late = "time" in str(error).lower()
            raise ToolError(f"{server} failed.", code="timeout" if late else "offline", retryable=True) from None
        words = "\n".join(part.text for part in result.content if part.type == "text")
        if result.is_error:
            raise ToolError(clean(words, LONGEST) or f"{name} failed.", code="failed")
        structured = result.structured_content
        text = words or (json.dumps(structured, ensure_ascii=False) if structured else "done, without words")
        return ToolResult(name, text, data={"structured": structured} if structured else {})

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _await(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except LateError:
            future.cancel()
            raise

    async def _start(self, server: McpServer) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._ends[server.name] = asyncio.Event()
        self._tasks.append(self._loop.create_task(self._live(server, ready)))
        try:
            await asyncio.wait_for(ready, self._boot_s)
        except Exception as error:
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise ConfigError(f"the MCP server {server.name} does not start: {why}") from None

    async def _live(self, server: McpServer, ready: "asyncio.Future[None]") -> None:
        """A session, from its start to its end: entered and left in one task."""
        from mcp import ClientSession

        try:
            async with AsyncExitStack() as stack:
                streams = await stack.enter_async_context(_transport(server, stack))
                session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
                await session.initialize()
                self._sessions[server.name] = session
                ready.set_result(None)
                await self._ends[server.name].wait()
        except Exception as error:
            if not ready.done():
                ready.set_exception(error)
            else:
                logger.warning("the MCP server %s is gone: %r", server.name, error)
        finally:
            self._sessions.pop(server.name, None)

    async def _end(self) -> None:
        for event in self._ends.values():
            event.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=BOOT_S / 2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _list(self, server: str) -> list[Listed]:
        from mcp.types import PaginatedRequestParams

        found, cursor = list[Listed](), None
        for _ in range(MOST_PAGES):
            page = await self._session(server).list_tools(params=PaginatedRequestParams(cursor=cursor))
            found += [Listed(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor or len(found) >= MOST_TOOLS:
                break
        return found[:MOST_TOOLS]

    async def _ask(self, server: str, name: str, arguments: dict[str, Any], timeout_s: float) -> Any:
        return await self._session(server).call_tool(name, arguments, read_timeout_seconds=timeout_s)

    def _session(self, server: str) -> Any:
        if server not in self._sessions:
            raise ToolError(f"the MCP server {server} is gone.", code="offline")
        return self._sessions[server]


def _transport(server: McpServer, stack: AsyncExitStack) -> Any:
    """The line to a server: a process without our environment, or HTTP that follows nobody elsewhere."""
    if server.command:
        from mcp import StdioServerParameters, stdio_client

        logger.info("starting the MCP server %s: %s", server.name, " ".join(server.command))
        silent = stack.enter_context(open(os.devnull, "w")) if not sys.stderr.isatty() else sys.stderr
        parameters = StdioServerParameters(
            command=server.command[0], args=list(server.command[1:]), env=dict(server.environment)
        )
        return stdio_client(parameters, errlog=silent)
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    client = httpx2.AsyncClient(headers=dict(server.headers), follow_redirects=False, trust_env=False, timeout=BOOT_S)
    return _Http(client, streamable_http_client(server.url, http_client=client))


@dataclass
class _Http:
    """A client and the line over it, entered and left together."""

    client: Any
    line: Any

    async def __aenter__(self) -> Any:
        await self.client.__aenter__()
        return await self.line.__aenter__()

    async def __aexit__(self, *why: Any) -> None:
        try:
            await self.line.__aexit__(*why)
        finally:
            await self.client.__aexit__(None, None, None)


def simplified(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema with no more in it than models have seen: plain types, choices, lists; references followed."""
    known = schema.get("$defs", {})
    properties = {
        str(name)[:64]: _plain(kind, known) for name, kind in dict(schema.get("properties", {})).items()
    }
    required = [name for name in schema.get("required", ()) if name in properties]
    return {"type": "object", "properties": properties, "required": required}


def _plain(kind: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    kind = kind if isinstance(kind, Mapping) else {}
    description = clean(str(kind.get("description", "")), PARAMETER).replace("\n", " ")
    told = {"description": description} if description else {}
    for _ in range(4):
        if "$ref" in kind:
            kind = known.get(str(kind["$ref"]).rpartition("/")[2], {})
        elif choices := [c for c in kind.get("anyOf", ()) if isinstance(c, Mapping) and c.get("type") != "null"]:
            kind = choices[0]
    plain: dict[str, Any] = {}
    if isinstance(kind.get("type"), str):
        plain["type"] = kind["type"]
    if isinstance(kind.get("enum"), list) and all(isinstance(v, str | int | float | bool) for v in kind["enum"]):
        plain["enum"] = [clean(v, 80) if isinstance(v, str) else v for v in kind["enum"]][:50]
    if plain.get("type") == "array":
        inner = _plain(kind.get("items"), known)
        plain |= {"items": {"type": inner["type"]}} if "type" in inner else {}
    return plain | told
