"""All lines of nano's measurement, one after another.

    for figure in measure(bench, ["asr", "tools"]): ...
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from antiphon.audio.wave import Audio
from antiphon.data import recogniser
from antiphon.errors import ConfigError
from antiphon.eval import lines, spoken
from antiphon.eval.bench import Bench, Listener
from antiphon.eval.figures import Figure
from antiphon.eval.held import answer
from antiphon.rates import HEARD_HZ
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.model import load
from antiphon.runtime.sample import Sampling
from antiphon.runtime.session import Session
from antiphon.text.prompts import task_prompt
from antiphon.text.variants import VARIANTS

Line = Callable[[Bench], list[Figure]]
LINES: Mapping[str, Line] = MappingProxyType(
    {
        "asr": lines.asr, "answers": lines.answers, "speech": spoken.speech, "translate": lines.translate,
        "hear": lines.hear, "react": lines.react, "tools": lines.tools, "manner": spoken.manner,
        "voice": spoken.voice, "think": lines.think, "outside": lines.outside,
    }
)  # fmt: skip


def open_bench(name: str, folder: Path, limit: int | None = None, judge: str = "") -> Bench:
    """Load a model, and another view of it that thinks; `judge` is module:function, which returns one for English.

    Raises:
        ConfigError: no judge of speech is here.
    """
    model = load(name)
    thinking = f"{model.variant.name}-think"
    thinker = load(name, variant=thinking) if thinking in VARIANTS else model
    listener, judge_name = _judge(judge)
    own = own_ears(model)
    ears_name = f"{judge_name} in English and its own ears in Chinese" if judge else "its own ears"

    def ears(sound: Audio, language: str) -> str:
        return (listener if judge and language == "en" else own)(sound, language)

    return Bench(model=model, thinker=thinker, folder=folder, limit=limit, judge=listener, judge_name=judge_name,
                 ears=ears, ears_name=ears_name)  # fmt: skip


def _judge(name: str) -> tuple[Listener, str]:
    if not name:
        return pocketsphinx, "pocketsphinx"
    module, _, function = name.partition(":")
    try:
        made: Listener = getattr(import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the judge {name!r} cannot be had ({error}); give module:function.") from error
    return made, function


def pocketsphinx(sound: Audio, language: str) -> str:
    """English by a recogniser that was trained on people; Chinese it does not know."""
    return recogniser.understood(sound.heard.numpy(), HEARD_HZ) if language == "en" else ""


def own_ears(model: Loaded) -> Listener:
    """The model's own transcription."""

    def listen(sound: Audio, language: str) -> str:
        session = Session(model, system=task_prompt("transcribe").system, tools=(), sampling=Sampling())
        return answer(session.reply(sound, speech=False, max_tokens=256)).text

    return listen


def chosen(only: Sequence[str]) -> dict[str, Line]:
    """The lines of some names; all without any.

    Raises:
        ConfigError: there is no such line.
    """
    if wrong := [name for name in only if name not in LINES]:
        raise ConfigError(f"the line {wrong[0]!r} was asked for; the lines are {', '.join(LINES)}.")
    return {name: line for name, line in LINES.items() if not only or name in only}


def measure(bench: Bench, only: Sequence[str] = ()) -> Iterator[tuple[str, list[Figure]]]:
    """The figures of each line."""
    for name, line in chosen(only).items():
        yield name, line(bench)
