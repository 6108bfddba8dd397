"""Writing a folder of weights, in the released layout or in ours, tensor by tensor and all or nothing.

A folder is written beside its place under a temporary name and moved there when it is complete, so a failure leaves
nothing half-written. One shard is in memory at a time. What the released files cannot say of a model (nano's vocoder, a
tokenizer that hears only its neighbourhood) is said by our own configuration beside them, `antiphon.json`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from antiphon.config import ModelConfig, to_dict
from antiphon.errors import ConfigError, WeightsError
from antiphon.weights.build import check, shapes, skeleton
from antiphon.weights.find import HUB_IDS, find
from antiphon.weights.flow_yaml import write_flow_yaml
from antiphon.weights.folder import ONNX_TOKENIZER, OWN_CONFIG, TOKENIZER_FILES, VOICE_CLIP, Folder, open_folder
from antiphon.weights.hf_config import to_hf
from antiphon.weights.onnx_tokenizer import write_onnx_tokenizer
from antiphon.weights.parts import makers
from antiphon.weights.tensors import Store

SHARD_BYTES = 5_000_000_000
LAYOUTS = ("released", "own")


def convert(
    source: str | Path,
    target: Path,
    *,
    layout: str = "released",
    dtype: torch.dtype | None = None,
    shard: int = SHARD_BYTES,
) -> Path:
    """Write the model `source` (anything that `find` takes) to the new folder `target`, in either layout.

    Tensors keep their numbers; `dtype` casts the floating ones of the language model (own layout: of every part).
    Raises WeightsError if `target` exists or the checkpoint does not fit its configuration.
    """
    found = find(source)
    folder = open_folder(found.folder, variant=found.variant)
    for part, (make, store) in makers(folder).items():
        check(store, shapes(skeleton(make)), part)
    write_folder(folder, target, layout=layout, dtype=dtype, shard=shard)
    return target


def write_folder(
    folder: Folder,
    target: Path,
    *,
    layout: str = "released",
    dtype: torch.dtype | None = None,
    shard: int = SHARD_BYTES,
    tokenizer: Path | None = None,
) -> None:
    """Write an opened folder (or one made of tensors in memory, `tensors.in_memory`) to the new folder `target`.

    `tokenizer` is where the files of the text tokenizer lie, if not in the opened folder.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"the layout {layout!r} was asked for; it is either released or own.")
    if dtype is not None:
        folder = replace(folder, config=replace(folder.config, dtype=str(dtype).removeprefix("torch.")))
    with _new_folder(target) as place:
        (_write_released if layout == "released" else _write_own)(folder, place, dtype, shard)
        files = [(tokenizer or folder.path) / name for name in TOKENIZER_FILES]
        for file in (file for file in files if file.exists()):
            shutil.copyfile(file, place / file.name)
        if folder.voice is not None and folder.voice.clip is not None:
            shutil.copyfile(folder.voice.clip, place / VOICE_CLIP)


def _write_released(folder: Folder, place: Path, dtype: torch.dtype | None, shard: int) -> None:
    config = folder.config
    _write_json(place / "config.json", to_hf(config))
    write_shards(folder.lm, place, "model", dtype=dtype, shard=shard)
    if folder.voice is not None and config.voice is not None:
        home, voice = place / "token2wav", folder.voice
        home.mkdir()
        (home / "flow.yaml").write_text(write_flow_yaml(config.voice.flow), encoding="utf8")
        for stem, store in (("flow", voice.flow), ("hift", voice.hift)):
            torch.save({name: entry.read().contiguous() for name, entry in store.items()}, home / f"{stem}.pt")
        write_onnx_tokenizer({name: entry.read() for name, entry in voice.tokenizer.items()}, home / ONNX_TOKENIZER)
        shutil.copyfile(voice.speaker, home / "campplus.onnx")
    if config.name not in HUB_IDS or _told(place, config) != config:
        _write_json(place / OWN_CONFIG, to_dict(config))


def _told(place: Path, config: ModelConfig) -> ModelConfig | None:
    """The model as the released files alone tell it (they tell no name and no prompt style); None if they fail to."""
    try:
        return replace(open_folder(place).config, name=config.name, variant=config.variant)
    except (ConfigError, WeightsError):
        return None


def _write_own(folder: Folder, place: Path, dtype: torch.dtype | None, shard: int) -> None:
    _write_json(place / f"{folder.config.name}.json", to_dict(folder.config))
    write_shards(folder.lm, place, "lm", dtype=dtype, shard=shard)
    if folder.voice is None:
        return
    for stem, store in (
        ("flow", folder.voice.flow),
        ("hift", folder.voice.hift),
        ("speech_tokenizer", folder.voice.tokenizer),
    ):
        write_shards(store, place, stem, dtype=dtype, shard=shard)
    shutil.copyfile(folder.voice.speaker, place / "speaker.onnx")


def write_shards(
    store: Store, place: Path, stem: str, *, dtype: torch.dtype | None = None, shard: int = SHARD_BYTES
) -> None:
    """`stem`.safetensors, or numbered shards of at most `shard` bytes with an index (one tensor is never split)."""

    def cast(name: str) -> Tensor:
        tensor = store[name].read()
        return tensor.to(dtype if tensor.is_floating_point() else None).contiguous()

    plan = _plan(store, dtype, shard)
    if len(plan) == 1:
        save_file({name: cast(name) for name in plan[0]}, place / f"{stem}.safetensors", metadata={"format": "pt"})
        return
    weight_map: dict[str, str] = {}
    for number, names in enumerate(plan, start=1):
        file = f"{stem}-{number:05d}-of-{len(plan):05d}.safetensors"
        save_file({name: cast(name) for name in names}, place / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(names, file)
    total = sum(_size(store, name, dtype) for name in store)
    _write_json(place / f"{stem}.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def _plan(store: Store, dtype: torch.dtype | None, shard: int) -> list[list[str]]:
    plan: list[list[str]] = [[]]
    held = 0
    for name in store:
        size = _size(store, name, dtype)
        if plan[-1] and held + size > shard:
            plan.append([])
            held = 0
        plan[-1].append(name)
        held += size
    return plan


def _size(store: Store, name: str, dtype: torch.dtype | None) -> int:
    entry = store[name]
    stored = entry.dtype if dtype is None or not entry.dtype.is_floating_point else dtype
    count = 1
    for length in entry.shape:
        count *= length
    return count * stored.itemsize


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf8")


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A temporary neighbour of `target` that becomes it if all goes well and disappears if not."""
    if target.exists():
        raise WeightsError(f"{target} exists already; give the name of a new folder.")
    if not target.parent.is_dir():
        raise WeightsError(f"{target.parent} is no folder, so nothing can be written there; make it first.")
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
    try:
        yield place
        os.chmod(place, 0o755)
        for path in place.rglob("*"):
            os.chmod(path, 0o755 if path.is_dir() else 0o644)  # some writers make files for their owner alone
        os.rename(place, target)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
