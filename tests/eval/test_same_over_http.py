"""A model scores the same in this process and over HTTP: the same words and the same samples."""

import json
import shutil
from pathlib import Path

import pytest

from antiphon.eval.folder import Folder
from antiphon.eval.running import run_benches, score_run

pytest.importorskip("uvicorn")

from tests.server.running import nano_server  # noqa: E402


@pytest.mark.slow
def test_nano_answers_alike_in_process_and_over_http(look: Path, nano: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "manifest").mkdir(parents=True)
    shutil.copy(nano / "question.wav", data / "manifest" / "q.wav")
    rows = [{"id": str(end), "audio": "q.wav", "text": "what is the capital of france", "lang": "en", "end": end}
            for end in (1.0, None)]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (data / "manifest" / "manifest.jsonl").write_text(text, encoding="utf-8")
    for family in ("uro_bench", "stepeval_toolcall"):
        shutil.copytree(look / family, data / family)
    names, results = ["asr.manifest", "uro_bench.en.pro", "stepeval_audio_toolcall"], []
    with nano_server() as (server, _):
        for place, model in (("here", "nano"), ("there", f"openai:http://127.0.0.1:{server.port}/v1#nano")):
            out = tmp_path / place
            ran = run_benches(data, out, names, model, limit=2, seed=4, cache=tmp_path / f"c-{place}", quiet=True)
            assert not ran.errors
            score_run(out, "rule", "text", cache=tmp_path / "c")
            results.append(json.loads((out / "results.json").read_text(encoding="utf-8"))["benches"])
    assert results[0] == results[1]
    here, there = (list(Folder(tmp_path / place).answers().values()) for place in ("here", "there"))
    assert sorted(a.texts for a in here) == sorted(a.texts for a in there)
    assert sorted(a.audio for a in here) == sorted(a.audio for a in there)
    assert any(all(a.audio) and len(a.texts) == 2 for a in here), "a dialogue of two turns was drawn"
