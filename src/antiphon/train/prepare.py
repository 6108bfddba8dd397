"""The data of a recipe: a folder beside its runs, made by the recipe's own function when a stage first asks for it."""

from pathlib import Path

import torch.distributed as dist

from antiphon.train.run import find
from antiphon.train.stage import Place

FOLDER = "data"


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
