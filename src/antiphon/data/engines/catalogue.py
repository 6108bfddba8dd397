"""The engines there are, and those that are on this machine."""

import logging

from antiphon.data.engines.festival import Festival
from antiphon.data.engines.hosted import Espeak, Flite
from antiphon.data.engines.openjtalk import OpenJTalk
from antiphon.data.engines.protocol import Engine, EngineVoice, missing
from antiphon.errors import ConfigError

log = logging.getLogger("antiphon.data.engines")

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Espeak(), Flite(), Festival(), OpenJTalk())}


def find(name: str) -> Engine:
    """An engine by its name.

    Raises:
        ConfigError: there is no such engine.
    """
    if name not in ENGINES:
        raise ConfigError(f"the engine {name!r} was asked for; use one of {', '.join(ENGINES)}.")
    return ENGINES[name]


def voice(engine: str, name: str) -> EngineVoice:
    """A voice of an engine."""
    for found in find(engine).voices:
        if found.name == name:
            return found
    raise ConfigError(f"the voice {name!r} of {engine} was asked for; use one of "
                      f"{', '.join(v.name for v in find(engine).voices)}.")  # fmt: skip


def warn_of_absent(names: tuple[str, ...], languages: tuple[str, ...]) -> None:
    """Name every package that voices of these languages need and that is not here."""
    for engine in map(find, names):
        wanted = [v for v in engine.voices if v.language in languages and not engine.has(v)]
        packages = [v.package for v in wanted] if engine.installed() else [engine.package] if wanted else []
        for package in dict.fromkeys(packages):
            log.warning("%s; the other voices go on without it.", missing(package))


def available(names: tuple[str, ...], languages: tuple[str, ...]) -> dict[str, tuple[EngineVoice, ...]]:
    """The voices of some engines that are here and speak one of these languages.

    Raises:
        ConfigError: nothing is left to speak with.
    """
    found = {
        name: tuple(v for v in find(name).voices if v.language in languages and find(name).has(v)) for name in names
    }
    found = {name: voices for name, voices in found.items() if voices}
    for language in languages:
        if not any(v.language == language for voices in found.values() for v in voices):
            needed = sorted({find(n).package for n in ENGINES if any(v.language == language for v in find(n).voices)})
            if not needed:
                raise ConfigError(f"the language {language!r} was asked for and no engine speaks it; use en, zh or ja.")
            raise ConfigError(f"no voice that speaks {language!r} is here; {missing(needed[0])}.")
    return found
