"""Whole folders: released -> ours -> released, and what stops half-way leaves nothing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from antiphon.errors import ConfigError, WeightsError
from antiphon.weights.folder import Folder, open_folder
from antiphon.weights.parts import load_parts
from antiphon.weights.save import convert, write_folder
from antiphon.weights.tensors import Store
from tests import random_folder


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "Step-Audio-2-mini-Think"
    return random_folder.make(place, random_folder.config(16, 1, dtype="bfloat16"))


def stores(folder: Folder) -> dict[str, Store]:
    voice = folder.voice
    assert voice is not None
    return {"lm": folder.lm, "flow": voice.flow, "hift": voice.hift, "tokenizer": voice.tokenizer}


def assert_same(a: Folder, b: Folder) -> None:
    assert a.config == b.config
    for name, store in stores(a).items():
        other = stores(b)[name]
        assert list(store) == list(other) or set(store) == set(other)
        for key in store:
            one, two = store[key].read(), other[key].read()
            assert one.dtype == two.dtype and torch.equal(one, two), key


def test_there_and_back_again(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path / "ours", layout="own", shard=1 << 20)
    convert(tmp_path / "ours", tmp_path / "back", layout="released", shard=1 << 20)
    there, back = open_folder(released), open_folder(tmp_path / "back", variant="mini-think")
    assert_same(there, open_folder(tmp_path / "ours"))
    assert_same(there, back)
    assert there.config.variant == "mini-think"  # the folder's name told it, and our layout keeps it
    for name in ("config.json", "tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json"):
        assert (released / name).read_text().strip() == (tmp_path / "back" / name).read_text().strip()
    for name in ("flow.yaml", "campplus.onnx"):
        assert (released / "token2wav" / name).read_bytes() == (tmp_path / "back" / "token2wav" / name).read_bytes()
    flow = torch.load(tmp_path / "back" / "token2wav" / "flow.pt", weights_only=True)
    assert flow.keys() == torch.load(released / "token2wav" / "flow.pt", weights_only=True).keys()
    onnx.load(str(tmp_path / "back" / "token2wav" / "speech_tokenizer_v2_25hz.onnx"))


def test_loaded_alike_from_both_layouts(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path / "ours", layout="own")
    a, b = load_parts(released, dtype=torch.float32), load_parts(tmp_path / "ours", dtype=torch.float32)
    ids = torch.tensor([a.tokenizer.encode("the quick brown fox")])
    with torch.inference_mode():
        assert torch.equal(a.lm(ids)[0], b.lm(ids)[0])
        assert a.voice is not None and b.voice is not None
        codes = torch.tensor([[1, 2, 3, 4]])
        assert torch.equal(a.voice.flow.mu(codes), b.voice.flow.mu(codes))
        mel = torch.zeros(1, 80, 4)
        assert torch.equal(a.voice.hift.render(mel), b.voice.hift.render(mel))
    assert a.layout == b.layout and a.layout.num_codes == 6561
    assert a.layout.vocab_size == a.config.lm.decoder.vocab_size == a.tokenizer.num_ids + random_folder.FREE_ROWS


def test_config_dtype_is_the_default_and_text_only_is_possible(released: Path) -> None:
    parts = load_parts(released, with_voice=False)
    assert parts.voice is None
    assert {p.dtype for p in parts.lm.parameters()} == {torch.bfloat16}


def test_nothing_half_written(released: Path, tmp_path: Path) -> None:
    folder = open_folder(released)
    name, entry = list(folder.lm.items())[-1]

    def broken() -> torch.Tensor:
        raise WeightsError("the disk is gone")

    lm = Store("here", {**folder.lm.entries, name: replace(entry, read=broken)})
    for layout in ("released", "own"):
        with pytest.raises(WeightsError, match="disk"):
            write_folder(replace(folder, lm=lm), tmp_path / "x", layout=layout)
    with pytest.raises(ConfigError, match="layout"):
        write_folder(folder, tmp_path / "x", layout="other")
    assert list(tmp_path.iterdir()) == []


def test_what_the_released_files_cannot_say_is_said_beside_them(released: Path, tmp_path: Path) -> None:
    """A small model of our own (fewer steps, a tokenizer that hears its neighbourhood) survives the released layout."""
    folder = open_folder(released)
    voice = folder.config.voice
    assert voice is not None
    own = replace(voice, flow=replace(voice.flow, num_steps=5), tokenizer=replace(voice.tokenizer, window=8))
    config = replace(folder.config, name="small", variant="nano", voice=own)
    write_folder(replace(folder, config=config), tmp_path / "small")
    assert open_folder(tmp_path / "small").config == config
    assert open_folder(tmp_path / "small", variant="mini").config == replace(config, variant="mini")
    write_folder(folder, tmp_path / "released")
    assert not (tmp_path / "released" / "antiphon.json").exists()
    data = json.loads((tmp_path / "small" / "config.json").read_text())
    data["text_config"]["rope_theta"] = 1.0
    (tmp_path / "small" / "config.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="antiphon.json"):
        open_folder(tmp_path / "small")


def test_an_existing_place_is_left_alone(released: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(WeightsError, match="exists"):
        convert(released, tmp_path / "there")
    with pytest.raises(WeightsError, match="no folder"):
        convert(released, tmp_path / "no" / "parent")


@pytest.mark.parametrize(
    "absent",
    [
        "model.safetensors.index.json",
        "token2wav/flow.yaml",
        "token2wav/flow.pt",
        "token2wav/hift.pt",
        "token2wav/campplus.onnx",
        "token2wav/speech_tokenizer_v2_25hz.onnx",
    ],
)
def test_a_missing_file_is_named(released: Path, tmp_path: Path, absent: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(released, copy)
    (copy / absent).unlink()
    with pytest.raises(WeightsError, match=Path(absent).name.split(".")[0]):
        open_folder(copy)


def test_a_checkpoint_that_does_not_fit_is_refused(released: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(released, copy)
    data = json.loads((copy / "config.json").read_text())
    data["text_config"]["num_hidden_layers"] += 1
    (copy / "config.json").write_text(json.dumps(data))
    with pytest.raises(WeightsError, match="12 missing .model.layers.1"):
        load_parts(copy)
    with pytest.raises(WeightsError, match="missing"):
        convert(copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_safetensors_and_older_names_in_token2wav(released: Path, tmp_path: Path) -> None:
    """A vocoder with the prefix and the older spelling, as safetensors, is the same vocoder."""
    from safetensors.torch import save_file

    copy = tmp_path / released.name
    shutil.copytree(released, copy)
    tensors = torch.load(copy / "token2wav" / "hift.pt", weights_only=True)
    older = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}

    def spelled(name: str) -> str:
        for new, old in older.items():
            name = name.replace(new, old)
        return f"generator.{name}"

    save_file({spelled(name): tensor for name, tensor in tensors.items()}, copy / "token2wav" / "hift.safetensors")
    (copy / "token2wav" / "hift.pt").unlink()
    assert_same(open_folder(released), open_folder(copy))
