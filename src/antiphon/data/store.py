"""Shards of speech on disk: one `.npy` of 16-bit samples end to end, and one `.jsonl` that says what lies where.

Any clip is read without the others: `read_clip(folder, number, row)` maps the shard and copies that piece.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from antiphon.errors import InputError

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One utterance of a shard: its index row and its sound, float32 mono [n]."""

    row: Row
    audio: npt.NDArray[np.float32]


def has_shard(folder: Path, number: int) -> bool:
    """Whether a shard is complete; the index is written last."""
    return (folder / f"{number:05d}.jsonl").exists()


def write_shard(folder: Path, number: int, items: Iterable[tuple[Row, npt.NDArray[np.float32]]], rate: int) -> int:
    """Write a shard and return how many samples it holds.

    Each row gains `offset` and `length` in samples and `rate` in Hz. Both files appear whole or not at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, pieces, offset = [], [], 0
    for row, audio in items:
        pieces.append(to_int16(audio))
        rows.append({**row, "offset": offset, "length": len(audio), "rate": rate})
        offset += len(audio)
    path, index = folder / f"{number:05d}.npy", folder / f"{number:05d}.jsonl"
    part = folder / f"{number:05d}.{os.getpid()}.part"  # of this process: one that was killed may leave its own
    with open(part, "wb") as file:
        np.save(file, np.concatenate(pieces) if pieces else np.zeros(0, np.int16))
    os.replace(part, path)
    part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.replace(part, index)
    return offset


def to_int16(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Sound as it is stored: 16-bit, clipped where it is louder than full scale."""
    stored: npt.NDArray[np.int16] = np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16)
    return stored


def shard_numbers(folder: Path) -> list[int]:
    """The complete shards of a set, in order."""
    return sorted(int(path.stem) for path in folder.glob("*.jsonl"))


def read_index(folder: Path, number: int) -> list[Row]:
    """Read a shard's rows without its sound."""
    path = folder / f"{number:05d}.jsonl"
    if not path.exists():
        raise InputError(f"Found no shard at {path}; expected one, so run recipes/corpus_nano.py first.")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_shard(folder: Path, number: int) -> Iterator[Item]:
    """Go through a shard's utterances; the sound is read from disk as it is used."""
    sound = np.load(folder / f"{number:05d}.npy", mmap_mode="r")
    for row in read_index(folder, number):
        yield Item(row=row, audio=cut(sound, row["offset"], row["length"]))


def read_clip(folder: Path, number: int, row: Row) -> npt.NDArray[np.float32]:
    """Read the sound of one row of a shard, float32 mono [n], and nothing else."""
    sound = np.load(folder / f"{number:05d}.npy", mmap_mode="r")
    return cut(sound, row["offset"], row["length"])


def cut(sound: npt.NDArray[np.int16], offset: int, length: int) -> npt.NDArray[np.float32]:
    """Return a piece of a shard's 16-bit sound as float32 in [-1, 1]."""
    piece: npt.NDArray[np.float32] = sound[offset : offset + length].astype(np.float32)
    piece /= 32767
    return piece
