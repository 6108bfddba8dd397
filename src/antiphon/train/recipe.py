"""Recipes: Python functions that return a run, or a list of runs one after another.

    recipes/nano             the function `recipe` of recipes/nano/recipe.py
    recipes/tiny.py          its function `recipe`
    recipes/tiny.py:sums     its function `sums`

A run that begins from another (`init_from`) names it; its folder stands beside. An `Export` among the runs makes a
model of what was trained. A parameter of the function is set as a field of a run is: `--set begin=nano` calls
`recipe(begin="nano")`. Loads no torch until there is work.
"""

import dataclasses
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TypeAlias, get_type_hints

from antiphon.errors import ConfigError
from antiphon.train.export import Export, export
from antiphon.train.options import PRESETS
from antiphon.train.run import Run, convert, nearest, override, read_setting

FUNCTION, FILE = "recipe", "recipe.py"
Step: TypeAlias = Run | Export


def load_recipe(path: str, settings: Sequence[str] = (), *, smoke: bool = False) -> list[Step]:
    """The runs and exports of a recipe, in order, with other values; `smoke` makes them short first.

    A setting is a parameter of the recipe's function, or `a.b=1` in every run, or `name:a.b=1` in one run or export.
    Raises ConfigError if there is no recipe, or it does not hold together.
    """
    make, given, rest = _function(path), dict[str, Any](), list[str]()
    hints = get_type_hints(make)
    for setting in settings:
        name, value = read_setting(setting)
        if name in inspect.signature(make).parameters:
            given[name] = convert(value, hints.get(name, Any), f"{name} of {path}")
        else:
            rest.append(setting)
    made: Any = make(**given)
    steps = _checked([made] if isinstance(made, Step) else list(made), path)
    return with_settings([step.smoke() for step in steps] if smoke else steps, rest)


def _function(path: str) -> Callable[..., Any]:
    """What a recipe's path names."""
    where, _, function = path.partition(":")
    function = function or FUNCTION
    file = Path(where) / FILE if Path(where).is_dir() else Path(where)
    if not file.is_file():
        near = nearest(file.name, [p.name for p in file.parent.glob("*") if p.suffix in ("", ".py")])
        raise ConfigError(f"found no recipe at {file}{near}; give a folder that has a {FILE}, or a file.")
    module = _import(file.resolve())
    made: Callable[..., Any] | None = getattr(module, function, None)
    if made is None or not callable(made):
        hint = nearest(function, [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")])
        raise ConfigError(f"{file} has no function {function!r}{hint}; give the name of one that returns a Run.")
    return made


def with_settings(steps: Sequence[Step], settings: Sequence[str]) -> list[Step]:
    """The steps with other values: `a.b=1` in every run, `name:a.b=1` in one run or export. Raises ConfigError."""
    changed = list(steps)
    names = [step.name for step in steps]
    for setting in settings:
        path, equals, value = setting.partition("=")
        name, colon, inside = path.rpartition(":")
        if colon and name not in names:
            raise ConfigError(f"--set {setting}: the recipe has no run {name!r}{nearest(name, names)}.")
        changed = [
            override(s, [f"{inside}{equals}{value}"]) if s.name == name or (not name and isinstance(s, Run)) else s
            for s in changed
        ]
    return changed


def chosen(steps: Sequence[Step], only: Sequence[str]) -> list[Step]:
    """The runs and exports of these names, in the recipe's order; all if none is named. Raises ConfigError."""
    names = [step.name for step in steps]
    for name in only:
        if name not in names:
            raise ConfigError(f"the recipe has no run {name!r}{nearest(name, names)}; it has {', '.join(names)}.")
    return [step for step in steps if not only or step.name in only]


def train_recipe(
    path: str,
    *,
    settings: Sequence[str] = (),
    only: Sequence[str] = (),
    smoke: bool = False,
    folder: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> list[Step]:
    """Train a recipe's runs, each in its folder below `folder` (runs/RECIPE by default); finished ones are passed over.

    `smoke` takes a few steps of every run and leaves nothing behind, unless a folder is named. Raises what
    `load_recipe` and `loop.train` raise.
    """
    steps = chosen(load_recipe(path, settings, smoke=smoke), only)

    import torch

    from antiphon.train.loop import train
    from antiphon.train.ranks import joined

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # vanishing moments of the optimizer would cost a CPU many times over
    with joined(device) as ranks, ExitStack() as stack:
        if smoke and folder is None:
            made = stack.enter_context(TemporaryDirectory(prefix="antiphon-smoke-")) if ranks.is_first else ""
            folder = Path(ranks.from_first(made))
        home = folder or Path("runs") / _name(path)
        for step in steps:
            if isinstance(step, Run):
                train(step, home / step.name, ranks)
            else:
                ranks.first_does(lambda step=step: export(step, home))  # type: ignore[misc]
        ranks.agree(None)  # none leaves while another still works
    return steps


def _name(path: str) -> str:
    where, _, function = path.partition(":")
    stem = Path(where).resolve().stem
    return f"{stem}-{function}" if function else stem


def _import(file: Path) -> ModuleType:
    """The module of a file, under the name that it has in its package."""
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").exists():
        root, parts = root.parent, [root.name, *parts]
    name = ".".join(parts)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    found = sys.modules.get(name)
    if found is None or Path(found.__file__ or "").resolve() != file:
        sys.modules.pop(name, None)
        found = importlib.import_module(name)
    return found


def _checked(steps: list[Any], path: str) -> list[Step]:
    """Each is a run or an export, has a name of its own, and is made of what comes before it, of paths or models."""
    names: list[str] = []
    for step in steps:
        if not isinstance(step, Step):
            raise ConfigError(f"recipe {path} returned a value of type {type(step).__name__}; Runs were expected.")
        if step.name in names:
            raise ConfigError(f"recipe {path} has two runs called {step.name!r}; give each a name of its own.")
        what = f"run {step.name!r} begins from" if isinstance(step, Run) else f"export {step.name!r} is made of"
        for needed in (step.init_from,) if isinstance(step, Run) else step.needs:
            if needed and needed not in names and not Path(needed).exists() and not _is_model(needed):
                hint = nearest(needed, names)
                raise ConfigError(f"{what} {needed!r}, which is no earlier run{hint}, no path and no model; name one.")
        if isinstance(step, Run) and step.options is not None and not dataclasses.is_dataclass(step.options):
            raise ConfigError(f"the options of run {step.name!r} are no dataclass; make them a frozen one.")
        names.append(step.name)
    if not steps:
        raise ConfigError(f"recipe {path} has no runs; return at least one.")
    return steps


def _is_model(name: str) -> bool:
    """Whether this may be a preset or a hub id; which it is tells itself when it is opened."""
    return (PRESETS / name).is_dir() or (PRESETS / f"{name}.json").is_file() or "/" in name
