"""Checkpoint files as names, shapes and tensors read one at a time; nothing in them is ever executed.

safetensors, single or sharded with an index     read through a memory map
.pt (a zip of tensors)                           `weights_only`, memory-mapped: a pickle that would run code is refused
"""

import json
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from antiphon.errors import WeightsError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Entry:
    """One stored tensor, not yet read."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Store(Mapping[str, Entry]):
    """The tensors of one checkpoint by name, and where they lie (for messages)."""

    where: str
    entries: dict[str, Entry]

    def __getitem__(self, name: str) -> Entry:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def renamed(self, rename: Callable[[str], str]) -> "Store":
        """The same tensors under other names; two that fall together are refused."""
        entries: dict[str, Entry] = {}
        for old, entry in self.entries.items():
            if (new := rename(old)) in entries:
                raise WeightsError(f"{self.where} holds {new} twice, under two spellings; keep one of them.")
            entries[new] = entry
        return Store(self.where, entries)

    def only(self, keep: Callable[[str], bool]) -> "Store":
        """The tensors whose names pass."""
        return Store(self.where, {name: entry for name, entry in self.entries.items() if keep(name)})


def in_memory(where: str, tensors: Mapping[str, Tensor]) -> Store:
    """A store of tensors that are already here."""
    return Store(where, {n: Entry(tuple(t.shape), t.dtype, lambda t=t: t) for n, t in tensors.items()})  # type: ignore[misc]


def open_safetensors(path: Path) -> Store:
    """One safetensors file."""
    try:
        file: Any = safe_open(str(path), framework="pt")
        entries = {}
        for name in file.keys():  # noqa: SIM118 (a safetensors file is no dict)
            part = file.get_slice(name)
            dtype = DTYPES.get(part.get_dtype())
            if dtype is None:
                raise WeightsError(
                    f"{path} stores {name} as {part.get_dtype()}; plain numbers were expected: unquantised weights."
                )
            entries[name] = Entry(tuple(part.get_shape()), dtype, lambda name=name: file.get_tensor(name))  # type: ignore[misc]
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} could not be read as safetensors ({error}); fetch it again.") from error
    return Store(str(path), entries)


def open_sharded(folder: Path, stem: str) -> Store:
    """`stem`.safetensors, or the shards that `stem`.safetensors.index.json lists; index and shards must agree."""
    single, index = folder / f"{stem}.safetensors", folder / f"{stem}.safetensors.index.json"
    if not index.exists():
        if single.exists():
            return open_safetensors(single)
        raise WeightsError(f"{folder} holds neither {single.name} nor {index.name}; fetch the checkpoint completely.")
    weight_map = _read_index(index)
    entries: dict[str, Entry] = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard:
            raise WeightsError(
                f"{index} points to {shard!r}, outside its folder; expected plain file names: do not use it."
            )
        if not (folder / shard).exists():
            raise WeightsError(f"{folder} lacks {shard}, which {index.name} lists; fetch the checkpoint completely.")
        part = open_safetensors(folder / shard)
        listed = {name for name, home in weight_map.items() if home == shard}
        if listed != set(part):
            odd = sorted(listed ^ set(part))
            raise WeightsError(
                f"{index} and {shard} disagree on {len(odd)} tensors ({', '.join(odd[:3])}); fetch both again."
            )
        entries.update(part.entries)
    return Store(str(folder), entries)


def _read_index(index: Path) -> dict[str, str]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf8"))["weight_map"]
        if not isinstance(weight_map, dict) or not all(isinstance(v, str) for v in weight_map.values()):
            raise TypeError("weight_map is no object of file names")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{index} is no shard index ({error!r}); fetch it again.") from error
    return weight_map


def open_pt(path: Path) -> Store:
    """A .pt file that holds one flat dict of tensors and nothing else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: the file is refused or read, nothing between
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is a pickle that holds more than tensors, so it was not loaded and nothing in it was run;"
            " use the file of the release."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{path} could not be read as a torch checkpoint ({error}); fetch it again.") from error
    if not isinstance(loaded, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in loaded.items()):
        raise WeightsError(
            f"{path} holds something else than one flat dict of named tensors; use the file of the release."
        )
    return in_memory(str(path), loaded)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def open_file(folder: Path, stem: str) -> Store | None:
    """`stem`.safetensors (sharded or not) or `stem`.pt in `folder`; None when there is neither."""
    if any((folder / f"{stem}.safetensors{end}").exists() for end in ("", ".index.json")):
        return open_sharded(folder, stem)
    if (folder / f"{stem}.pt").exists():
        return open_pt(folder / f"{stem}.pt")
    return None
