"""`antiphon eval` as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from antiphon.cli.main import app
from antiphon.errors import InputError


def typed(*arguments: str | Path) -> Result:
    found = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def test_what_there_is(look: Path) -> None:
    told = typed("list", "--data", look).stdout
    assert "mmau_v05.15.25_test_mini  [there]" in told and "assumed:" in told
    assert "asr.librispeech_clean\n" in typed("list").stdout


def test_data_are_checked_without_a_model(look: Path, tmp_path: Path) -> None:
    whole = typed("check", "--data", look)
    assert whole.exit_code == 0 and "asr.kespeech_phase1: 2 items, 0 lost" in whole.stdout
    (tmp_path / "manifest").mkdir()
    lines = ['{"id": "a"}', '{"id": "b", "audio": "b.wav", "text": "x", "lang": "en"}', "{"]
    good = look / "manifest" / "short.wav"
    (tmp_path / "manifest" / "c.wav").write_bytes(good.read_bytes())
    lines.append('{"id": "c", "audio": "c.wav", "text": "x", "lang": "en"}')
    (tmp_path / "manifest" / "manifest.jsonl").write_text("\n".join(lines), encoding="utf-8")
    broken = typed("check", "--data", tmp_path)
    assert broken.exit_code == 1 and "asr.manifest: 1 items, 3 lost" in broken.stdout
    assert [f"line {n}: found" in broken.stdout for n in (1, 2, 3)] == [True] * 3


def test_run_and_score(look: Path, tmp_path: Path) -> None:
    given = ["--data", look, "--out", tmp_path / "run", "--bench", "mmau,asr.aishell1", "--cache", tmp_path / "cache"]
    first = typed("run", *given, "--model", f"oracle:{look / 'oracle.jsonl'}", "--shard", "1/2")
    assert first.exit_code == 0 and "questions" in first.stdout
    part = typed("score", tmp_path / "run", "--cache", tmp_path / "cache")
    why = typed("run", *given, "--model", f"oracle:{look / 'oracle.jsonl'}", "--explain-cache").stdout
    assert 0 < why.count("kept in") < why.count("question ") == why.count("kept in") + why.count("not in") == 7
    assert part.exit_code == 1 and "not asked yet" in part.stderr
    typed("run", *given, "--model", f"oracle:{look / 'oracle.jsonl'}", "--shard", "2/2")
    scored = typed("score", tmp_path / "run", "--cache", tmp_path / "cache")
    assert scored.exit_code == 0 and "| asr.aishell1 | cer | 0.00 %" in scored.stdout
    typed("score", tmp_path / "run", "--judge", "none", "--cache", tmp_path / "cache")
    typed("compare", tmp_path / "run", "--cache", tmp_path / "cache")  # by whoever judged the last time
    told = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert told["judge"] == "none"
    assert set(told["benches"]) == {"asr.aishell1", "mmau_v05.15.25_test_mini"}
    with pytest.raises(InputError, match="3/8"):
        typed("run", *given, "--shard", "a")


def test_a_model_that_fails_too_often_is_an_exit_status(look: Path, tmp_path: Path) -> None:
    given = ["--data", look, "--out", tmp_path / "run", "--bench", "asr,uro_bench.en", "--model", "oracle#failing"]
    failed = typed("run", *given, "--cache", tmp_path / "cache")
    assert failed.exit_code == 1 and "asked to fail" in failed.stderr


def test_people_overrule_judges(look: Path, tmp_path: Path) -> None:
    given = ["--data", look, "--out", tmp_path / "run", "--bench", "mmau", "--cache", tmp_path / "cache"]
    typed("run", *given, "--model", f"oracle:{look / 'oracle.jsonl'}#first-choice")
    row = {"key": "1", "bench": "mmau_v05.15.25_test_mini", "id": "00000000-0000-4000-8000-000000000002", "right": True}
    (tmp_path / "run" / "overrides.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    typed("score", tmp_path / "run", "--cache", tmp_path / "cache")
    (told,) = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))["benches"].values()
    found = {one["metric"]: one["value"] for one in told["results"]}
    assert (found["accuracy (official)"], found["accuracy (choice)"], told["overruled"]) == (100.0, 75.0, 1)


def test_nano_is_measured_as_before(tmp_path: Path) -> None:
    for words in (["nano"], []):
        told = CliRunner().invoke(app, ["eval", *words, "--sets", str(tmp_path), "--only", "dancing"])
        assert "dancing" in str(told.exception)
