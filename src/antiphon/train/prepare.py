"""The data of a recipe: a folder beside its runs, made by the recipe's own function when a stage first asks for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch.distributed as dist

from antiphon.train.run import find
from antiphon.train.stage import Place

FOLDER = "data"
O = TypeVar("O")  # noqa: E741


def data_folder(place: Place, folder: str, prepare: str, small: bool) -> Path:
    """Where a stage's data lies: `folder`, or `data` beside the run's own folder.

    `prepare` is module:function(folder, small), which makes whatever is missing there; one rank calls it, all wait.
    """
    root = Path(folder).expanduser() if folder else place.runs / FOLDER
    if prepare and place.rank == 0:
        find(prepare, "prepare")(root, small)
    if place.num_ranks > 1:
        dist.barrier()
    return root


def with_shards(options: O, place: Place) -> O:
    """Options whose `data`, `held_out` and `twins` are folders: each was a name in the data folder, or a path."""
    given: Any = options
    root = data_folder(place, "", given.prepare, given.small)
    names = {field: getattr(given, field) for field in ("data", "held_out")}
    found: dict[str, Any] = {field: tuple(str(_there(root, name)) for name in some) for field, some in names.items()}
    if twins := getattr(given, "twins", ()):
        found["twins"] = tuple(tuple(str(_there(root, name)) for name in pair) for pair in twins)
    return replace(given, **found)  # type: ignore[no-any-return]


def _there(root: Path, name: str) -> Path:
    inside = root / name
    return inside if inside.exists() else Path(name)
