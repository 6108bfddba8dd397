"""Many voices: each reads more than once, in two languages, and what was made is not made again."""

from collections import Counter
from pathlib import Path

import pytest

from antiphon.data.engines import catalogue
from antiphon.data.skills import voices
from antiphon.data.store import read_index, shard_numbers
from recipes.nano import many_voices


def test_everybody_reads_more_than_once(tmp_path: Path) -> None:
    for name in ("espeak", "flite", "festival"):
        if not catalogue.find(name).installed():
            pytest.skip(f"{name} is not installed")
    crowd = many_voices.Crowd(preset_texts=2, strangers=6, bent=2, texts=3, shard=12)
    many_voices.make(tmp_path, crowd)
    folder = tmp_path / many_voices.NAME
    rows = [row for number in shard_numbers(folder) for row in read_index(folder, number)]
    read = Counter(row["voice"] for row in rows)
    strangers = {f"stranger-{n}" for n in range(6)} | {"bent-0", "bent-1"}
    assert set(read) == (set(voices.presets()) - {voices.OWN}) | strangers
    assert {read["rms"], read["stranger-0"]} == {2, 3}
    assert {row["language"] for row in rows} == {"en", "zh"} and {row["rate"] for row in rows} == {24_000}
    twins = [row for n in shard_numbers(tmp_path / many_voices.TWINS) for row in read_index(tmp_path / "twins", n)]
    assert [(row["text"], row["voice"]) for row in twins] == [(row["text"], voices.OWN) for row in rows]
    first = (folder / "00000.jsonl").stat().st_mtime_ns
    (folder / "00001.jsonl").unlink()
    many_voices.make(tmp_path, crowd)
    again = [row for number in shard_numbers(folder) for row in read_index(folder, number)]
    assert again == rows and (folder / "00000.jsonl").stat().st_mtime_ns == first
