"""What a model says bears the mark; `antiphon provenance` finds it, and the note beside a file."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon import Audio, AudioOut, load
from antiphon.marking.detect import detect
from antiphon.marking.note import read_note
from antiphon.weights.find import PRESETS
from tests.cli.conftest import Run, antiphon  # noqa: F401 (the latter is a fixture)

VOICE = PRESETS / "nano" / "voice.wav"
LONG = "one two three four five six seven eight nine ten eleven twelve."


def test_every_utterance_is_marked_and_the_same_but_for_the_mark() -> None:
    model, plain = load("nano"), load("nano", marked=False)
    marked, unmarked = (
        torch.cat([e.samples for e in m.speak(LONG) if isinstance(e, AudioOut)]) for m in (model, plain)
    )
    assert len(marked) == len(unmarked) and not torch.equal(marked, unmarked)
    assert torch.equal(marked, model.marking.begin()(unmarked))
    assert detect(Audio(marked[None], 24_000)).score > detect(Audio(unmarked[None], 24_000)).score + 3


def test_a_file_bears_the_mark_and_has_a_note(antiphon: Run, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "said.wav"
    assert antiphon("speak", LONG, "-o", out, "--threads", "1").status == 0
    ran = antiphon("provenance", out)
    assert ran.status == 0 and ran.out.startswith("mark: present, score ")
    assert "note: made by antiphon" in ran.out and "Absence proves nothing" in ran.out
    told = json.loads(antiphon("provenance", "--json", out).out)
    assert told["note"]["model"] == "nano" and told["note"]["mark"]["key"] == told["key"]
    Audio(Audio.read(out).samples * 0.5, 24_000).write(out)
    assert read_note(out) is None and antiphon("provenance", out).status == 0  # the note is of another file


def test_what_bears_no_mark_is_told_so(antiphon: Run, tmp_path: Path) -> None:  # noqa: F811
    ran = antiphon("provenance", VOICE)
    assert ran.status == 1 and ran.out.startswith("mark: not found, score ") and "note: none" in ran.out
    Audio(torch.zeros(1, 24_000), 24_000).write(tmp_path / "nothing.wav")
    assert antiphon("provenance", tmp_path / "nothing.wav").status == 3
    ran = antiphon("provenance", tmp_path / "missing.wav")
    assert ran.status == 2 and ran.err.count("\n") == 1


@pytest.mark.parametrize("note", ["{", "[]", "null", '{"sha256": 3}', "x" * 100_000])
def test_a_broken_note_is_none(note: str, tmp_path: Path) -> None:
    Audio(torch.from_numpy(np.zeros((1, 99), np.float32)), 24_000).write(tmp_path / "a.wav")
    (tmp_path / "a.wav.provenance.json").write_text(note)
    assert read_note(tmp_path / "a.wav") is None


def test_without_the_mark_it_says_so() -> None:
    script = "import antiphon; antiphon.load('nano')"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={"ANTIPHON_MARK": "off", "PATH": ""}
    )
    assert ran.returncode == 0 and "generated without a mark, because ANTIPHON_MARK is off" in ran.stderr
