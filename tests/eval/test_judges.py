"""Judges that hear, judges of our own, nets that know voices: what each is given, and how its figures are called."""

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from antiphon.errors import ConfigError, WeightsError
from antiphon.eval.benchmark import Answer, Judged, Question, Verdict
from antiphon.eval.benchmarks.catalogue import chosen
from antiphon.eval.benchmarks.uro_bench import Conversation
from antiphon.eval.cache import Cache
from antiphon.eval.ears import open_ears
from antiphon.eval.folder import Folder
from antiphon.eval.judges import open_judge
from antiphon.eval.oracle import oracle_ears
from antiphon.eval.panel import Panel
from antiphon.eval.read_aloud import ReadAloud, prompt_of
from antiphon.eval.running import run_benches, score_run
from antiphon.eval.speakers import open_speaker
from antiphon.eval.stages import read_bench, read_data
from tests.eval.conftest import Judging, Measure
from tests.eval.test_suite import Unheard, value

# --- judges that hear -------------------------------------------------------------------------------------------------


def test_a_judge_that_hears_is_given_the_recording_and_decides_what_sound_decides(
    measure: Measure, judging: str, look: Path, tmp_path: Path
) -> None:
    Judging.said = "5"
    deaf = measure(["uro_bench.en.pro"], judge=f"openai:{judging}#m")["uro_bench.en.pro"]
    assert {r.metric: r.value for r in deaf.results}["SRT-en"] is None
    assert not any("input_audio" in json.dumps(asked) for asked in Judging.asked)
    out = tmp_path / "run-perfect"
    Judging.asked = []
    heard = score_run(out, f"openai-audio:{judging}#m", "oracle", cache=tmp_path / "cache")["uro_bench.en.pro"]
    found = {r.metric: r for r in heard.results}
    assert found["SRT-en"].value == 100.0 and "judge that hears" in found["SRT-en"].note
    assert found["GenEmotion-en"].value is None, "5 is no yes or no"
    told = [asked["messages"][1]["content"] for asked in Judging.asked]
    parts = [content for content in told if isinstance(content, list)]
    said = oracle_ears(base64.b64decode(parts[0][0]["input_audio"]["data"]))
    assert said in parts[0][1]["text"] and parts[0][0]["input_audio"]["format"] == "wav"
    assert len(parts) == 6, "three times of each of the two sets; all else is asked in text"
    Judging.said = "yes"
    again = score_run(out, "openai-audio:" + judging + "#other", "oracle", cache=tmp_path / "cache")
    assert value(again, "uro_bench.en.pro", "GenEmotion-en") == 100.0


class Touched(Unheard):
    """A judge that hears every emotion."""

    judge_hears = True

    def judged(self, question: Question, times: int = 1) -> list[Verdict]:
        assert question.recording == "a.wav" and question.scale == "yes/no"
        return [Verdict(state="yes")] * times


def test_an_emotion_counts_as_far_as_the_sentence_was_said(look: Path) -> None:
    items, _ = read_bench(chosen(["uro_bench.zh.pro"])[0], read_data(look))
    (item,) = [one for one in items if one.fields["mode"] == "ge"]

    def points(said: str, audio: str = "a.wav") -> float:
        found = Conversation().verdict(item, Answer(texts=(said,), audio=(audio,)), Touched())
        return float(found.values["score"])

    right = item.references[0]
    assert points(right) == 100.0
    assert 0 <= points(right + "不对不对") < 100.0
    assert points(right, audio="") == 0.0, "who says nothing aloud shows no emotion"


def test_a_person_overrules_a_judge_of_points_and_one_who_was_not_there(measure: Measure) -> None:
    rows = measure(["uro_bench.zh.pro"])["uro_bench.zh.pro"].rows
    said = {row.item.group: {"overruled": "no" if row.item.group == "SRT-zh" else "yes"} for row in rows}
    given = [replace(row, state="ok", shown=said[row.item.group]) for row in rows]
    found = {r.metric: r.value for r in Conversation().results(given)}
    assert found["SRT-zh"] == 0.0 and found["GenEmotion-zh"] == found["Safety-zh"] == 100.0
    assert found["avg"] == 87.5, "eight sets, one of which is wrong"


# --- a judge of ours --------------------------------------------------------------------------------------------------


def test_a_model_of_ours_judges_in_text_and_must_say_one_word(nano: Path) -> None:
    judge = open_judge("local:nano")
    assert judge.name.startswith("local:nano#") and not judge.hears
    asked = Question(template="t@1", system="s", user="is paris in france?", scale="yes/no", facts={})
    found = judge.ask(asked, 0)
    assert found.state in ("yes", "no", "unparsed") and found.said and found == judge.ask(asked, 0)
    far = Question(template="t@1", system="s", user="paris " * 40_000, scale="yes/no", facts={})
    assert judge.ask(far, 0).state == "error", "a question that does not fit is no verdict"
    with pytest.raises(WeightsError, match="preset"):
        open_judge("local:nobody")


# --- voices -----------------------------------------------------------------------------------------------------------


def graph(place: Path) -> Path:
    """A net whose vector is the first 64 samples."""
    bounds = [helper.make_tensor(name, TensorProto.INT64, [1], [at]) for name, at in (("s", 0), ("e", 64), ("a", 1))]
    cut = helper.make_node("Slice", ["x", "s", "e", "a"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None]) for name in "xy")
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(helper.make_graph([cut], "g", [x], [y], bounds), opset_imports=opset, ir_version=9),
              str(place))  # fmt: skip
    return place


def test_likeness_goes_by_the_name_of_its_net(look: Path, tmp_path: Path) -> None:
    spec, out, cache = f"oracle:{look / 'oracle.jsonl'}", tmp_path / "run", tmp_path / "cache"
    run_benches(look, out, ["seed_tts.test_en"], spec, cache=cache, quiet=True)
    report = score_run(out, "none", "oracle", cache=cache)
    found = {r.metric: r for r in report["seed_tts.test_en"].results}
    own, published = found["sim_nano"], found["sim"]
    assert own.value is not None and -1 <= own.value <= 1 and own.low is not None and own.n == 2 and own.errors == 0
    assert "speaker:speaker#" in own.signature and own.published == ""
    assert published.value is None and "not evaluated" in published.note and published.published == "sim"
    wavlm = graph(tmp_path / "any.onnx")
    report = score_run(out, "none", "oracle", cache=cache, speaker=f"nano,wavlm:{wavlm}")
    again = {r.metric: r for r in report["seed_tts.test_en"].results}
    assert again["sim"].value is not None and "speaker:any#" in again["sim"].signature
    assert again["sim_nano"].value == own.value
    kept = score_run(out, cache=cache)["seed_tts.test_en"].results
    assert [r.metric for r in kept] == list(again), "whoever compared the last time compares again"
    assert "sim_nano" not in {r.metric for r in score_run(out, cache=cache, speaker="none")["seed_tts.test_en"].results}


def test_the_same_voice_is_alike_and_silence_is_nobody(look: Path, tmp_path: Path) -> None:
    run, cache, nano = tmp_path / "run", Cache(tmp_path / "c"), open_speaker("nano")
    spec = f"oracle:{look / 'oracle.jsonl'}#silent"
    run_benches(look, run, ["seed_tts.test_zh"], spec, cache=tmp_path / "c", quiet=True)
    report = score_run(run, "none", "oracle", cache=tmp_path / "c")
    (silent,) = [r for r in report["seed_tts.test_zh"].results if r.metric == "sim_nano"]
    assert silent.value is None and silent.errors == 2 and silent.n == 0, "no voice is not a likeness of 0"
    first, second = (prompt_of(row.item) for row in report["seed_tts.test_zh"].rows)
    assert first is not None and second is not None and nano is not None
    (run / "audio").mkdir()
    shutil.copy(first.path, run / "audio" / "a.wav")
    panel = Panel(Folder(run), open_ears("oracle"), open_judge("none"), cache, [nano])
    answer = Answer(texts=("x",), audio=("a.wav",))
    assert panel.alike(answer, -1, first)["sim_nano"] == pytest.approx(1.0)
    assert panel.alike(answer, -1, second)["sim_nano"] != pytest.approx(1.0)


def test_a_net_is_named_after_its_file_and_must_be_there(tmp_path: Path) -> None:
    net = open_speaker(str(graph(tmp_path / "eres2net.onnx")))
    assert net is not None and net.metric == "sim_eres2net" and open_speaker("none") is None
    for wrong in (str(tmp_path / "none.onnx"), f"wavlm:{tmp_path / 'none.onnx'}"):
        with pytest.raises(ConfigError, match="not there"):
            open_speaker(wrong)


def test_the_share_of_utterances_that_are_understood(measure: Measure) -> None:
    report = measure(["seed_tts.test_en"])
    assert value(report, "seed_tts.test_en", "wer <= 50 %") == 100.0
    (first, second) = report["seed_tts.test_en"].rows
    counts = {name: [0, 3, 0, 3] for name in second.values["counts"]}
    lost = Judged(item=second.item, state="ok", values={**second.values, "counts": counts})
    found = {r.metric: r for r in ReadAloud().results([first, lost])}
    assert (found["wer <= 50 %"].value, found["wer <= 50 %"].n) == (50.0, 2)
    assert (found["wer of those"].value, found["wer of those"].n) == (0.0, 1)
