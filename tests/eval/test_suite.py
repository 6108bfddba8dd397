"""The whole suite without a model: every benchmark runs, every expected score is met, a run can be cut anywhere."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from antiphon.errors import ConfigError, InputError
from antiphon.eval.answerers import open_answerer
from antiphon.eval.benchmark import Answer, Question, Verdict
from antiphon.eval.benchmarks.catalogue import BENCHMARKS, chosen
from antiphon.eval.benchmarks.uro_bench import Conversation
from antiphon.eval.cache import Cache
from antiphon.eval.folder import Folder
from antiphon.eval.items import Item, Sound
from antiphon.eval.oracle import Oracle, oracle_ears, spoken
from antiphon.eval.running import run_benches, run_demo, score_run, table
from antiphon.eval.scoring import Report
from antiphon.eval.stages import ask, read_data, share
from antiphon.eval.transcripts import Transcripts, signs
from antiphon.metrics.alignment import count_errors
from antiphon.metrics.normalise import profile
from tests.eval.conftest import Measure

EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text(encoding="utf-8"))
SOME = ["asr.librispeech", "asr.fleurs_en", "asr.wenetspeech_net", "mmau", "covost2_s2tt", "seed_tts.test_en"]


def value(report: Report, bench: str, metric: str) -> float | None:
    (found,) = [one.value for one in report[bench].results if one.metric == metric]
    return found


def test_every_benchmark_runs_and_a_perfect_answer_is_perfect(tmp_path: Path) -> None:
    report = run_demo(tmp_path)
    assert set(report) == {name for name in BENCHMARKS if not name.startswith("nano.")}  # whose sets are made by recipe
    for name, scored in report.items():
        (headline,) = [one for one in scored.results if one.is_headline]
        assert not scored.missing and not scored.faults and not scored.warned and scored.error_share == 0
        if name.endswith(".pro"):  # two of its sets need more than words
            assert headline.value is None and "SRT" in headline.note
        else:
            assert headline.value == pytest.approx(0.0 if headline.lower_is_better else 100.0), name
            assert ("judge:" in headline.signature) == name.startswith(("stepeval", "uro"))
            assert headline.n > 0 and all(part in headline.signature for part in (name, "prompt:", "suite:", "data:"))
    assert "| mmau_v05.15.25_test_mini | accuracy (official) | 100.00 %" in table(report)


def test_expected_error_rates(measure: Measure) -> None:
    due = EXPECTED["librispeech.test-clean"]
    report = measure(["asr.librispeech_clean"], "drop-last-word")
    assert round(value(report, "asr.librispeech_clean", "wer") or 0, 4) == due["drop_last_word_whisper_norm"]
    assert round(value(report, "asr.librispeech_clean", "wer raw") or 0, 4) == due["drop_last_word_raw"]
    notes = [one.note for one in report["asr.librispeech_clean"].results if one.metric in ("wer", "wer raw")]
    assert [note.endswith(f"of {n}") for note, n in zip(notes, (22, 23), strict=True)] == [True, True]
    assert (due["n_ref_words_whisper_norm"], due["n_ref_words_raw"]) == (22, 23)
    due = EXPECTED["aishell1"]
    report = measure(["asr.aishell1"], "first-char-wrong")
    assert round(value(report, "asr.aishell1", "cer") or 0, 4) == due["first_char_wrong"]


def test_expected_choices(measure: Measure) -> None:
    report = measure(["mmau"], "first-choice")
    found = [value(report, "mmau_v05.15.25_test_mini", f"accuracy ({matcher})") for matcher in ("choice", "official")]
    due = EXPECTED["mmau"]
    assert found == [due["always_first_choice_strict"], due["always_first_choice_official_token_match"]]


def test_expected_tool_calls(measure: Measure) -> None:
    for way, due in (("perfect", "gold"), ("web-search", "always_web_search")):
        report, told = measure(["stepeval_audio_toolcall"], way), EXPECTED["toolcall.get_weather"][due]
        rows = [row for row in report["stepeval_audio_toolcall"].rows if row.item.group == "weather"]
        positives = [row for row in rows if row.item.fields["positive"]]
        assert sum(bool(row.values["called"]) for row in positives) == told["TP"]
        assert sum("get_weather" in row.values["called"] for row in rows if row not in positives) == told["FP"]
        for name in ("precision", "recall"):
            assert value(report, "stepeval_audio_toolcall", f"weather.trigger_{name}") == told[name]
    assert value(report, "stepeval_audio_toolcall", "weather.type_accuracy") == told["type_accuracy"]


def test_expected_numbers_are_not_normalised_when_speech_is_judged(measure: Measure) -> None:
    scored = measure(["seed_tts.test_en"], "digits")["seed_tts.test_en"]
    (first,) = [row for row in scored.rows if row.item.id == "p0-u0"]
    rates = {name: round(100 * sum(c[:3]) / c[3], 4) for name, c in first.values["counts"].items()}
    assert "16.6667" in EXPECTED["seed_tts.en"]["digits_instead_of_words"]
    assert rates == {"seedtts-en@1": 16.6667, "en-whisper@1": 0.0}


def scores(out: Path, cache: Path | None = None) -> str:
    score_run(out, "stub", "oracle", cache=cache)
    told = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return json.dumps(told["benches"], sort_keys=True)


def test_cut_anywhere_and_cut_up_otherwise_the_scores_are_the_same(look: Path, tmp_path: Path) -> None:
    spec, whole, cut = f"oracle:{look / 'oracle.jsonl'}#drop-last-word", tmp_path / "whole", tmp_path / "cut"
    run_benches(look, whole, SOME, spec, cache=tmp_path / "cache", quiet=True)
    oracle, done = open_answerer(spec), 0
    run_benches(look, cut, SOME, spec, cache=tmp_path / "none", shard=(2, 5), quiet=True)
    for _ in ask(Folder(cut), oracle, Cache(None), shard=(1, 1)):
        done += 1
        if done == 3:
            break
    with (cut / "outputs" / "1-of-1.jsonl").open("ab") as file:
        file.write(b'{"key": "half-writ')
    for number in (1, 2, 3):
        run_benches(look, cut, SOME, spec, cache=tmp_path / "none", shard=(number, 3), quiet=True)
    run_benches(look, cut, SOME, spec, cache=tmp_path / "none", quiet=True)
    assert scores(cut, tmp_path / "b") == scores(whole, tmp_path / "a")
    for name in ("items.jsonl", "scores.jsonl"):  # cut while questions were frozen, and while they were scored
        data = (cut / name).read_bytes()
        (cut / name).write_bytes(data[: 2 * len(data) // 3])
    (cut / "benches.jsonl").unlink()
    run_benches(look, cut, SOME, spec, cache=tmp_path / "none", quiet=True)
    assert scores(cut, tmp_path / "d") == scores(whole, tmp_path / "a")
    rows = [json.loads(line) for path in (cut / "outputs").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(rows) == len({row["key"] for row in rows}) == len(Folder(cut).items)
    assert scores(cut, tmp_path / "c") == scores(cut, tmp_path / "c")


KILLED = """
import os, signal, sys
from pathlib import Path
from antiphon.eval import oracle
from antiphon.eval.running import run_benches, score_run
left, answer = int(sys.argv[5]), oracle.Oracle.answer
def dying(self, item, seed):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(self, item, seed)
oracle.Oracle.answer = dying
look, out, cache, spec = sys.argv[1:5]
run_benches(Path(look), Path(out), ["asr.librispeech", "mmau"], spec, cache=Path(cache), quiet=True)
"""


def test_killed_and_started_again(look: Path, tmp_path: Path) -> None:
    out, spec = tmp_path / "run", f"oracle:{look / 'oracle.jsonl'}"
    given = [sys.executable, "-c", KILLED, str(look), str(out), str(tmp_path / "cache"), spec]
    dead = subprocess.run([*given, "6"], capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert dead.returncode == -signal.SIGKILL
    assert len(Folder(out).answers()) == 4  # after two that showed that sound arrives
    run_benches(look, out, ["asr.librispeech", "mmau"], spec, cache=tmp_path / "cache", quiet=True)
    run_benches(look, tmp_path / "at-once", ["asr.librispeech", "mmau"], spec, cache=tmp_path / "other", quiet=True)
    assert scores(out, tmp_path / "a") == scores(tmp_path / "at-once", tmp_path / "b")


def test_another_run_is_not_mixed_in(look: Path, tmp_path: Path) -> None:
    out, spec = tmp_path / "run", f"oracle:{look / 'oracle.jsonl'}"
    run_benches(look, out, ["mmau"], spec, cache=tmp_path / "cache", quiet=True)
    with pytest.raises(InputError, match="limit"):
        run_benches(look, out, ["mmau"], spec, limit=2, cache=tmp_path / "cache", quiet=True)
    with pytest.raises(InputError, match="no run"):
        score_run(tmp_path, "none", "text")


def test_answers_are_paid_for_once(look: Path, tmp_path: Path) -> None:
    spec, cache = f"oracle:{look / 'oracle.jsonl'}", tmp_path / "cache"
    run_benches(look, tmp_path / "a", ["seed_tts.test_en"], spec, cache=cache, quiet=True)
    run_benches(look, tmp_path / "b", ["asr.aishell1"], spec, cache=cache, quiet=True)
    folder = Folder(tmp_path / "c")
    run_benches(look, folder.path, ["seed_tts.test_en"], spec, shard=(1, 9), cache=tmp_path / "none", quiet=True)
    last = list(ask(folder, open_answerer(spec), Cache(cache)))[-1]
    assert last.from_cache == last.total > 0
    assert scores(folder.path, tmp_path / "d") == scores(tmp_path / "a", tmp_path / "e")


def test_shards_share_every_item_once_and_a_limit_is_drawn(look: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_benches(look, out, ["stepeval_audio_toolcall"], "oracle", limit=8, seed=3, cache=tmp_path / "c", quiet=True)
    items = Folder(out).items
    assert len(items) == 8
    assert sorted(item.id for n in (1, 2, 3) for item in share(items, (n, 3))) == sorted(item.id for item in items)
    with pytest.raises(InputError, match="shard 4/3"):
        share(items, (4, 3))
    assert [Item.from_json(item.to_json()).hash for item in items] == [item.hash for item in items]


def test_an_item_of_several_turns_is_answered_where_no_answer_follows(look: Path) -> None:
    (bench,) = chosen(["stepeval_audio_toolcall"])
    from antiphon.eval.stages import read_bench

    items, _ = read_bench(bench, read_data(look))
    longest = max(items, key=lambda item: len(item.turns))
    assert [turn.who for turn in longest.turns] == ["user", "assistant", "tool", "assistant", "user"]
    assert longest.asked == (4,)
    (rounds,) = [item for item in read_bench(chosen(["uro_bench.en.pro"])[0], read_data(look))[0] if "MtB" in item.id]
    assert rounds.asked == (0, 1)


def test_the_oracle_speaks_so_that_its_ears_hear() -> None:
    text = "它说 fifty turns."
    assert oracle_ears(spoken(text) or b"") == text and spoken("") is None
    with pytest.raises(ConfigError, match="way"):
        open_answerer("oracle#dancing")
    assert Oracle("deaf").fingerprint != Oracle("perfect").fingerprint


def test_repetition_divides_by_what_was_due_and_the_published_kit_by_what_was_said(measure: Measure) -> None:
    scored = measure(["uro_bench.en.basic"])["uro_bench.en.basic"]
    (row,) = [row for row in scored.rows if row.item.group == "Repeat"]  # "What is two plus three?"
    rates = []
    for compat in (False, True):
        answer = Answer(texts=("what is two plus three please tell me right now",), audio=("",))
        rates.append(Conversation(compat=compat).verdict(row.item, answer, Unheard()).values["rate"])
    assert rates == [5 / 4, 5 / 9]  # five words too many; 2 +3 is two words to the normaliser


class Unheard:
    """Nobody listens and nobody judges."""

    ears_name = judge_name = "none"
    judge_hears = False
    speaker_names: Mapping[str, str] = {}

    def heard(self, answer: Answer, turn: int, language: str) -> str:
        return answer.texts[turn]

    def judged(self, question: Question, times: int = 1) -> list[Verdict]:
        return [Verdict(state="skipped")] * times

    def alike(self, answer: Answer, turn: int, prompt: Sound) -> Mapping[str, float | None]:
        return {}


def test_signs_of_trouble() -> None:
    assert signs("one two", "one two three four five six seven") == ["hallucination"]
    assert "loop" in signs("今天天气很好", "今天" * 40)
    assert signs("今天天气很好", "fine weather") == ["wrong language"]
    assert signs("今天天气很好", "正在播放声音。") == ["no transcript"]
    assert signs("今天天气很好", "今天天气很好") == []


def test_no_benchmark_has_anothers_name() -> None:
    assert [one.name for one in chosen(["asr.fleurs"])] == [f"asr.fleurs_{lang}" for lang in ("en", "zh", "ja", "ar")]
    with pytest.raises(ConfigError, match="no benchmark"):
        chosen(["asr.flours"])
    assert count_errors(profile("raw").tokens("a b"), ["a"]).errors == 1 and Transcripts().name == "transcripts@1"
