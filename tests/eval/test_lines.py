"""The measurement: perfect answers hold every line, wrong ones none, and the sets are what was never trained on."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from antiphon.data.engines import catalogue
from antiphon.data.skills.classes import ELEVEN
from antiphon.errors import ConfigError, InputError
from antiphon.eval import lines
from antiphon.eval.bench import Bench
from antiphon.eval.figures import Figure, balanced, difference, share, table
from antiphon.eval.held import Case, Reply, cases, tools_of
from antiphon.eval.record import Measured, Record, commit_of
from antiphon.eval.run import LINES, chosen
from antiphon.eval.sets import build, sets
from antiphon.eval.sets import chosen as chosen_sets
from antiphon.runtime.events import ToolCall
from antiphon.runtime.loaded import Loaded


def perfect(model: Any, case: Case, *, aloud: bool = False, prompt: str = "") -> list[Reply]:
    """What a model should do; without the thought where it is not asked for one, and then with another answer."""
    found = []
    for turn in case.made.turns:
        calls = (ToolCall(turn.call.name, turn.call.arguments),) if turn.call else ()
        knows = case.made.task != "think" or prompt == "think"
        text = turn.reply if knows else "hm"
        found.append(Reply(text=text, after_call=text, thought=turn.think if knows else "", calls=calls, finish="stop"))
    return found


def deaf(model: Any, case: Case, *, aloud: bool = False, prompt: str = "") -> list[Reply]:
    """The same call and the same words whatever is heard."""
    call = ToolCall("clock", '{"what": "time"}')
    return [Reply(text="hm", after_call="hm", calls=(call,), finish="stop") for _ in case.made.turns]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not catalogue.find("espeak").installed() or not catalogue.find("flite").installed():
        pytest.skip("the Debian packages espeak-ng and flite are not installed")
    made = tmp_path_factory.mktemp("sets")
    names = ["tools-yes-slots", "tools-yes-template", "tools-no", "tools-unseen", "think", "hear-event-slots"]
    assert all(done.clips == 3 for _, done in build(made, 3, names))
    return made


def bench(folder: Path, holder: Any) -> Bench:
    """A measurement without a model."""
    nobody = object.__new__(Loaded)
    return Bench(model=nobody, thinker=nobody, folder=folder, judge=lambda sound, language: "", judge_name="",
                 ears=lambda sound, language: "", ears_name="", holder=holder)  # fmt: skip


def held(figures: list[Figure]) -> dict[str, bool | None]:
    return {figure.line: figure.holds for figure in figures}


def test_perfect_answers_hold_and_wrong_ones_do_not(folder: Path) -> None:
    good, bad = bench(folder, perfect), bench(folder, deaf)
    tools = held(lines.tools(good))
    assert all(tools[name] in (True, None) for name in tools) and list(tools.values()).count(True) == 5
    wrong = {figure.line: figure for figure in lines.tools(bad)}
    assert wrong["tools: trigger recall"].value == 1.0 and not wrong["tools: trigger precision"].holds
    assert wrong["tools: an unseen tool called as described"].value == 0.0
    thinking = {figure.line: figure for figure in lines.think(good)}
    assert thinking["what thinking brings"].value == 1.0 and thinking["thoughts that name the evidence"].holds
    assert all(not figure.holds for figure in lines.think(bad) if figure.bar is not None)


def test_a_question_alone_is_what_its_asker_says(folder: Path) -> None:
    for case in cases(folder, "hear-event-slots"):
        alone, (turn,) = case.alone(), case.row["turns"]
        asked = turn["parts"][-1]
        length = alone.sounds[0].duration_s
        assert length < case.sounds[0].duration_s
        assert asked["end_s"] - asked["start_s"] < length < asked["end_s"] - asked["start_s"] + 0.6


def test_tools_answer_as_the_conversation_says(folder: Path) -> None:
    for case in cases(folder, "tools-yes-slots"):
        (turn,) = case.made.turns
        assert turn.call is not None
        (tool,) = [tool for tool in tools_of(case.made) if tool.name == turn.call.name]
        assert tool.run(json.loads(turn.call.arguments)) == turn.result


def test_sets_are_held_out_and_large_enough() -> None:
    found = sets()
    assert all(spec.split != "train" and spec.name == name for name, spec in found.items() if name != "asr-hard-en")
    assert replace(found["asr-hard-en"], around=found["asr-seen-en"].around) == found["asr-seen-en"]
    for name in ELEVEN:
        assert sum(found[f"hear-{name}-{split}"].clips for split in ("template", "slots")) >= 100
    assert found["arithmetic-en"].clips >= 400 and found["speech-en"].clips >= 200
    assert {spec.cast for spec in found.values()} == {"seen", "unseen", "strange"}
    assert set(chosen_sets(["asr"])) == {name for name in found if name.startswith("asr")}
    with pytest.raises(ConfigError, match="no set begins with 'song'"):
        chosen_sets(["song"])


def test_a_set_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no set; make it with"):
        list(cases(tmp_path, "asr-seen-en"))
    with pytest.raises(ConfigError, match="the lines are asr"):
        chosen(["song"])
    assert set(chosen(["asr"])) == {"asr"} and len(LINES) == 11


def test_figures_are_counted() -> None:
    half = share("half", [True, False] * 50, 0.4)
    assert half.value == 0.5 and half.low < 0.5 < half.high and half.holds and half.n == 100
    assert share("none", [], 0.5).n == 0 and not share("none", [], 0.5).holds
    lopsided = balanced("classes", [("a", True)] * 90 + [("b", False)] * 10)
    assert lopsided.value == pytest.approx(0.5) and lopsided.n == 100
    better = share("better", [True] * 8 + [False] * 2)
    worse = difference("worse", half, better, 0.08)
    assert worse.value == pytest.approx(-0.3) and worse.holds
    printed = table([half, lopsided])
    assert "| half | 50.0 %" in printed and ">= 40 % | yes |" in printed


def test_a_record_is_dated_whole_and_gone_on_with(tmp_path: Path) -> None:
    measured = Measured.now("nano", "f" * 64, tmp_path / "sets", 2, "its own ears", "pocketsphinx")
    output, page = tmp_path / "deep" / "figures.json", tmp_path / "docs" / "nano.md"
    record = Record.begin(measured, output, page)
    record.lines["asr"] = [share("understood", [True, False], 0.9), share("told", [True] * 4)]
    record.write()
    told = json.loads(output.read_text())
    assert told["lines"]["asr"][0]["holds"] is False and told["measured"]["limit"] == 2
    assert [found.name for found in output.parent.iterdir()] == ["figures.json"]
    written = page.read_text(encoding="utf-8")
    assert re.search(r"measured on \d{4}-\d\d-\d\d\n", written) and f"`{measured.commit}`" in written
    assert "`ffffffffffffffff`" in written and "0 of 1 bars hold" in written and "at most 2" in written
    assert "| understood | 50.0 % | 9.5 to 90.5 | 2 | >= 90 % | no |" in written
    assert [figure.line for figure in record.fallen] == ["understood"]
    again = Record.begin(replace(measured, day="2001-01-01"), output)
    assert again.lines.keys() == {"asr"} and again.figures[0] == replace(record.figures[0], low=0.09453, high=0.90547)
    for other in (replace(measured, fingerprint="e" * 64), replace(measured, commit="0")):
        assert not Record.begin(other, output).lines, "another model or another code is measured anew"
    output.write_text("half a rec", encoding="utf-8")
    assert not Record.begin(measured, output).lines


def test_the_commit_is_told_and_what_was_changed_since(tmp_path: Path) -> None:
    assert commit_of(tmp_path).startswith("version ")
    done = {"check": True, "capture_output": True, "cwd": tmp_path}
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1\n")
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*name, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], **done)  # type: ignore[call-overload]
    clean = commit_of(tmp_path)
    assert re.fullmatch("[0-9a-f]{12}", clean)
    (tmp_path / "src" / "a.py").write_text("2\n")
    assert commit_of(tmp_path) == f"{clean} with changes"
