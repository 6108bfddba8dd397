"""Serve a model to people's clients:  antiphon serve --port 8000 --api-key KEY"""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Device, Dtype, Name, Threads, ToolFile, load_model, tools_from

VARIABLE = "ANTIPHON_API_KEY"
Apart = Annotated[
    bool | None,
    typer.Option(help="Make sound in a process of its own; by default where it has a core.", show_default=False),
]


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0: a free one.")] = 8000,
    api_key: Annotated[
        list[str] | None,
        typer.Option("--api-key", help=f"KEY, NAME=KEY or NAME=sha256:HEX; others see arguments, {VARIABLE} is safer."),
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="A file of such keys, one a line.")] = None,
    origin: Annotated[list[str] | None, typer.Option(help="A web page that may come, as https://example.org.")] = None,
    sessions: Annotated[int, typer.Option(min=1, help="Conversations at the same time.")] = 16,
    streams: Annotated[int, typer.Option(min=1, max=64, help="Replies generated at the same time; more wait.")] = 8,
    engine: Annotated[str, typer.Option(help="Who makes tokens: local (this process) or vllm (not there).")] = "local",
    engine_option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for vLLM, as gpu_memory_utilization=0.5; may be repeated.")
    ] = None,
    deterministic: Annotated[
        bool, typer.Option(help="A reply is the same whoever else talks; without it many talk with less work.")
    ] = True,
    apart: Apart = None,
    requests_per_minute: Annotated[int, typer.Option(min=1, help="Requests of one key.")] = 600,
    drain: Annotated[float, typer.Option(min=0, help="Seconds to finish what is said when told to end.")] = 20.0,
    voices: Annotated[Path | None, typer.Option(help="A library of voices that clients may choose from.")] = None,
    trace: Annotated[Path | None, typer.Option(help="A file for every id that sessions generate; for tests.")] = None,
    tools: ToolFile = None,
    model: Name = "nano",
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Threads = None,
) -> None:
    """Serve a model over the protocols of OpenAI's clients."""
    _check_installed()
    from antiphon.runtime.apart import can_be_apart
    from antiphon.server.keys import read_keys
    from antiphon.server.logs import to_stderr
    from antiphon.server.settings import Settings

    settings = Settings(
        host=host,
        port=port,
        keys=read_keys(_given(api_key, key_file)),
        origins=tuple(origin or ()),
        max_sessions=sessions,
        streams=streams,
        engine=engine,
        engine_options=_options(engine_option),
        deterministic=deterministic,
        apart=can_be_apart(device) if apart is None else apart,
        requests_per_minute=requests_per_minute,
        trace=trace,
        voices=voices,
        drain_s=drain,
    )
    from antiphon.server.serve import serve as run
    from antiphon.server.service import Service

    to_stderr()
    loaded = load_model(model, device, dtype, threads)
    with tools_from(tools, loaded.variant.name) as offered:
        run(Service(loaded, settings, offered or ()))


def _check_installed() -> None:
    from antiphon.errors import ConfigError

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError("the server's libraries are not installed; run: pip install 'antiphon[server]'") from None


def _options(given: list[str] | None) -> dict[str, object]:
    """Options by their names; values are JSON where they can be, words else."""
    from antiphon.errors import ConfigError

    options: dict[str, object] = {}
    for one in given or ():
        name, sign, value = one.partition("=")
        if not (name.isidentifier() and sign):
            raise ConfigError(f"an engine option was given as {one!r}; give it as NAME=VALUE.")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _given(arguments: list[str] | None, file: Path | None) -> list[str]:
    """Keys as they were given: arguments, a file, or else the environment."""
    from antiphon.errors import ConfigError

    given = list(arguments or ())
    if file is not None:
        try:
            given.append(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the keys in {str(file)!r} cannot be read ({error}); give a file of lines.") from None
    return given or [os.environ.get(VARIABLE, "")]
