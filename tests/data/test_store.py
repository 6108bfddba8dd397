"""Shards: what is written is read back, and half a shard does not count."""

import json
from pathlib import Path

import numpy as np
import pytest

from antiphon.data.store import has_shard, read_index, read_shard, shard_numbers, write_shard
from antiphon.errors import InputError


def test_a_shard_comes_back(tmp_path: Path) -> None:
    sounds = [np.sin(np.arange(length) / 9).astype(np.float32) * 0.5 for length in (160, 7, 400)]
    rows = [{"text": text, "words": [[text, 0.0, 0.1]]} for text in ("one", "two", "three")]
    assert write_shard(tmp_path, 3, zip(rows, sounds, strict=True), 16_000) == 567
    assert shard_numbers(tmp_path) == [3]
    items = list(read_shard(tmp_path, 3))
    assert [item.row["text"] for item in items] == ["one", "two", "three"]
    assert [(item.row["offset"], item.row["length"], item.row["rate"]) for item in items] == [
        (0, 160, 16_000), (160, 7, 16_000), (167, 400, 16_000),
    ]  # fmt: skip
    for item, sound in zip(items, sounds, strict=True):
        assert item.audio.dtype == np.float32
        np.testing.assert_allclose(item.audio, sound, atol=0.6 / 32767)


def test_too_loud_sound_is_clipped_not_wrapped(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [({"text": "loud"}, np.array([2.0, -2.0], np.float32))], 8000)
    assert next(read_shard(tmp_path, 0)).audio.tolist() == [1.0, -1.0]


def test_a_shard_without_its_index_is_not_there(tmp_path: Path) -> None:
    def fails() -> object:
        yield {"text": "one"}, np.zeros(4, np.float32)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path, 0, fails(), 8000)  # type: ignore[arg-type]
    assert not has_shard(tmp_path, 0)
    with pytest.raises(InputError, match="expected one"):
        read_index(tmp_path, 0)


def test_the_index_is_one_json_object_a_line(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, [({"text": "a"}, np.zeros(2, np.float32))] * 2, 8000)
    lines = (tmp_path / "00000.jsonl").read_text().splitlines()
    assert [json.loads(line)["offset"] for line in lines] == [0, 2]
