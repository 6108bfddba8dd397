"""The speech tokenizer's weights out of the ONNX export, by name, by consumer, and written back."""

from pathlib import Path

import onnx
import pytest
import torch

from antiphon.errors import WeightsError
from antiphon.weights.onnx_tokenizer import NUMBERED, open_onnx_tokenizer, write_onnx_tokenizer
from antiphon.weights.sizes import speech_tokenizer_config


@pytest.fixture
def export(golden_voice: Path) -> Path:
    return golden_voice / "tiny_s3tokenizer_v2_names.onnx"


def test_names_shapes_and_values(export: Path, golden_voice: Path) -> None:
    store = open_onnx_tokenizer(export)
    rows = [
        r.split("\t") for r in (golden_voice / "tiny_s3tokenizer_v2_names.expected.tsv").read_text().splitlines()[1:]
    ]
    assert {row[0] for row in rows} == set(store)
    for name, shape, total, first, last in rows:
        tensor = store[name].read().double()
        assert str(list(tensor.shape)) == shape
        found = [float(tensor.sum()), float(tensor.flatten()[0]), float(tensor.flatten()[-1])]
        assert found == pytest.approx([float(total), float(first), float(last)], abs=1e-7)


def test_other_numbers_are_found_by_their_consumer(export: Path, tmp_path: Path) -> None:
    """An export whose initializers are numbered otherwise gives the same tensors."""
    expected = open_onnx_tokenizer(export)
    model = onnx.load(str(export))
    rename = {name: f"onnx::Other_{i}" for i, name in enumerate(NUMBERED)}
    for tensor in model.graph.initializer:
        tensor.name = rename.get(tensor.name, tensor.name)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = rename.get(name, name)
    onnx.save(model, str(tmp_path / "other.onnx"))
    found = open_onnx_tokenizer(tmp_path / "other.onnx")
    assert set(found) == set(expected)
    assert all(torch.equal(found[name].read(), expected[name].read()) for name in expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_written_and_read_again(export: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {name: entry.read().to(dtype) for name, entry in open_onnx_tokenizer(export).items()}
    write_onnx_tokenizer(tensors, tmp_path / "ours.onnx")
    again = open_onnx_tokenizer(tmp_path / "ours.onnx")
    assert set(again) == set(tensors)
    assert all(torch.equal(again[name].read(), tensor) for name, tensor in tensors.items())


def test_sizes_follow_from_shapes(export: Path) -> None:
    config = speech_tokenizer_config(open_onnx_tokenizer(export))
    assert (config.width, config.num_heads, config.num_layers, config.num_codes) == (64, 1, 2, 6561)


def test_something_else_is_refused(tmp_path: Path, golden_voice: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no graph at all, only letters")
    for file in (tmp_path / "x.onnx", tmp_path / "absent.onnx", golden_voice / "tiny_speaker_stub.onnx"):
        with pytest.raises(WeightsError):
            speech_tokenizer_config(open_onnx_tokenizer(file))
