"""A listening test hides what it asks, its key tells the truth, and its sheet is counted rightly."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.marking.detect import detect
from benches.listening import KEY, SHEET, Tally, main, make, score

TRIALS = 6


@pytest.fixture
def made(tmp_path: Path, speech: np.ndarray) -> Path:
    clips = (np.roll(speech, 5_000 * number) for number in range(TRIALS))
    assert make(tmp_path / "test", clips, seed=3) == TRIALS
    return tmp_path / "test"


def key(folder: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads((folder / KEY).read_text())["trials"])


def answer(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    with open(folder / SHEET, "w", newline="") as file:
        csv.writer(file).writerows([("trial", "differs", "grade"), *rows])


def test_one_of_two_is_the_reference_and_the_other_bears_the_mark(made: Path) -> None:
    assert {trial["marked"] for trial in key(made).values()} == {"a", "b"}
    for name, trial in key(made).items():
        marked = str(trial["marked"])
        hidden = made / f"{name}_{'b' if marked == 'a' else 'a'}.wav"
        assert hidden.read_bytes() == (made / f"{name}_reference.wav").read_bytes()
        assert detect(Audio.read(made / f"{name}_{marked}.wav")).verdict == "present"
        assert detect(Audio.read(hidden)).verdict == "not found"
    assert [name for name, trial in key(made).items() if trial["control"]] == ["05"]


def test_a_control_is_louder(made: Path) -> None:
    def distance(name: str) -> float:
        sound = {part: Audio.read(made / f"{name}_{part}.wav").samples for part in ("a", "b", "reference")}
        return max(float((sound[part] - sound["reference"]).square().sum()) for part in "ab")

    assert distance("05") > 20 * distance("04")


def test_the_seed_decides_the_order(made: Path, tmp_path: Path, speech: np.ndarray) -> None:
    orders = set()
    for seed in (3, 4, 5):
        make(tmp_path / f"{seed}", [speech[:2400]] * TRIALS, seed)
        orders.add("".join(str(trial["marked"]) for trial in key(tmp_path / f"{seed}").values()))
    assert len(orders) > 1 and "".join(str(trial["marked"]) for trial in key(made).values()) in orders
    with pytest.raises(InputError, match="already has a listening test"):
        make(made, [speech])


def test_a_sheet_is_counted(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = {name: str(trial["marked"]) for name, trial in key(made).items()}
    wrong = {"a": "b", "b": "a"}
    answer(made, [(name, wrong[which] if name == "02" else which.upper(), "4") for name, which in truth.items()])
    found = score(made)
    assert found == {"mark": Tally(4, 5, 4.0), "control": Tally(1, 1, 4.0)}
    assert found["mark"].chance == 6 / 32 and Tally(0, 8, 5.0).chance == 1.0
    main(["score", str(made)])
    assert "mark: 4 of 5 named rightly" in capsys.readouterr().out


@pytest.mark.parametrize("row", [("01", "", "3"), ("01", "c", "3"), ("01", "a", "6"), ("99", "a", "3")])
def test_a_sheet_of_no_use_is_refused(made: Path, row: tuple[str, str, str]) -> None:
    answer(made, [row])
    with pytest.raises(InputError, match="give a or b"):
        score(made)


def test_no_test_is_no_score(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no listening test"):
        score(tmp_path)
