"""Writing a folder of weights, in the released layout or in ours, tensor by tensor and all or nothing.

A folder is written beside its place under a temporary name and moved there when it is complete, so a failure leaves
nothing half-written. One shard is in memory at a time. What the other layout cannot say is refused before writing.
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

from antiphon.config import HiFTConfig, ModelConfig, SpeechTokenizerConfig, to_dict
from antiphon.errors import ConfigError, WeightsError
from antiphon.weights.build import check, shapes, skeleton
from antiphon.weights.find import find
from antiphon.weights.flow_yaml import read_flow_yaml, write_flow_yaml
from antiphon.weights.folder import ONNX_TOKENIZER, TOKENIZER_FILES, VOICE_CLIP, Folder, VoiceFiles, open_folder
from antiphon.weights.hf_config import from_hf, to_hf
from antiphon.weights.onnx_tokenizer import write_onnx_tokenizer
from antiphon.weights.parts import makers
from antiphon.weights.sizes import HEAD_DIM, LEVELS, hift_config
from antiphon.weights.tensors import Store

SHARD_BYTES = 5_000_000_000
LAYOUTS = ("released", "own")


def convert(
    source: str | Path, target: Path, *, layout: str = "released", dtype: torch.dtype | None = None, shard: int = SHARD_BYTES
) -> Path:
    """Write the model `source` (anything that `find` takes) to the new folder `target` in the other (or the same) layout.

    Tensors keep their numbers; `dtype` casts the floating ones of the language model (own layout: of every part).
    Raises WeightsError if `target` exists or the checkpoint does not fit its configuration, ConfigError if the released
    layout cannot express the model.
    """
    found = find(source)
    folder = open_folder(found.folder, variant=found.variant)
    for part, (make, store) in makers(folder).items():
        check(store, shapes(skeleton(make)), part)
    write_folder(folder, target, layout=layout, dtype=dtype, shard=shard)
    return target


def write_folder(
    folder: Folder, target: Path, *, layout: str = "released", dtype: torch.dtype | None = None, shard: int = SHARD_BYTES
) -> None:
    """Write an opened folder (or one made of tensors in memory, `tensors.in_memory`) to the new folder `target`."""
    if layout not in LAYOUTS:
        raise ConfigError(f"the layout {layout!r} was asked for; it is either released or own.")
    if dtype is not None:
        folder = replace(folder, config=replace(folder.config, dtype=str(dtype).removeprefix("torch.")))
    with _new_folder(target) as place:
        (_write_released if layout == "released" else _write_own)(folder, place, dtype, shard)
        for name in TOKENIZER_FILES:
            if (folder.path / name).exists():
                shutil.copyfile(folder.path / name, place / name)


def _write_released(folder: Folder, place: Path, dtype: torch.dtype | None, shard: int) -> None:
    config = folder.config
    _write_json(place / "config.json", _released_config(config))
    write_shards(folder.lm, place, "model", dtype=dtype, shard=shard)
    if folder.voice is None or config.voice is None:
        return
    home, voice = place / "token2wav", folder.voice
    _refuse_unsayable(config.voice.hift, config.voice.tokenizer, voice)
    home.mkdir()
    (home / "flow.yaml").write_text(write_flow_yaml(config.voice.flow), encoding="utf8")
    if read_flow_yaml(home / "flow.yaml") != config.voice.flow:
        raise ConfigError("flow.yaml cannot say every setting of this flow (its number of steps); the released layout is not possible.")
    torch.save({name: entry.read().contiguous() for name, entry in voice.flow.items()}, home / "flow.pt")
    torch.save({name: entry.read().contiguous() for name, entry in voice.hift.items()}, home / "hift.pt")
    write_onnx_tokenizer({name: entry.read() for name, entry in voice.tokenizer.items()}, home / ONNX_TOKENIZER)
    shutil.copyfile(voice.speaker, home / "campplus.onnx")


def _released_config(config: ModelConfig) -> dict[str, object]:
    """`to_hf`, after checking that reading it back gives the same language model (its adaptor's width is in the shapes)."""
    written = to_hf(config)
    again = from_hf(written).lm
    if replace(again, adaptor=replace(again.adaptor, hidden=config.lm.adaptor.hidden)) != config.lm:
        raise ConfigError("config.json of the release cannot say every setting of this language model; keep our own layout.")
    return written


def _refuse_unsayable(hift: HiFTConfig, tokenizer: SpeechTokenizerConfig, voice: VoiceFiles) -> None:
    """The released layout has no file for these sizes, so they must be those that shapes alone tell."""
    if hift != hift_config(voice.hift):
        raise ConfigError("the released layout cannot say this vocoder's settings, which its shapes do not tell; keep our own layout.")
    told = tokenizer.num_heads * HEAD_DIM == tokenizer.width and set(tokenizer.levels) == {LEVELS}
    if tokenizer.window is not None or not told:
        raise ConfigError("the released layout cannot say this speech tokenizer's heads, levels or window; keep our own layout.")


def _write_own(folder: Folder, place: Path, dtype: torch.dtype | None, shard: int) -> None:
    _write_json(place / f"{folder.config.name}.json", to_dict(folder.config))
    write_shards(folder.lm, place, "lm", dtype=dtype, shard=shard)
    if folder.voice is None:
        return
    for stem, store in (("flow", folder.voice.flow), ("hift", folder.voice.hift), ("speech_tokenizer", folder.voice.tokenizer)):
        write_shards(store, place, stem, dtype=dtype, shard=shard)
    shutil.copyfile(folder.voice.speaker, place / "speaker.onnx")
    if folder.voice.clip is not None:
        shutil.copyfile(folder.voice.clip, place / VOICE_CLIP)


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
        os.rename(place, target)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
