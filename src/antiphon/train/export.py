"""The end of a recipe: what was trained becomes a model, a folder that `antiphon.load` takes. Loads no torch.

A recipe returns an `Export` among its runs; it is done when its turn comes, again whenever what it is made of has
changed, and never twice for nothing. An export may stand in the middle: what speaks is put together first, and the
language model that learns its codes is heard through it.

    runs/nano/tokenizer  flow  vocoder  speaker ──> codec ─┐
    runs/nano/text ... sft ────────────────────────────────┴──> model
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path

from antiphon.errors import ConfigError
from antiphon.train.room import room_for

WEIGHTS = "model.safetensors"  # of a run
PARTS = ("lm", "tokens", "mel", "wave", "voice")


@dataclass(frozen=True, kw_only=True)
class Export:
    """A whole model: `base`, with some of its parts exchanged for those of runs (by name, or by path)."""

    name: str  # its folder, beside those of the runs
    base: str  # a preset, a folder, a hub id or an earlier export: all that is not named below stays as it is there
    lm: str | None = None  # the runs that trained the speech LM,
    tokens: str | None = None  # the speech tokenizer,
    mel: str | None = None  # the flow,
    wave: str | None = None  # the vocoder,
    voice: str | None = None  # and the speaker net
    clip: str = ""  # a recording of the default voice; "": that of `base`
    layout: str = "released"
    dtype: str = ""  # of the speech LM in the folder, and when it is loaded; "": as it was trained

    def __post_init__(self) -> None:
        if self.layout not in ("released", "own") or self.dtype not in ("", "float16", "bfloat16", "float32"):
            raise ConfigError(
                f"export {self.name!r} asks for layout {self.layout!r} and dtype {self.dtype!r}; layouts are released"
                " and own, dtypes float16, bfloat16, float32 or none."
            )

    def smoke(self) -> "Export":
        """The same: nothing about it is long."""
        return self

    @property
    def needs(self) -> tuple[str, ...]:
        """What it is made of, by name."""
        return (self.base, *(name for part in PARTS if (name := getattr(self, part))))


def export(wanted: Export, runs: Path) -> Path:
    """The exported folder below `runs`, made if it is not there or not of these weights.

    Raises WeightsError for a run that is not finished, ConfigError for parts that do not belong together,
    CapacityError on a full disk.
    """
    target, note = runs / wanted.name, runs / f"{wanted.name}.export.json"
    told = {**asdict(wanted), "of": _fingerprints(wanted, runs)}
    if target.exists() and note.exists() and json.loads(note.read_text(encoding="utf-8")) == told:
        return target
    import torch

    from antiphon.train.codec.export import assemble

    dtype = getattr(torch, wanted.dtype) if wanted.dtype else None
    with room_for(target):
        runs.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if not note.exists():
                raise ConfigError(f"{target} is no export of this recipe; move it away, or name the export otherwise.")
            shutil.rmtree(target)
        note.unlink(missing_ok=True)
        options = {f.name: getattr(wanted, f.name) for f in fields(wanted) if f.name not in ("name", "base", "dtype")}
        assemble(_below(runs, wanted.base), target, runs=runs, dtype=dtype, **options)
        part = note.with_suffix(".part")
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        os.replace(part, note)
    return target


def _fingerprints(wanted: Export, runs: Path) -> dict[str, str]:
    """What each of its parts is now, as far as it lies in files of this recipe."""
    found = {}
    for name in wanted.needs:
        inside = runs / name
        files = [inside / WEIGHTS, runs / f"{name}.export.json"]
        found[name] = "".join(_digest(file) for file in files if file.is_file())
    return found


def _digest(file: Path) -> str:
    with open(file, "rb") as held:
        digest = sha256()
        while block := held.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def _below(runs: Path, name: str) -> str | Path:
    inside = runs / name
    return inside if inside.is_dir() else name


