"""The tools that come with antiphon, set up; and as a model has learnt to call them.

    with opened(settings) as tools: session = model.session(tools=known_to("nano", tools))
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from antiphon.tools.audio_search import timbre_rag
from antiphon.tools.calculation import calculate
from antiphon.tools.date_time import get_date_time
from antiphon.tools.mcp_client import McpTools
from antiphon.tools.search.documents import Documents, default_folder
from antiphon.tools.search.engines import engine
from antiphon.tools.search.protocol import SearchProvider
from antiphon.tools.search.web import Chain, web_search
from antiphon.tools.settings import ToolSettings, key_of
from antiphon.tools.tool import CLOCK, Tool
from antiphon.tools.weather import FORECAST, PLACES, OpenMeteo, get_weather
from antiphon.voices.library import Library
from antiphon.voices.library import default_folder as voices_folder
from antiphon.voices.store import FILE

LEARNT = {"nano": {"get_weather": "weather", "timbre_rag": "audio_search"}}  # variant: our names to those that it knows


@contextmanager
def opened(settings: ToolSettings) -> Iterator[tuple[Tool, ...]]:
    """The tools of some settings, for as long as the block lasts. Raises ConfigError, InputError.

    A tool without anything to ask is not offered: a voice search without a library, the weather without a service.
    """
    with ExitStack() as stack:
        tools = list[Tool]()
        if "web_search" in settings.tools and (providers := _providers(settings, stack)):
            tools.append(web_search(Chain(providers)))
        if "get_weather" in settings.tools and settings.weather is not None:
            told = settings.weather
            places = told.get("geocoding", told.get("url", PLACES)).rstrip("/")
            tools.append(get_weather(OpenMeteo(told.get("url", FORECAST).rstrip("/"), places, key_of(told))))
        if "get_date_time" in settings.tools:
            tools.append(get_date_time(settings.zone))
        if "timbre_rag" in settings.tools and (library := _library(settings)) is not None:
            stack.callback(library.store.close)
            tools.append(timbre_rag(library.search))
        if "calculate" in settings.tools:
            tools.append(calculate)
        if settings.mcp:
            tools += stack.enter_context(McpTools(settings.mcp)).tools()
        yield tuple(tool for tool in tools if not (settings.offline and tool.needs_network))


def known_to(variant: str, tools: Sequence[Tool]) -> tuple[Tool, ...]:
    """Tools under the names by which a variant has learnt to call them; the clock in the form that nano knows."""
    names = LEARNT.get(variant)
    if names is None:
        return tuple(tools)
    known = [tool.named(names[tool.name]) if tool.name in names else tool for tool in tools]
    return tuple(CLOCK if tool.name == "get_date_time" else tool for tool in known)


def _providers(settings: ToolSettings, stack: ExitStack) -> list[SearchProvider]:
    found = list[SearchProvider]()
    folder = settings.documents or default_folder()
    if settings.documents is not None or folder.exists():
        documents = Documents(folder)
        stack.callback(documents.close)
        found.append(documents)
    if not settings.offline:
        found += [engine(told["kind"], told.get("url", ""), key_of(told)) for told in settings.search]
    return found


def _library(settings: ToolSettings) -> Library | None:
    folder = settings.voices or voices_folder()
    return Library(folder) if (folder / FILE).exists() else None
