"""Features of the corpus, computed once: log-mel of what is heard, mel and fundamental of what is spoken.

    python -m recipes.nano.features target target_dev heard ...

Each shard NAME of runs/corpus/SET becomes runs/features/SET/NAME.npz: flat arrays and the offsets of each utterance.
Shards that are done are left alone, so the command can be run again while the corpus grows.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly

from antiphon.audio.mel import log_mel
from antiphon.rates import FRAME_HOP, HEARD_HZ, SPOKEN_HZ
from recipes.nano.loop import one_thread

CORPUS, FEATURES = Path("runs/corpus"), Path("runs/features")
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One utterance: its row of the index and what was computed of it. The arrays are views of their shard."""

    row: Row
    mel: np.ndarray  # float16 [t, 128], 100 Hz, as `log_mel` without padding
    frames: np.ndarray | None  # float16 [t, 80], 50 Hz, the spoken mel
    f0: np.ndarray | None  # float16 [t], 50 Hz, 0 where unvoiced
    wave: np.ndarray  # int16 [n] at the corpus rate


def shards(name: str) -> list[Path]:
    """The finished shards of a set, in order."""
    return sorted(p for p in (CORPUS / name).glob("*.jsonl") if p.with_suffix(".npy").exists())


def rows_of(index: Path) -> list[Row]:
    """The index of a shard."""
    return [json.loads(line) for line in index.read_text(encoding="utf8").splitlines()]


def clips(name: str, limit: int | None = None) -> Iterator[Clip]:
    """Every utterance of a set whose features are there."""
    count = 0
    for index in shards(name):
        path = FEATURES / name / f"{index.stem}.npz"
        if not path.exists():
            continue
        held, waves = dict(np.load(path)), np.load(index.with_suffix(".npy"), mmap_mode="r")
        for i, row in enumerate(rows_of(index)):
            spans = {k: slice(*held[f"{k}_at"][i : i + 2]) for k in ("mel", "frames") if f"{k}_at" in held}
            yield Clip(
                row=row | {"shard": index.stem},
                mel=held["mel"][spans["mel"]],
                frames=held["frames"][spans["frames"]] if "frames" in spans else None,
                f0=held["f0"][spans["frames"]] if "frames" in spans else None,
                wave=waves[row["offset"] : row["offset"] + row["length"]],
            )
            count += 1
            if count == limit:
                return


def fundamental(wave: np.ndarray, num_frames: int) -> np.ndarray:
    """F0 in Hz of each 20 ms frame's centre, 0 where unvoiced."""
    import pyworld

    x = wave.astype(np.float64)
    f0, t = pyworld.dio(x, SPOKEN_HZ, f0_floor=60.0, f0_ceil=500.0, frame_period=10.0)
    f0 = pyworld.stonemask(x, f0, t, SPOKEN_HZ)[1::2]  # the frame of 20 ms number i is centred at (i + 1/2) * 20 ms
    return np.pad(f0, (0, max(0, num_frames - len(f0))))[:num_frames].astype(np.float16)


def compute(index: Path, spoken: bool) -> None:
    """Features of one shard, written in one move."""
    waves = np.load(index.with_suffix(".npy"), mmap_mode="r")
    mels, frames, f0s = [], [], []
    for row in rows_of(index):
        wave = waves[row["offset"] : row["offset"] + row["length"]].astype(np.float32) / 32768
        heard = resample_poly(wave, HEARD_HZ // 8000, SPOKEN_HZ // 8000).astype(np.float32) if spoken else wave
        mels.append(log_mel(torch.from_numpy(heard), pad=0).T.numpy().astype(np.float16))
        if spoken:
            from antiphon.audio.spoken_mel import spoken_mel

            frames.append(spoken_mel(torch.from_numpy(wave)).T.numpy().astype(np.float16))
            assert len(frames[-1]) == len(wave) // FRAME_HOP
            f0s.append(fundamental(wave, len(frames[-1])))
    held = {"mel": np.concatenate(mels), "mel_at": np.cumsum([0, *map(len, mels)])}
    if spoken:
        held |= {"frames": np.concatenate(frames), "f0": np.concatenate(f0s)}
        held |= {"frames_at": np.cumsum([0, *map(len, frames)])}
    out = FEATURES / index.parent.name / f"{index.stem}.npz"
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out.with_suffix(".tmp.npz"), **held)  # type: ignore[arg-type]
    os.replace(out.with_suffix(".tmp.npz"), out)


def main(names: list[str]) -> None:
    one_thread()
    for name in names:
        for index in shards(name):
            if not (FEATURES / name / f"{index.stem}.npz").exists():
                compute(index, spoken=name.startswith("target"))
                print(index, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
