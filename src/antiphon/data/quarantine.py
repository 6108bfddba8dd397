"""Where unfit clips are kept, with their reasons, so that one can hear what was refused and why."""

import json
import os
from pathlib import Path

import numpy as np

from antiphon.data.clips import Kept
from antiphon.data.store import to_int16

FOLDER = "quarantine"


def put_away(folder: Path, clip: Kept) -> None:
    """Keep what was refused before a clip was found fit: its sound as `.npy`, 16-bit, and a `.json` that says why."""
    for refused in clip.refused:
        place = folder / FOLDER
        place.mkdir(exist_ok=True)
        path = place / f"{clip.row['id']}-{refused.attempt}"
        np.save(path.with_suffix(".npy"), to_int16(np.nan_to_num(refused.audio)))
        why = {"reasons": refused.reasons, "text": refused.text, "voice": refused.voice}
        path.with_suffix(".json").write_text(json.dumps(why, ensure_ascii=False) + "\n", encoding="utf-8")


def put_away_shard(folder: Path, number: int, problems: list[str]) -> None:
    """Move a damaged shard out of the way; the same clips are made again in its place."""
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    for path in folder.glob(f"shards/{number:05d}.*"):
        os.replace(path, place / f"shard-{path.name}")
    (place / f"shard-{number:05d}.json").write_text(json.dumps(problems, ensure_ascii=False) + "\n", encoding="utf-8")
