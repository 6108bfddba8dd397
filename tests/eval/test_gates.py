"""Each gate is open for sound speech, and shut when the thing that it is for is broken."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.eval.gates import GATES, Spoken, gates, told
from antiphon.eval.running import gate_run, run_benches
from tests.eval.test_command import typed
from tests.metrics.conftest import RATE, TEXTS, read_speech


@pytest.fixture(scope="module")
def good() -> list[Spoken]:
    joints = (6_000, 12_000, 20_000)
    return [
        Spoken(name=name, wave=read_speech(name), rate=RATE, text=text, heard=text, joints=joints, seconds=0.5)
        for name, text in TEXTS.items()
    ]


def shut(answers: list[Spoken]) -> set[str]:
    return {one.gate for one in gates(answers) if one.is_open is False}


def stuck(one: Spoken) -> Spoken:
    part = one.wave[RATE : RATE + 8_400]
    return replace(one, wave=np.concatenate([one.wave[:RATE], *[part] * 6, one.wave[RATE + 8_400 :]]))


def seamed(one: Spoken) -> Spoken:
    at = RATE // 4 + int(np.square(one.wave[RATE // 4 : -RATE // 4]).argmax())
    wave = one.wave.copy()
    wave[at:] *= -1
    wave[at : at + 3] = np.sign(wave[at - 1]) * -0.9
    return replace(one, wave=wave, joints=(at,))


def higher(one: Spoken) -> Spoken:
    half = len(one.wave) // 2
    places = np.arange(half, len(one.wave) - 1, 1.6)
    faster = np.interp(places, np.arange(len(one.wave)), one.wave).astype(np.float32)
    return replace(one, wave=np.concatenate([one.wave[:half], faster]), joints=())


BROKEN: dict[str, Callable[[Spoken], Spoken]] = {
    "seams": seamed,
    "truncation": lambda one: replace(one, finish="length"),
    "words": lambda one: replace(one, heard="something else was heard here today"),
    "voice": higher,
    "silence": lambda one: replace(one, wave=np.insert(one.wave, 20_000, np.zeros(3 * RATE, np.float32))),
    "loops": stuck,
    "clipping": lambda one: replace(one, wave=np.clip(6 * one.wave, -1, 1).astype(np.float32), joints=()),
    "speed": lambda one: replace(one, seconds=30.0),
}


def test_sound_speech_passes_every_gate(good: list[Spoken]) -> None:
    found = gates(good)
    assert [one.is_open for one in found] == [True] * len(GATES), told(found)
    assert set(BROKEN) == {gate.name for gate in GATES}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_shuts_its_gate(good: list[Spoken], name: str) -> None:
    broken = BROKEN[name](good[0])
    assert name in shut([broken, good[1]])
    assert name not in shut(good)


def test_speech_that_is_cut_off_inside_a_sound_is_truncated(good: list[Spoken]) -> None:
    one = good[0]
    loudest = RATE // 2 + int(np.square(one.wave[RATE // 2 : -RATE // 2]).argmax())
    assert "truncation" in shut([replace(one, wave=one.wave[:loudest], joints=())])


def test_a_few_may_fail_and_what_was_not_measured_has_not_passed(good: list[Spoken]) -> None:
    slow = replace(good[0], seconds=30.0, name="slow")
    (speed,) = [one for one in gates([slow, *good * 2], may_fail=0.25) if one.gate == "speed"]
    assert speed.is_open and speed.failed == ("slow",)
    deaf = gates([replace(one, heard=None, joints=(), seconds=0.0) for one in good])
    assert {one.gate for one in deaf if one.is_open is None} == {"seams", "words", "speed"}
    assert "it lacks ears" in told(deaf)


def test_the_gates_of_a_run(look: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_benches(look, out, ["seed_tts.test_en"], f"oracle:{look / 'oracle.jsonl'}", cache=tmp_path / "c", quiet=True)
    found = {one.gate: one for one in gate_run(out, "oracle", 0.02, tmp_path / "c")}
    assert found["words"].is_open and found["words"].looked_at == 2 and found["seams"].is_open is None
    assert {row["gate"] for row in json.loads((out / "gates.json").read_text(encoding="utf-8"))} == set(found)
    silent = tmp_path / "silent"
    run_benches(look, silent, ["mmau"], "oracle", cache=tmp_path / "c", quiet=True)
    assert typed("gate", silent, "--cache", tmp_path / "c").exit_code == 1  # nothing was spoken: nothing has passed
