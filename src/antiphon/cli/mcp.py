"""antiphon for other agents, by the Model Context Protocol:  antiphon mcp --folder recordings"""

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Device, Dtype, Name, Threads, load_model


def mcp(
    folder: Annotated[Path, typer.Option(help="Where recordings are read and written; nothing else is.")] = Path("."),
    http: Annotated[int | None, typer.Option(help="A port of this machine, instead of standard input.")] = None,
    show: Annotated[
        Path | None, typer.Option("--list", help="Show the MCP servers of tools' settings: tools, and their pins.")
    ] = None,
    model: Name = "nano",
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Serve transcribing, speaking, translating and the search for voices to other agents."""
    from antiphon.errors import InputError

    if show is not None:
        _show(show)
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name the one whose recordings may be read.")
    from antiphon.server.mcp import Offered, make_server
    from antiphon.voices.library import Library, default_folder
    from antiphon.voices.store import FILE

    shelf = default_folder()
    library = Library(shelf) if (shelf / FILE).exists() else None
    server = make_server(Offered(load_model(model, device, dtype, threads), folder, library))
    if http is None:
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=http)


def _show(settings: Path) -> None:
    """What each server offers, and the pin of what is allowed of it."""
    from antiphon.tools.mcp_client import McpTools, fingerprint
    from antiphon.tools.settings import read_settings

    servers = read_settings(settings).mcp
    for server in servers:
        print(f"{server.name}: {server.url or ' '.join(server.command)}")
    with McpTools(servers) as there:
        for server in servers:
            listed = there.listed(server.name)
            for tool in listed:
                mark = "allowed" if tool.name in server.allow else "not allowed"
                print(f"  {server.name}.{tool.name} ({mark}): {' '.join(tool.description.split())}")
            print(f"  pin: {fingerprint([tool for tool in listed if tool.name in server.allow])}")
