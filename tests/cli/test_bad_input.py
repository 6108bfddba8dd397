"""Whatever is handed in: an answer, or one sentence and exit status 2; nothing is executed, nothing is left behind."""

import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.runtime.model import load
from antiphon.runtime.speech import render
from tests.cli.conftest import Ran, Run
from tests.runtime.conftest import noise


def wav(path: Path, samples: np.ndarray, rate: int = 16_000, kind: str = "PCM_16") -> None:
    soundfile.write(path, samples, rate, subtype=kind, format="WAV")


def with_claim(path: Path, claim: int) -> None:
    """A second of sound under a header that claims `claim` bytes."""
    wav(path, noise(1.0).samples[0].numpy())
    data = bytearray(path.read_bytes())
    data[4:8], data[40:44] = struct.pack("<I", claim + 36), struct.pack("<I", claim)
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    wav(path, noise(1.0).samples[0].numpy())
    path.write_bytes(path.read_bytes()[:20_001])


SOUNDS: dict[str, tuple[Callable[[Path], object], int]] = {
    "no file": (lambda p: None, 2),
    "a folder": (lambda p: p.mkdir(), 2),
    "empty file": (lambda p: p.write_bytes(b""), 2),
    "no samples": (lambda p: wav(p, np.zeros(0)), 2),
    "one sample": (lambda p: wav(p, np.zeros(1)), 2),
    "not a number": (lambda p: wav(p, np.full(16_000, np.nan), kind="FLOAT"), 2),
    "text as wav": (lambda p: p.write_text("what is the capital of france?"), 2),
    "half an hour": (lambda p: wav(p, np.zeros(1800 * 1000), 1000), 2),
    "silence": (lambda p: wav(p, np.zeros(16_000)), 0),
    "ten hours in the header": (lambda p: with_claim(p, 10 * 3600 * 32_000), 0),
    "truncated": (cut_short, 0),
    "768 kHz": (lambda p: wav(p, np.zeros(76_800), 768_000), 0),
    "255 channels": (lambda p: wav(p, np.zeros((8000, 255)), 8000), 0),
}


def one_sentence(ran: Ran) -> bool:
    return ran.status == 2 and ran.err.startswith("antiphon: ") and ran.err.count("\n") == 1 and ran.out == ""


@pytest.mark.parametrize("name", SOUNDS)
def test_sound(antiphon: Run, random_model: Path, question: Path, tmp_path: Path, name: str) -> None:
    make, status = SOUNDS[name]
    sound, answers = tmp_path / "question.wav", tmp_path / "answers"
    answers.mkdir()
    make(sound)
    options = ["-o", answers / "a.wav", "--model", random_model, "--voice", question, "--max-tokens", 12]
    ran = antiphon("talk", sound, *options)
    if status == 2:
        assert one_sentence(ran) and list(answers.iterdir()) == []
    else:
        assert ran.status == 0 or "answered without a sound" in ran.err, ran.err


def test_words_over_the_limit(antiphon: Run, random_model: Path, question: Path, tmp_path: Path) -> None:
    ran = antiphon(
        "talk", "--text", "word " * 20_000, "-o", tmp_path / "a.wav", "--model", random_model, "--voice", question
    )
    assert one_sentence(ran) and "16384" in ran.err and list(tmp_path.iterdir()) == []


def test_a_speech_code_out_of_range(random_model: Path) -> None:
    utterer = load(random_model).session(voice=noise(1.0)).utterer()
    for code in (-1, 6561):
        with pytest.raises(InputError, match=str(code)):
            render(utterer.voice, utterer.state, [1, 2, 3, code])


def renamed(tensors: dict[str, torch.Tensor], old: str, new: str | None) -> dict[str, torch.Tensor]:
    changed = dict(tensors)
    value = changed.pop(old)
    return changed | ({} if new is None else {new: value})


BROKEN: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]] = {
    "missing": lambda t: renamed(t, "model.norm.weight", None),
    "extra": lambda t: {**t, "model.surplus.weight": torch.zeros(3)},
    "instead of": lambda t: {**t, "lm_head.weight": t["lm_head.weight"].T.contiguous()},
}


@pytest.fixture
def broken(random_model: Path, tmp_path: Path) -> Path:
    """A copy to break, its language model in one file."""
    folder = tmp_path / "broken"
    shutil.copytree(random_model, folder)
    tensors: dict[str, torch.Tensor] = {}
    for shard in folder.glob("model*.safetensors"):
        tensors |= load_file(shard)
        shard.unlink()
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("how", BROKEN)
def test_a_checkpoint_that_does_not_fit(antiphon: Run, broken: Path, question: Path, how: str) -> None:
    file = broken / "model.safetensors"
    save_file(BROKEN[how](load_file(file)), file)
    ran = antiphon("transcribe", question, "--model", broken)
    assert one_sentence(ran) and ("not known" if how == "extra" else how) in ran.err


class Bomb:
    """A pickle that runs code when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_runs_code(antiphon: Run, broken: Path, question: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for bomb in (lambda f: torch.save({"x": Bomb(mark)}, f), lambda f: f.write_bytes(pickle.dumps(Bomb(mark)))):
        bomb(broken / "token2wav" / "hift.pt")
        assert one_sentence(antiphon("transcribe", question, "--model", broken)) and not mark.exists()


def test_a_truncated_checkpoint(antiphon: Run, broken: Path, question: Path) -> None:
    file = broken / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    assert one_sentence(antiphon("transcribe", question, "--model", broken))


def test_the_silent_answer_is_heard(random_model: Path) -> None:
    """Silence is a question like any other: it reaches the model as rows of its own."""
    session = load(random_model).session()
    list(session.reply(Audio(torch.zeros(1, 16_000), 16_000), speech=False, max_tokens=1))
    item = session.messages[1].content[0]  # type: ignore[index]
    assert item.num_rows == (13,)  # type: ignore[union-attr]
