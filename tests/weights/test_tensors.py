"""Files of tensors: what is read, what is refused, and that nothing in them runs."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from antiphon.errors import WeightsError
from antiphon.weights.build import build, check
from antiphon.weights.names import hift_name
from antiphon.weights.save import write_shards
from antiphon.weights.tensors import Store, in_memory, open_file, open_pt, open_safetensors, open_sharded


def layer() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5))


def held(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {name: tensor.to(dtype) for name, tensor in layer().state_dict().items()}


def build_layer(store: Store) -> nn.Module:
    return build(layer, store, what="layer")


def test_single_sharded_and_pt_hold_the_same(tmp_path: Path) -> None:
    tensors = held(torch.bfloat16)
    write_shards(in_memory("here", tensors), tmp_path, "one")
    write_shards(in_memory("here", tensors), tmp_path, "many", shard=40)
    torch.save(tensors, tmp_path / "zip.pt")
    assert (tmp_path / "one.safetensors").exists() and (tmp_path / "many-00001-of-00003.safetensors").exists()
    for stem in ("one", "many", "zip"):
        store = open_file(tmp_path, stem)
        assert store is not None
        assert all(torch.equal(store[name].read(), tensor) for name, tensor in tensors.items())
        assert {entry.dtype for entry in store.values()} == {torch.bfloat16}
    assert open_file(tmp_path, "none") is None
    index = json.loads((tmp_path / "many.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in tensors.values())


def test_building_casts_and_copies_nothing_else(tmp_path: Path) -> None:
    tensors = held(torch.float16)
    save_file(tensors, tmp_path / "m.safetensors")
    module = build(layer, open_safetensors(tmp_path / "m.safetensors"), what="layer", dtype=torch.float64)
    assert {p.dtype for p in module.parameters()} == {torch.float64}
    assert all(torch.equal(p.half(), tensors[name]) for name, p in module.named_parameters())
    assert not module.training


def test_disagreement_is_one_error_that_names_it() -> None:
    tensors = held()
    tensors["0.weight"] = tensors["0.weight"].T.contiguous()
    del tensors["1.bias"]
    tensors |= {f"extra.{i}": torch.zeros(1) for i in range(5)}
    with pytest.raises(WeightsError) as caught:
        build_layer(in_memory("the file", tensors))
    message = str(caught.value)
    for part in (
        "1 missing (1.bias)",
        "5 not known (extra.0, extra.1, extra.2 and 2 more)",
        "0.weight is [3, 5] instead of [5, 3]",
    ):
        assert part in message


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> object:
            return (open, (str(mark), "w"))

    torch.save({"weight": Evil()}, tmp_path / "new.pt")
    torch.save({"weight": Evil()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil()))
    for name in ("new.pt", "old.pt", "plain.pt"):
        with pytest.raises(WeightsError, match="nothing in it was run|could not be read"):
            open_pt(tmp_path / name)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x80\x02nonsense", b"plain text"])
def test_broken_files_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(WeightsError):
        open_pt(tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="safetensors"):
        open_safetensors(tmp_path / "x.safetensors")


def test_a_pt_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"state": {"a": torch.zeros(1)}}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="flat dict"):
        open_pt(tmp_path / "x.pt")


def test_index_and_shards_must_agree(tmp_path: Path) -> None:
    write_shards(in_memory("here", held()), tmp_path, "m", shard=100)
    index = tmp_path / "m.safetensors.index.json"
    good = json.loads(index.read_text())

    def broken(weight_map: dict[str, str]) -> None:
        index.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(WeightsError):
            open_sharded(tmp_path, "m")

    names = good["weight_map"]
    broken({**names, "ghost": names["0.weight"]})
    broken({name: file for name, file in names.items() if name != "0.weight"})
    broken(names | {"0.weight": "../outside.safetensors"})
    broken(names | {"0.weight": "absent.safetensors"})
    index.write_text("[]")
    with pytest.raises(WeightsError, match="index"):
        open_sharded(tmp_path, "m")


def test_both_spellings_of_weight_norm_and_the_prefix() -> None:
    new = nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 3, 1))
    released = new.state_dict()
    older = {"generator.bias": released["bias"]}
    older |= {"generator.weight_g": released["parametrizations.weight.original0"]}
    older |= {"generator.weight_v": released["parametrizations.weight.original1"]}
    store = in_memory("older", older).renamed(hift_name)
    check(store, {name: tuple(t.shape) for name, t in released.items()}, "convolution")
    assert all(torch.equal(store[name].read(), tensor) for name, tensor in released.items())


def test_two_spellings_of_one_tensor_are_refused() -> None:
    with pytest.raises(WeightsError, match="twice"):
        in_memory("both", {"a.weight_g": torch.zeros(1), "generator.a.weight_g": torch.zeros(1)}).renamed(hift_name)
