"""Every command on a random model: what it prints, what it writes, what it leaves behind when it fails."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.audio.wave import Audio
from tests.cli.conftest import Run
from tests.conftest import GOLDEN


@pytest.fixture
def asked(random_model: Path, question: Path) -> list[object]:
    """Options that every talking command needs here: the random model and a voice for it."""
    return ["--model", random_model, "--voice", question]


def test_help_names_every_command_and_loads_no_torch() -> None:
    code = (
        "import sys, antiphon.cli.main as m\n"
        "sys.argv = ['antiphon', '--help']\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert not loaded & {"torch", "numpy", "scipy", "onnxruntime", "safetensors", "starlette", "uvicorn", "jiwer"}
    assert not {name for name in loaded if name.startswith(("antiphon.model", "antiphon.nn", "antiphon.runtime"))}
    commands = "talk transcribe speak translate caption analyse verify convert bench doctor".split()
    assert all(f"\n  {name} " in done.stdout for name in commands)


def test_talk_writes_sound_and_prints_words(antiphon: Run, asked: list[object], question: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.wav"
    ran = antiphon("talk", question, "-o", answer, *asked, "--max-tokens", 30, "--timings", "--text", "what?")
    assert ran.status == 0, ran.err
    assert "first sound" in ran.out and str(answer) in ran.out and ran.err == ""
    assert Audio.read(answer).rate == 24_000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answer.wav", "answer.wav.provenance.json"]


def test_talk_reads_and_writes_pipes_and_says_the_same(asked: list[object], question: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "antiphon.cli.main", "talk", *map(str, asked), "--max-tokens", "30"]
    piped = subprocess.run([*command, "-", "-o", "-"], input=question.read_bytes(), capture_output=True)
    assert piped.returncode == 0, piped.stderr
    answer = tmp_path / "answer.raw"
    filed = subprocess.run([*command, str(question), "-o", str(answer)], capture_output=True)
    assert filed.returncode == 0, filed.stderr
    assert piped.stdout[:4] == b"RIFF" and piped.stdout[44:] == answer.read_bytes()
    assert piped.stderr.strip() == filed.stdout.strip() and b"%|" not in piped.stderr  # words, and no bar in a pipe


def test_text_only(antiphon: Run, asked: list[object], question: Path) -> None:
    ran = antiphon("talk", question, "--text-only", *asked, "--max-tokens", 8)
    assert ran.status == 0 and ran.err == ""


def test_speak_reads_words_from_standard_input(
    antiphon: Run, asked: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("the quick fox")
    with words.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        ran = antiphon("speak", "-", "-o", tmp_path / "a.wav", *asked, "--max-tokens", 20)
    assert ran.status == 0 and ran.out == "" and (tmp_path / "a.wav").exists()
    assert antiphon("speak", " ", "-o", tmp_path / "b.wav", *asked).status == 2


@pytest.mark.parametrize("command", ["transcribe", "caption", "translate", "analyse"])
def test_tasks_print_words(
    antiphon: Run, random_model: Path, question: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from antiphon.runtime import tasks

    monkeypatch.setattr(tasks, "text_of", lambda events: f"<en>done {next(events) is not None}")
    ran = antiphon(command, question, "--model", random_model)
    assert ran.status == 0 and "done True" in ran.out


def test_verify_says_what_passed_and_what_did_not(antiphon: Run, tmp_path: Path) -> None:
    ran = antiphon("verify", GOLDEN / "language-model")
    assert ran.status == 0 and ran.out.rstrip().endswith(" 0 failed"), ran.out + ran.err
    changed = tmp_path / "changed"
    shutil.copytree(GOLDEN / "language-model", changed)
    (changed / "ta4.json").write_text((changed / "ta4.json").read_text().replace("1", "2", 1))
    assert antiphon("verify", changed).status in (1, 2)
    assert antiphon("verify", tmp_path / "nowhere").status == 2


def test_convert_writes_the_released_layout_or_nothing(antiphon: Run, random_model: Path, tmp_path: Path) -> None:
    ran = antiphon("convert", random_model, tmp_path / "new", "--layout", "own", "--shard", "1")
    shards = sorted((tmp_path / "new").glob("lm-*.safetensors"))
    assert ran.status == 0 and len(shards) > 1 and (tmp_path / "new" / "lm.safetensors.index.json").exists()
    assert antiphon("convert", random_model, tmp_path / "new").status == 2  # it is there already
    assert antiphon("convert", tmp_path / "no", tmp_path / "other").status == 2
    assert antiphon("convert", random_model, tmp_path / "third", "--dtype", "int4").status == 2
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


def test_bench_prints_json(antiphon: Run, asked: list[object], question: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from antiphon.runtime import session

    monkeypatch.setattr(session, "MAX_TOKENS", 30)
    inner = session.Session.reply
    monkeypatch.setattr(session.Session, "reply", lambda self, said: inner(self, said, max_tokens=30))
    ran = antiphon("bench", question, *asked, "--repeats", 1)
    assert ran.status == 0, ran.err
    figures = json.loads(ran.out)
    assert figures["threads"] == 1 and figures["tokens_per_s_needed"] == 31.25
    assert figures["real_time_factor_cpu"] == pytest.approx(figures["cpu_s"] / figures["speech_s"], abs=1e-2)
    assert 0 < figures["first_audio_s"] <= figures["wall_s"] and 50 < figures["peak_memory_mb"]


def test_doctor_checks_and_fails_with_status_1(antiphon: Run, random_model: Path, tmp_path: Path) -> None:
    ran = antiphon("doctor", "--model", random_model)
    assert ran.status == 0 and "FAIL" not in ran.out and "torch" in ran.out, ran.out
    ran = antiphon("doctor", "--model", tmp_path / "none")
    assert ran.status == 1 and "FAIL" in ran.out


def test_an_interrupted_answer_leaves_nothing_half_written(
    antiphon: Run, asked: list[object], question: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from antiphon.runtime.speech import Utterer

    inner = Utterer.render

    def interrupted(self: Utterer, *, final: bool = False) -> object:
        if self.wanted == 25:
            raise KeyboardInterrupt
        return inner(self, final=final)

    monkeypatch.setattr(Utterer, "render", interrupted)
    ran = antiphon("talk", question, "-o", tmp_path / "answer.wav", *asked, "--max-tokens", 80)
    assert ran.status not in (0, 2) and "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_whoever_stops_listening_ends_the_command_quietly(asked: list[object], question: Path) -> None:
    command = [sys.executable, "-m", "antiphon.cli.main", "talk", *map(str, asked), str(question), "-o", "-"]
    read, write = os.pipe()
    process = subprocess.Popen([*command, "--max-tokens", "120"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.read(read, 44)
    os.close(read)
    errors = process.communicate(timeout=300)[1]
    assert process.returncode == 1 and b"Traceback" not in errors and b"Exception" not in errors


def test_a_wrong_option_is_status_2(antiphon: Run, question: Path, random_model: Path) -> None:
    assert antiphon("talk", question, "--nonsense").status == 2
    for options in (["--device", "nonsense"], ["--dtype", "int4"]):
        ran = antiphon("talk", question, "--text-only", "--model", random_model, *options)
        assert ran.status == 2 and ran.err.startswith("antiphon: ") and ran.err.count("\n") == 1
