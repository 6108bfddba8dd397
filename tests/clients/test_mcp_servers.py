"""MCP servers that other people wrote, unmodified: one from PyPI over standard input, one from npm over both lines.

`make test-clients` installs them into `.clients/mcp`.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from antiphon.tools.mcp_client import McpServer, McpTools, fingerprint
from antiphon.tools.running import answer
from antiphon.tools.tool import Context, Tool

pytestmark = pytest.mark.clients
MADE = Path(os.environ.get("ANTIPHON_MCP_SERVERS") or Path(__file__).parents[2] / ".clients" / "mcp")
TIME = MADE / "bin" / "mcp-server-time"
EVERYTHING = MADE / "node_modules" / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
PATIENT_S = 240.0  # a busy machine may take so long to start one
NODE = shutil.which("node")


@contextmanager
def approved(server: McpServer, allow: tuple[str, ...]) -> Iterator[dict[str, Tool]]:
    """Its tools, when somebody has looked at them and pinned the list."""
    with McpTools([server], PATIENT_S) as there:
        listed = [tool for tool in there.listed(server.name) if tool.name in allow]
    told = {"name": server.name, "command": server.command, "url": server.url, "allow": allow}
    with McpTools([McpServer(**told, pin=fingerprint(listed))], PATIENT_S) as there:  # type: ignore[arg-type]
        yield {tool.name: tool for tool in there.tools()}


def ask(tool: Tool, **arguments: object) -> str:
    result = answer(tool, tool.name, arguments, Context("en", 20.0))
    assert not result.failed, result.text
    return result.text


def test_the_time_server_of_pypi() -> None:
    assert TIME.exists(), f"{TIME} is not there; run: make test-clients"
    server = McpServer(name="time", command=(str(TIME), "--local-timezone", "Europe/Paris"))
    with approved(server, ("get_current_time", "convert_time")) as tools:
        now, convert = tools["time.get_current_time"], tools["time.convert_time"]
        assert "Asia/Tokyo" in ask(now, timezone="Asia/Tokyo")
        told = ask(convert, source_timezone="Europe/Paris", time="12:00", target_timezone="Asia/Tokyo")
        assert "Asia/Tokyo" in told and ("19:00" in told or "20:00" in told)
        wrong = answer(now, "get_current_time", {"timezone": "Moon/Base"}, Context())
        assert wrong.code == "failed" and "http" not in wrong.text


@pytest.fixture
def everything_http(tmp_path: Path) -> Iterator[str]:
    assert NODE is not None and EVERYTHING.exists(), f"{EVERYTHING} is not there; run: make test-clients"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [NODE, str(EVERYTHING), "streamableHttp"]
    environment = {"PATH": os.environ["PATH"], "PORT": str(port)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.kill()


def check_everything(server: McpServer) -> None:
    with approved(server, ("echo", "get-sum", "get-tiny-image")) as tools:
        assert "hello" in ask(tools["all.echo"], message="hello")
        assert "5" in ask(tools["all.get-sum"], a=2, b=3)
        assert "iVBOR" not in ask(tools["all.get-tiny-image"])  # the picture stays where it is


def test_the_reference_server_of_npm_over_standard_input() -> None:
    assert NODE is not None and EVERYTHING.exists(), f"{EVERYTHING} is not there; run: make test-clients"
    check_everything(McpServer(name="all", command=(NODE, str(EVERYTHING), "stdio")))


def test_the_reference_server_of_npm_over_http(everything_http: str) -> None:
    check_everything(McpServer(name="all", url=everything_http))
