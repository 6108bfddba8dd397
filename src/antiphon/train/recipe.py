"""Recipes: Python functions that return a run, or a list of runs one after another.

    recipes/nano             the function `recipe` of recipes/nano/recipe.py
    recipes/tiny.py          its function `recipe`
    recipes/tiny.py:sums     its function `sums`

A run that begins from another (`init_from`) names it; its folder stands beside. Loads no torch until there is work.
"""

import dataclasses
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from antiphon.errors import ConfigError
from antiphon.train.run import Run, nearest, override

FUNCTION, FILE = "recipe", "recipe.py"


def load_recipe(path: str) -> list[Run]:
    """The runs of a recipe, in order. Raises ConfigError if there is none, or it does not hold together."""
    where, _, function = path.partition(":")
    function = function or FUNCTION
    file = Path(where) / FILE if Path(where).is_dir() else Path(where)
    if not file.is_file():
        near = nearest(file.name, [p.name for p in file.parent.glob("*") if p.suffix in ("", ".py")])
        raise ConfigError(f"found no recipe at {file}{near}; give a folder that has a {FILE}, or a file.")
    module = _import(file.resolve())
    made = getattr(module, function, None)
    if not callable(made):
        hint = nearest(function, [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")])
        raise ConfigError(f"{file} has no function {function!r}{hint}; give the name of one that returns a Run.")
    given: Any = made()
    return _checked([given] if isinstance(given, Run) else list(given), path)


def with_settings(runs: Sequence[Run], settings: Sequence[str]) -> list[Run]:
    """The runs with other values: `a.b=1` in every run, `name:a.b=1` in one. Raises ConfigError."""
    changed = list(runs)
    names = [run.name for run in runs]
    for setting in settings:
        path, equals, value = setting.partition("=")
        name, colon, inside = path.rpartition(":")
        if colon and name not in names:
            raise ConfigError(f"--set {setting}: the recipe has no run {name!r}{nearest(name, names)}.")
        changed = [override(r, [f"{inside}{equals}{value}"]) if name in ("", r.name) else r for r in changed]
    return changed


def chosen(runs: Sequence[Run], only: Sequence[str]) -> list[Run]:
    """The runs of these names, in the recipe's order; all if none is named. Raises ConfigError."""
    names = [run.name for run in runs]
    for name in only:
        if name not in names:
            raise ConfigError(f"the recipe has no run {name!r}{nearest(name, names)}; it has {', '.join(names)}.")
    return [run for run in runs if not only or run.name in only]


def train_recipe(
    path: str,
    *,
    settings: Sequence[str] = (),
    only: Sequence[str] = (),
    smoke: bool = False,
    folder: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> list[Run]:
    """Train a recipe's runs, each in its folder below `folder` (runs/RECIPE by default); finished ones are passed over.

    `smoke` takes a few steps of every run and leaves nothing behind, unless a folder is named. Raises what
    `load_recipe` and `loop.train` raise.
    """
    runs = load_recipe(path)
    runs = [run.smoke() for run in runs] if smoke else runs
    runs = chosen(with_settings(runs, settings), only)

    import torch

    from antiphon.train.loop import train
    from antiphon.train.ranks import joined

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # vanishing moments of the optimizer would cost a CPU many times over
    with joined(device) as ranks, ExitStack() as stack:
        if smoke and folder is None:
            made = stack.enter_context(TemporaryDirectory(prefix="antiphon-smoke-")) if ranks.is_first else ""
            folder = Path(ranks.from_first(made))
        for run in runs:
            train(run, (folder or Path("runs") / _name(path)) / run.name, ranks)
        ranks.agree(None)  # none leaves while another still works
    return runs


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


def _checked(runs: list[Any], path: str) -> list[Run]:
    """Each run is one, has a name of its own, and begins from one that comes before it or from a path."""
    names: list[str] = []
    for run in runs:
        if not isinstance(run, Run):
            raise ConfigError(f"recipe {path} returned a value of type {type(run).__name__}; Runs were expected.")
        if run.name in names:
            raise ConfigError(f"recipe {path} has two runs called {run.name!r}; give each a name of its own.")
        begins = run.init_from
        if begins and begins not in names and not Path(begins).exists():
            hint = nearest(begins, names)
            raise ConfigError(
                f"run {run.name!r} begins from {begins!r}, which is no earlier run{hint} and no path; name one."
            )
        if run.options is not None and not dataclasses.is_dataclass(run.options):
            raise ConfigError(f"the options of run {run.name!r} are no dataclass; make them a frozen one.")
        names.append(run.name)
    if not runs:
        raise ConfigError(f"recipe {path} has no runs; return at least one.")
    return runs
