"""Which tools there are, and whom they may ask: a YAML file of the operator.

    zone: Europe/Paris                      offline: false            tools: [web_search, get_weather, calculate]
    documents: ~/notes-index                voices: ~/voices
    search:  [{kind: searxng, url: "http://127.0.0.1:8888"}, {kind: brave, key_variable: BRAVE_KEY}]
    weather: {url: ..., geocoding: ..., key_variable: ...}
    mcp:     {clock: {command: [mcp-server-time], allow: [convert_time], effects: {convert_time: read}, pin: ...}}

Keys stand in the environment and are named here. Everything has a default; nothing is asked of the network until some
of it is named (`search`, `weather`), or `weather: {}` says that the public service may be asked.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from antiphon.errors import ConfigError
from antiphon.tools.mcp_client import McpServer

NAMES = ("web_search", "get_weather", "get_date_time", "timbre_rag", "calculate")


@dataclass(frozen=True, kw_only=True)
class ToolSettings:
    """The file, read and checked."""

    tools: tuple[str, ...] = NAMES
    offline: bool = False  # tools that need a network are not offered
    zone: str | None = None  # of the user; None: the machine's own
    documents: Path | None = None  # None: the user's own folder
    voices: Path | None = None
    search: tuple[Mapping[str, str], ...] = ()  # engines, in the order in which they are asked
    weather: Mapping[str, str] | None = None  # None: nobody is asked
    mcp: tuple[McpServer, ...] = field(default=())

    def __post_init__(self) -> None:
        if unknown := [name for name in self.tools if name not in NAMES]:
            raise ConfigError(f"there is no tool {unknown[0]!r} to set up; there are {', '.join(NAMES)}.")


def read_settings(path: Path) -> ToolSettings:
    """The settings of a file. Raises ConfigError, which names what is wrong."""
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the tools' settings in {path} cannot be read ({' '.join(str(error).split())}).") from None
    try:
        return settings_of(told or {})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def settings_of(told: Any) -> ToolSettings:
    """Settings from what a YAML file says. Raises ConfigError."""
    if not isinstance(told, Mapping):
        raise ConfigError("tools' settings are names and values.")
    known = [one.name for one in fields(ToolSettings)]
    if unknown := [str(name) for name in told if name not in known]:
        raise ConfigError(f"there is no setting {unknown[0][:40]!r}; there are {', '.join(known)}.")
    given = dict(told)
    for name in ("documents", "voices"):
        if given.get(name) is not None:
            given[name] = Path(_text(given[name], name)).expanduser()
    if "tools" in given:
        given["tools"] = tuple(_texts(given["tools"], "tools"))
    if not isinstance(given.get("offline", False), bool):
        raise ConfigError(f"offline is {given['offline']!r}; say true or false.")
    given["zone"] = None if given.get("zone") is None else _text(given["zone"], "zone")
    rows = [] if given.get("search") is None else given["search"]
    if not isinstance(rows, list):
        raise ConfigError("search is a list of engines, each with its kind.")
    given["search"] = tuple(_engine(row) for row in rows)
    if given.get("weather") is not None:
        given["weather"] = _mapping(given["weather"], "weather", ("url", "geocoding", "key_variable"))
    servers = given.get("mcp") or {}
    if not isinstance(servers, Mapping):
        raise ConfigError("mcp holds servers by name.")
    given["mcp"] = tuple(_server(str(name), server) for name, server in servers.items())
    return ToolSettings(**given)


def key_of(told: Mapping[str, str]) -> str:
    """The key that an entry names. Raises ConfigError where the environment does not hold it."""
    name = told.get("key_variable", "")
    if name and not os.environ.get(name):
        raise ConfigError(f"the environment has no {name}, which is to hold a key; set it.")
    return os.environ.get(name, "") if name else ""


def _engine(row: Any) -> Mapping[str, str]:
    told = _mapping(row, "search", ("kind", "url", "key_variable"))
    if "kind" not in told:
        raise ConfigError("a search engine has no kind; say searxng, brave, tavily, exa or serper.")
    return told


def _server(name: str, told: Any) -> McpServer:
    if not isinstance(told, Mapping):
        raise ConfigError(f"mcp.{name} holds no settings; give a command or a url.")
    known = ("command", "environment", "url", "headers", "allow", "effects", "pin")
    if unknown := [str(key) for key in told if key not in known]:
        raise ConfigError(f"mcp.{name} has no setting {unknown[0][:40]!r}; there are {', '.join(known)}.")
    given: dict[str, Any] = {"name": name}
    for key in ("command", "allow"):
        given[key] = tuple(_texts(told.get(key) or [], f"mcp.{name}.{key}"))
    for key in ("environment", "effects"):
        given[key] = _mapping(told.get(key) or {}, f"mcp.{name}.{key}", None)
    headers = _mapping(told.get("headers") or {}, f"mcp.{name}.headers", None)  # header: the variable that holds it
    given["headers"] = {header: key_of({"key_variable": variable}) for header, variable in headers.items()}
    given |= {key: _text(told[key], f"mcp.{name}.{key}") for key in ("url", "pin") if told.get(key)}
    return McpServer(**given)


def _mapping(told: Any, where: str, known: tuple[str, ...] | None) -> Mapping[str, str]:
    if not isinstance(told, Mapping):
        raise ConfigError(f"{where} holds names and values.")
    if known is not None and (unknown := [str(name) for name in told if name not in known]):
        raise ConfigError(f"{where} has no setting {unknown[0][:40]!r}; there are {', '.join(known)}.")
    return {str(name): _text(value, f"{where}.{name}") for name, value in told.items()}


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ConfigError(f"{where} is {str(value)[:40]!r}; give text.")
    return str(value)


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} is {str(value)[:40]!r}; give a list.")
    return [_text(one, where) for one in value]
