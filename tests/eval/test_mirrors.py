"""Data sets as hubs keep them: the same questions as from the published layout, and sentences about what is wrong."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import ConfigError, InputError
from antiphon.eval import parquet
from antiphon.eval.benchmarks.catalogue import chosen
from antiphon.eval.items import Item
from antiphon.eval.sounds import bytes_of
from antiphon.eval.stages import is_there, read_bench, read_data

pytest.importorskip("pyarrow")

import pyarrow as pa  # noqa: E402
from pyarrow.parquet import write_table  # noqa: E402

Found = tuple[list[Item], list[str]]


def read(data: Path, bench: str) -> Found:
    items, problems = read_bench(chosen([bench])[0], read_data(data))
    return items, [str(problem) for problem in problems]


def write(path: Path, rows: Sequence[dict[str, Any]], groups: int = 2) -> None:
    """A table of a few rows in small groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=groups)


def audio(item: Item) -> dict[str, Any]:
    sound = item.turns[0].sound
    assert sound is not None
    return {"bytes": bytes_of(sound), "path": sound.member or Path(sound.path).name}


def same(one: Sequence[Item], other: Sequence[Item]) -> bool:
    """Whether the same is asked, and the same is right."""
    return [(i.key, i.references, i.group, i.language) for i in one] == [
        (i.key, i.references, i.group, i.language) for i in other]  # fmt: skip


@pytest.mark.parametrize(
    ("bench", "place", "column"),
    [("asr.fleurs_zh", "fleurs/parquet-data/cmn_hans_cn/test-00000-of-00001.parquet", "raw_transcription"),
     ("asr.librispeech_other", "librispeech/other/test/0000.parquet", "text"),
     ("asr.librispeech_clean", "librispeech/all/test.clean/0000.parquet", "text"),
     ("asr.common_voice_yue", "common_voice/yue/test-00000-of-00001.parquet", "sentence"),
     ("asr.aishell1", "aishell1/data/test-00000-of-00001.parquet", "text"),
     ("asr.wenetspeech_net", "wenetspeech/data/test_net-00000-of-00001.parquet", "text")],
)  # fmt: skip
def test_a_mirror_asks_the_same(look: Path, tmp_path: Path, bench: str, place: str, column: str) -> None:
    items, _ = read(look, bench)
    if bench != "asr.wenetspeech_net":  # whose mirrors hold stretches of their own
        write(tmp_path / place, [{"audio": audio(i), column: i.references[0], "speaker_id": 7} for i in items])
        found, told = read(tmp_path, bench)
        assert same(found, items) and not told and {i.cluster for i in found} == {"7"}
    else:
        write(tmp_path / place, [{"audio": audio(i)["bytes"], column: i.references[0]} for i in items])
        found, told = read(tmp_path, bench)
        assert [i.id for i in found] == [f"test_net-00000-of-00001-{n}" for n in (1, 2, 3)] and not told


def test_a_mirror_of_translations_and_of_voices(look: Path, tmp_path: Path) -> None:
    items, _ = read(look, "covost2_s2tt")
    for group, pair in (("en_zh", "en_zh-CN"), ("zh_en", "zh-CN_en")):
        rows = [{"client_id": i.cluster, "file": "x", "audio": audio(i), "sentence": i.fields["source"],
                 "translation": i.references[0], "id": n} for n, i in enumerate(items) if i.group == group]  # fmt: skip
        write(tmp_path / "covost2" / pair / "test-00000-of-00001.parquet", rows)
    found, _ = read(tmp_path, "covost2_s2tt")
    assert same(found, items) and [i.id for i in found] == [i.id for i in items]
    items, _ = read(look, "stepeval_audio_paralinguistic")
    rows = [{"audio": audio(i), "task_name": "q", "task_answer": i.references[0], "subset": i.fields["dimension"]}
            for i in items]  # fmt: skip
    write(tmp_path / "stepeval_paralinguistic" / "data" / "test.parquet", [*rows, {**rows[0], "subset": "taste"}], 5)
    found, told = read(tmp_path, "stepeval_audio_paralinguistic")
    assert same(found, items) and len(told) == 1 and "line 23: found subset 'taste'" in told[0]


def test_conversations_in_columns_that_nobody_described(look: Path, tmp_path: Path) -> None:
    items, told = read(look, "stepeval_audio_360")
    assert not told and [[turn.who for turn in i.turns] for i in items] == [["user", "assistant", "user"]] * 2
    assert items[0].turns[0].sound != items[1].turns[0].sound, "files of one name in two folders are two"
    rows = [json.loads(line) for line in (look / "stepeval_360/data/test.jsonl").read_text("utf-8").splitlines()]
    folder = tmp_path / "stepeval_360"
    told_rows = [{"index": n, "type": r["ability"], "dialogue": json.loads(r["conversation"])}
                 for n, r in enumerate(rows)]  # fmt: skip
    write(folder / "data" / "test-00000-of-00001.parquet", [*told_rows, {"index": 9, "type": "x", "dialogue": []}])
    (folder / "audios.tar.gz").write_bytes((look / "stepeval_360/audios.tar.gz").read_bytes())
    found, told = read(tmp_path, "stepeval_audio_360")
    assert same(found, items) and [i.id for i in found] == ["0", "1"]
    assert len(told) == 1 and "line 3: found columns index, type, dialogue" in told[0]


def test_what_is_wrong_with_a_mirror_is_named(look: Path, tmp_path: Path) -> None:
    items, _ = read(look, "asr.aishell1")
    place, good = tmp_path / "aishell1" / "test.parquet", {"audio": audio(items[0]), "text": items[0].references[0]}
    broken = [{"audio": {"bytes": None, "path": "a.wav"}, "text": "x"}, {"audio": audio(items[1]), "text": None},
              {"audio": {"bytes": audio(items[2])["bytes"][:30], "path": "b.wav"}, "text": "y"}]  # fmt: skip
    write(place, [good, *broken, good])
    found, told = read(tmp_path, "asr.aishell1")
    assert len(found) == 1
    assert [f"line {n}: found {what}" in text for text, n, what in zip(
        told, (2, 3, 4, 5), ("no file", "columns", "no sound", "the id"), strict=True)] == [True] * 4  # fmt: skip
    place.write_bytes(place.read_bytes()[:100])
    parquet._opened.cache_clear()
    with pytest.raises(InputError, match="found no Parquet"):
        read(tmp_path, "asr.aishell1")


def test_without_pyarrow_a_sentence_says_what_to_install(
    look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "aishell1" / "test.parquet", [{"text": "x"}])
    parquet._opened.cache_clear()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigError, match=r"pip install 'antiphon\[parquet\]'"):
        read(tmp_path, "asr.aishell1")
    with pytest.raises(ConfigError, match="pyarrow"):  # and such data is not passed over as if it were not there
        is_there(chosen(["asr.aishell1"])[0], read_data(tmp_path))
