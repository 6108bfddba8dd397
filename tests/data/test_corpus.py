"""A corpus: killed anywhere it ends the same to the byte; what is unfit is replaced; what is damaged is named and made
again."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.data import clips, corpus, filters, recogniser, stats, validate
from antiphon.data.corpus import synthesise
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Utterance
from antiphon.data.page import page
from antiphon.data.queue import holding
from antiphon.data.spec import CorpusSpec, Texts, from_json, load, to_json
from antiphon.data.store import read_clip, write_shard
from antiphon.data.surroundings import SURROUNDINGS, surround
from antiphon.data.texts import SOURCES, Line, han, kana, source
from antiphon.errors import CapacityError, ConfigError, InputError
from tests.cli.conftest import Run, antiphon  # noqa: F401
from tests.data.tone import Tone

ROOT = Path(__file__).parents[2]
with pytest.MonkeyPatch.context() as known:
    known.setitem(catalogue.ENGINES, "tone", Tone())
    SPEC = CorpusSpec(
        name="hum", clips=22, seed=4, shard=5, speakers=50, engines={"tone": 1.0},
        texts=(Texts(source="world", language="en"), Texts(source="salad", language="en", share=1.0)),
        emotions={"neutral": 0.5, "happy": 0.5}, rhythms={"even": 0.5, "rushed": 0.5},
        surroundings={"clean": 0.75, "vocal": 0.05, "noise": 0.1, "channel": 0.1},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def tone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.ENGINES, "tone", Tone())


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file that a corpus promises."""
    paths = [folder / "manifest.jsonl", *sorted(folder.glob("shards/*")), *sorted(folder.glob("quarantine/*"))]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that was made without a break."""
    folder = tmp_path_factory.mktemp("corpus") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.ENGINES, "tone", Tone())
        synthesise(SPEC, folder)
    return folder


def test_killed_anywhere_it_ends_the_same(whole: Path, tmp_path: Path) -> None:
    """One process, killed by a signal at each renaming and each note in the queue in turn, then let through."""
    code = f"""
import os, signal, sys
from antiphon.data import corpus, queue
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Utterance
from tests.data.test_corpus import SPEC
from tests.data.tone import Tone
catalogue.ENGINES["tone"] = Tone()
left = int(sys.argv[1])
def dying(do):
    def counted(*given):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return do(*given)
    return counted
os.replace, queue.Queue.finish = dying(os.replace), dying(queue.Queue.finish)
corpus.synthesise(SPEC, corpus.Path({str(tmp_path)!r}))
"""
    ended = []
    for steps in (2, 3, 4, 10, 1000):
        done = subprocess.run([sys.executable, "-c", code, str(steps)],
                              cwd=ROOT, capture_output=True, text=True)  # fmt: skip
        ended.append(done.returncode)
    assert ended == [-signal.SIGKILL] * 4 + [0], done.stderr
    assert digests(tmp_path) == digests(whole)
    assert not list(tmp_path.rglob("*.part"))


def test_a_damaged_shard_is_put_away_and_made_again(whole: Path, tmp_path: Path) -> None:
    synthesise(SPEC, tmp_path)
    sound = tmp_path / "shards" / "00002.npy"
    damaged = bytearray(sound.read_bytes())
    damaged[-200] ^= 255
    sound.write_bytes(bytes(damaged))
    (problem,) = validate.problems(tmp_path)
    assert problem.startswith("shards/00002.jsonl:5: its sound is not the one")
    synthesise(SPEC, tmp_path)
    assert validate.problems(tmp_path) == []
    kept = digests(tmp_path)
    assert "sha256 differs" in (tmp_path / "quarantine" / "shard-00002.json").read_text()
    assert {name: kept[name] for name in digests(whole)} == digests(whole)


def test_unfit_clips_are_counted_and_replaced(whole: Path) -> None:
    rows = list(stats.read_manifest(whole))
    again = [row for row in rows if row["attempt"] > 0]
    assert len(rows) == SPEC.clips and [row["number"] for row in rows] == list(range(SPEC.clips))
    assert again and all("v" not in row["text"] for row in rows)
    assert all(len(row["refused"]) == row["attempt"] for row in rows)
    refused = [reason for row in rows for attempt in row["refused"] for reason in attempt]
    assert set(refused) <= set(filters.FAULTS)
    told = stats.count(whole)["refused"]
    assert sum(told.values()) == len(refused)
    assert len(list((whole / "quarantine").glob("*.json"))) == sum(row["attempt"] for row in rows)


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_surroundings_keep_the_words_and_tell_what_is_heard(kind: str) -> None:
    speech = Tone().speak([Utterance(text="a man and his dog", voice="low")])[0]
    speech = replace(speech, audio=speech.audio / 2)
    rng = [np.random.default_rng([5, len(kind)]) for _ in range(2)]
    heard, again = (surround(kind, speech, one, None) for one in rng)
    assert np.array_equal(heard.speech.audio, again.speech.audio) and heard.truth == again.truth
    assert np.array_equal(heard.speech.audio, speech.audio) == (kind == "clean")
    assert heard.speech.audio.dtype == np.float32 and np.abs(heard.speech.audio).max() <= 1.0
    assert len(heard.speech.words) == len(speech.words) and json.dumps(heard.truth)
    assert bool(heard.events) == (kind in ("event", "vocal")) or kind == "scene"
    seconds = len(heard.speech.audio) / speech.rate
    assert all(0 <= start < end <= seconds + 1e-3 for _, start, end in (*heard.events, *heard.speech.words))


def test_every_clip_says_what_it_is_and_where_it_comes_from(whole: Path) -> None:
    for row in stats.read_manifest(whole):
        audio = read_clip(whole / "shards", row["shard"], row)
        assert clips.sha256(audio) == row["sha256"] and np.abs(audio).max() > 0.05
        assert row["provenance"]["licence"] == "free" and row["provenance"]["controls"]["speed"] > 0
        assert row["words"][0][0] == row["provenance"]["spoken"]
        assert (row["surroundings"] in ("event", "vocal")) <= (len(row["events"]) == 1)
        assert all(0 <= start < end <= len(audio) / row["rate"] + 1e-3 for _, start, end in row["events"])


def test_a_corpus_grows(whole: Path, tmp_path: Path) -> None:
    synthesise(replace(SPEC, clips=7), tmp_path)
    assert len(list(stats.read_manifest(tmp_path))) == 7
    synthesise(SPEC, tmp_path)
    assert digests(tmp_path) == digests(whole)


def test_a_folder_is_for_one_corpus_and_one_run(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="holds the corpus 'hum' of seed 4"):
        synthesise(replace(SPEC, seed=5), whole)
    with holding(whole), pytest.raises(CapacityError, match="another run is at work"):
        synthesise(SPEC, whole)
    monkeypatch.setattr(Tone, "voices", Tone.voices[:1])
    with pytest.raises(ConfigError, match="was begun with the voices"):
        synthesise(SPEC, whole)


def test_a_full_disk_ends_in_a_sentence(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> int:
        if given[1] == 2:
            raise OSError(28, "No space left on device")
        return write_shard(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(corpus, "write_shard", full)
        with pytest.raises(CapacityError, match="No space left on device.*goes on from here"):
            synthesise(SPEC, tmp_path)
    synthesise(SPEC, tmp_path)
    assert digests(tmp_path) == digests(whole)


def test_a_text_that_nobody_can_say_ends_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "vivid", lambda rng: Line(text="very vivid", task="say"))
    with pytest.raises(ConfigError, match="refused 8 times"):
        synthesise(replace(SPEC, texts=(Texts(source="vivid", language="en"),)), tmp_path)


@pytest.mark.parametrize(("change", "why"), [
    (lambda line: line[:-9], "shards/00001.jsonl:2: it is not JSON"),
    (lambda line: line.replace('"text": "', '"words_said": "'), "shards/00001.jsonl:2: the field 'text' is None"),
    (lambda line: line.replace('"licence": "free"', '"licence": ""'), "shards/00001.jsonl:2: the provenance has no"),
    (lambda line: line.replace('"offset": ', '"offset": 1'), "shards/00001.jsonl:2: it lies at 1"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(change, why, whole: Path, tmp_path: Path, antiphon: Run) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    for path in whole.rglob("*"):
        if path.is_file() and path.name != "lock":
            (tmp_path / path.relative_to(whole)).parent.mkdir(exist_ok=True)
            (tmp_path / path.relative_to(whole)).write_bytes(path.read_bytes())
    index = tmp_path / "shards" / "00001.jsonl"
    lines = index.read_text().splitlines()
    lines[1] = change(lines[1])
    index.write_text("\n".join(lines) + "\n")
    ran = antiphon("data", "validate", tmp_path)
    assert ran.status == 2 and ran.err.startswith(f"{tmp_path}/{why}"), ran.err


def test_the_manifest_is_that_of_the_shards(tmp_path: Path, antiphon: Run) -> None:  # noqa: F811
    synthesise(replace(SPEC, clips=4), tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], lines[2], lines[1], lines[3]]) + "\n")
    assert validate.problems(tmp_path) == ["manifest.jsonl:2: it is not the line of the shard it names"]
    manifest.unlink()
    assert "run `antiphon data synth` again" in validate.problems(tmp_path)[0]
    ran = antiphon("data", "validate", tmp_path / "nowhere")
    assert ran.status == 2 and "holds no shards" in ran.err


def test_commands_make_count_and_check(tmp_path: Path, antiphon: Run) -> None:  # noqa: F811
    (tmp_path / "hum.json").write_text(json.dumps(to_json(SPEC)))
    ran = antiphon("data", "synth", tmp_path / "hum.json", "--out", tmp_path / "made", "--limit", 6, "--seed", 9)
    assert ran.status == 0 and ran.out.startswith("6 clips"), ran.err
    ran = antiphon("data", "stats", tmp_path / "made", "-o", tmp_path / "page.html")
    figures = json.loads(ran.out)
    assert figures["clips"] == 6 and sum(figures["hours_by"]["language"].values()) == pytest.approx(figures["hours"])
    written = (tmp_path / "page.html").read_text()
    assert written == page("made", figures) and written.count("<svg") >= 15 and "tone-" in written
    ran = antiphon("data", "validate", tmp_path / "made", "--sample", 6)
    assert ran.status == 0 and "6 of 6 clips pass: 100.0 %" in ran.out
    ran = antiphon("data", "stats", tmp_path)
    assert ran.status == 2 and ran.err.count("\n") == 1


@pytest.mark.parametrize(("values", "why"), [
    ({"name": "a", "clips": 1, "speeker": 3}, "the field 'speeker' is unknown"),
    ({"name": "a"}, "clips"),
    ({"name": "a b", "clips": 1}, "name is 'a b'"),
    ({"name": "a", "clips": 0}, "clips is 0"),
    ({"name": "a", "clips": "many"}, "clips is 'many'"),
    ({"name": "a", "clips": 1, "engines": {"mbrola": 1}}, "the engine 'mbrola'"),
    ({"name": "a", "clips": 1, "engines": {"espeak": 0}}, "the shares of engines"),
    ({"name": "a", "clips": 1, "emotions": {"hapy": 1}}, "emotions has 'hapy'"),
    ({"name": "a", "clips": 1, "texts": [{"source": "wrld", "language": "en"}]}, "the texts 'wrld'"),
    ({"name": "a", "clips": 1, "texts": [{"source": "world", "lang": "en"}]}, "texts: the field 'lang'"),
    ({"name": "a", "clips": 1, "judged": 2.0}, "judged is 2.0"),
    ([], "give an object"),
])  # fmt: skip
def test_a_wrong_specification_is_refused_by_name(values: object, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        from_json(values)


def make_spec() -> CorpusSpec:
    return SPEC


def test_specifications_are_found(tmp_path: Path) -> None:
    assert load("tests.data.test_corpus:make_spec") == SPEC == from_json(json.loads(json.dumps(to_json(SPEC))))
    assert load(str(ROOT / "examples" / "corpus.json")).languages == ("en", "zh", "ja")
    (tmp_path / "broken.json").write_text("{")
    for name, why in (("nowhere.json", "cannot be read"), (str(tmp_path / "broken.json"), "is not JSON"),
                      ("no.such:thing", "cannot be had"), ("os:getpid", "returned a int")):  # fmt: skip
        with pytest.raises(ConfigError, match=why):
            load(name)


def test_sources_of_texts() -> None:
    from random import Random

    for name in SOURCES:
        assert source(name)(Random("1")) == source(name)(Random("1")) != source(name)(Random("2"))
    assert (han(7), han(10), han(42), han(60)) == ("七", "十", "四十二", "六十")
    assert (kana(7), kana(10), kana(42), kana(60)) == ("なな", "じゅう", "よんじゅうに", "ろくじゅう")


def test_filters_name_every_fault() -> None:
    hum = 0.5 * np.sin(np.arange(32_000) / 20).astype(np.float32)
    assert filters.faults(hum, 16_000, "one two three four", "en") == []
    for audio, text, fault in (
        (hum * np.float32(np.nan), "", "not finite"), (hum[:100], "", "too short"), (hum * 0, "", "silent"),
        (np.sign(hum), "", "clipped"), (np.tile(hum, 20), "", "too long"), (hum, "a" * 200, "too fast"),
        (np.tile(hum, 4), "no", "too slow"), (np.concatenate([hum[:3000], hum * 0]), "a b c", "mostly silent"),
    ):  # fmt: skip
        assert fault in filters.faults(audio, 16_000, text, "en")


def test_workers_make_the_same_as_one(tmp_path: Path) -> None:
    spec = CorpusSpec(name="two", clips=6, shard=2, engines={"espeak": 1.0})
    if not catalogue.find("espeak").installed():
        pytest.skip("the Debian package espeak-ng is not installed")
    done = [synthesise(spec, tmp_path / str(workers), workers) for workers in (1, 2)]
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert done[0].audio_s == done[1].audio_s > 5 and os.listdir(tmp_path / "1")


def test_the_recogniser_is_asked_only_what_it_knows() -> None:
    assert recogniser.fair("flite", "slt") and recogniser.fair("festival", "kal")
    assert not any(recogniser.fair(*which) for which in (("espeak", "en-us"), ("openjtalk", "mei"), ("no", "one")))


@pytest.mark.slow
def test_the_recogniser_tells_speech_from_none(tmp_path: Path) -> None:
    if not recogniser.installed():
        pytest.skip("pocketsphinx is not installed")
    if not catalogue.find("flite").installed():
        pytest.skip("the Debian package flite is not installed")
    spec = CorpusSpec(name="judged", clips=8, engines={"flite": 1.0}, texts=(Texts(source="sentences", language="en"),))
    synthesise(spec, tmp_path)
    tried = validate.sample(tmp_path, 8, judged=8)
    assert tried.judged == 8 and tried.understood >= 5
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32) / 5
    assert recogniser.word_errors(noise, 16_000, "the sky is blue.") >= 0.75


def test_no_lines_are_lost_between_shards() -> None:
    assert [len(corpus.numbers_of(SPEC, n)) for n in range(corpus.shards_of(SPEC))] == [5, 5, 5, 5, 2]
    with pytest.raises(InputError, match="empty|cannot be read"):
        stats.count(Path("nowhere"))
