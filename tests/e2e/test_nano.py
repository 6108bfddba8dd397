"""nano answers aloud: through Python and the command line, from a file and through pipes, the same to the byte."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from antiphon import Audio, AudioOut, End, Model, load
from antiphon.data import families

COMMAND = [sys.executable, "-m", "antiphon.cli.main"]


@pytest.fixture(scope="module")
def model(nano: Path) -> Model:
    return load("nano")


@pytest.fixture(scope="module")
def answer(model: Model, nano: Path) -> tuple[Audio, End]:
    """What nano says to the question that ships with it."""
    events = list(model.session().reply(Audio.read(nano / "question.wav")))
    assert isinstance(events[-1], End)
    return Audio(torch.cat([e.samples for e in events if isinstance(e, AudioOut)])[None], 24_000), events[-1]


def test_an_answer_is_words_and_sound_and_ends_by_itself(answer: tuple[Audio, End]) -> None:
    sound, end = answer
    assert end.finish == "stop" and len(end.text.split()) >= 2
    assert sound.num_samples == 960 * len(end.codes) and 0.5 < sound.duration_s < 15
    assert 0.01 < float(sound.samples.square().mean().sqrt()) < 0.5
    assert end.timings.first_audio_s is not None and end.timings.audio_s == pytest.approx(sound.duration_s)


def test_python_file_and_pipe_give_the_same_answer(nano: Path, answer: tuple[Audio, End], tmp_path: Path) -> None:
    question, out = nano / "question.wav", tmp_path / "answer.raw"
    filed = subprocess.run([*COMMAND, "talk", str(question), "-o", str(out)], capture_output=True, text=True)
    piped = subprocess.run([*COMMAND, "talk", "-", "-o", "-"], input=question.read_bytes(), capture_output=True)
    assert filed.returncode == piped.returncode == 0, filed.stderr + piped.stderr.decode()
    sound, end = answer
    assert out.read_bytes() == piped.stdout[44:] == sound.to_pcm16()
    assert end.text.split()[-1] in filed.stdout and end.text.split()[-1] in piped.stderr.decode()


def test_silence_is_answered_with_having_heard_nothing(model: Model) -> None:
    events = list(model.session().reply(Audio(torch.zeros(1, 32_000), 16_000), speech=False))
    assert isinstance(events[-1], End) and events[-1].text == families.NOTHING_HEARD


def test_long_sound_and_several_sounds_are_answered(model: Model, nano: Path) -> None:
    question = Audio.read(nano / "question.wav").at(16_000).samples
    long = Audio(torch.cat([torch.zeros(1, 30 * 16_000), question], dim=1), 16_000)
    session = model.session()
    for said in (long, [Audio(question, 16_000), "and again:", Audio(question, 16_000)]):
        events = list(session.reply(said, speech=False))
        assert isinstance(events[-1], End) and events[-1].text and events[-1].finish == "stop"
    assert [m.role for m in session.messages].count("human") == 2


def test_what_is_read_aloud_ends_and_sounds_whole(model: Model) -> None:
    events = list(model.speak("the sky is blue."))
    sound = torch.cat([e.samples for e in events if isinstance(e, AudioOut)])
    assert isinstance(events[-1], End) and events[-1].finish == "stop"
    assert 0.6 < len(sound) / 24_000 < 4


@pytest.mark.parametrize("task", ["caption", "analyse", "translate"])
def test_what_nano_has_not_learnt_is_one_sentence(nano: Path, task: str) -> None:
    ran = subprocess.run([*COMMAND, task, str(nano / "question.wav")], capture_output=True, text=True)
    assert ran.returncode == 2 and ran.stderr.startswith("antiphon: nano has not learnt to ")
    assert ran.stderr.count("\n") == 1 and ran.stdout == ""


def test_the_controls_hold(nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                           capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    from benches import controls

    monkeypatch.setattr("sys.argv", ["controls", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        controls.main()
    found = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0 and found["reproduced to the byte from codes and voice"]
    shuffled = Audio.read(tmp_path / "shuffled.wav")
    assert shuffled.num_samples == 960 * found["codes"]
