"""Conversations as sound: the truth in the index is what is in the samples, and what is held out is held out."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from antiphon.audio.pitch import pitch
from antiphon.audio.resample import resample
from antiphon.data import validate
from antiphon.data.clips import Kept
from antiphon.data.corpus import synthesise
from antiphon.data.engines import catalogue as engines
from antiphon.data.engines.protocol import Samples, Utterance
from antiphon.data.shaping import whispered
from antiphon.data.skills import cast, catalogue, replying, voices
from antiphon.data.skills.cast import HELD_ACCENT, is_held, performance, speaker
from antiphon.data.skills.exchange import Conversation, Part, Who, from_json
from antiphon.data.skills.realise import make, rhythmical, take
from antiphon.data.skills.scenery import Voiced, around, lay
from antiphon.data.skills.spec import SkillSpec, to_json
from antiphon.data.speakers import AGES
from antiphon.data.spec import from_json as any_spec
from antiphon.data.spec import load
from antiphon.errors import ConfigError

RATE = 16_000
needs_engines = pytest.mark.skipif(
    not all(engines.find(name).installed() for name in ("espeak", "flite", "festival")),
    reason="espeak-ng, flite or festival is not here",
)
pytestmark = needs_engines
EVEN = {task: 1.0 for task in catalogue.TASKS} | {"hear": 3.0, "react": 2.0, "outside": 2.0}
CLEAN = SkillSpec(name="clean", clips=40, seed=9, tasks=EVEN, around={"clean": 1.0},
                  engines={"espeak": 0.8, "flite": 0.2})  # fmt: skip
ESPEAK = {"espeak": tuple(engines.find("espeak").voices)}


def able(spec: SkillSpec) -> dict[str, Any]:
    return engines.available(tuple(spec.engines), spec.languages)


@pytest.fixture(scope="module")
def made() -> dict[str, list[Kept]]:
    """A few conversations of every task, in quiet."""
    return make(CLEAN, able(CLEAN), range(40))


def conversation(kept: Kept) -> Conversation:
    return from_json(json.loads(json.dumps(kept.row["fields"]["conversation"])))


def parts(sets: dict[str, list[Kept]]) -> Iterator[tuple[Part, dict[str, Any], Samples, Samples]]:
    """Each part, its truth, its sound, and the whole turn."""
    for kept in sets["shards"]:
        for turn, row in zip(conversation(kept).turns, kept.row["turns"], strict=True):
            whole = kept.audio[slice(*row["span"])]
            for part, truth in zip(turn.heard, row["parts"], strict=True):
                yield part, truth, whole[round(truth["start_s"] * RATE) : round(truth["end_s"] * RATE)], whole


def hz(audio: Samples, rate: int = RATE) -> float:
    """The median pitch where there is a voice, 0 without one."""
    found = pitch(resample(torch.from_numpy(audio), rate, 24_000)).numpy()
    voiced = found[found > 0]
    return float(np.median(voiced)) if len(voiced) > 0.05 * len(found) else 0.0


def power(audio: Samples) -> float:
    return float(np.mean(np.square(audio, dtype=np.float64))) if len(audio) else 0.0


# --- conversations ---------------------------------------------------------------------------------------------------


def test_every_task_is_made_whole(made: dict[str, list[Kept]]) -> None:
    rows = [kept.row for kept in made["shards"]]
    assert {row["task"] for row in rows} == set(catalogue.TASKS)
    for kept in made["shards"]:
        spans = [turn["span"] for turn in kept.row["turns"]]
        assert spans[0][0] == 0 and spans[-1][1] == len(kept.audio)
        assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))
        assert np.abs(kept.audio).max(initial=0.0) <= 0.96 and kept.audio.dtype == np.float32
        for turn, row in zip(conversation(kept).turns, kept.row["turns"], strict=True):
            assert [part.kind for part in turn.heard] == [truth["kind"] for truth in row["parts"]]
            said = [made["spoken"][n].row["text"] for n in (row["filler"], row["reply"]) if n is not None]
            written = kept.row["task"] in ("transcribe", "translate")
            assert said == [] if written else said == [text for text in (turn.filler, turn.reply) if text]


def test_a_conversation_is_a_function_of_its_number(made: dict[str, list[Kept]]) -> None:
    again = make(CLEAN, able(CLEAN), [7, 30])
    for kept in again["shards"]:
        first = made["shards"][kept.row["number"]]
        assert np.array_equal(first.audio, kept.audio)
        same = [{k: v for k, v in turn.items() if k != "reply" and k != "filler"} for turn in kept.row["turns"]]
        assert same == [{k: v for k, v in turn.items() if k not in ("reply", "filler")} for turn in first.row["turns"]]


def test_what_is_heard_is_where_the_truth_says(made: dict[str, list[Kept]]) -> None:
    kinds = Counter[str]()
    for part, _, sound, whole in parts(made):
        kinds[part.kind] += 1
        if part.kind == "silence":
            assert np.abs(whole).max() < 0.01
            continue
        assert power(sound) > 100 * power(whole[: round(0.05 * RATE)]) + 1e-9, part  # the edge of a turn is silent
        assert 0.15 < len(sound) / RATE < 40
    assert set(kinds) >= {"speech", "event", "scene"}


def test_parts_follow_or_lie_below_as_they_should(made: dict[str, list[Kept]]) -> None:
    under = over = 0
    for kept in made["shards"]:
        for turn, row in zip(conversation(kept).turns, kept.row["turns"], strict=True):
            pairs = zip(turn.heard, turn.heard[1:], row["parts"], row["parts"][1:], strict=False)
            for part, after, truth, later in pairs:
                if part.under:
                    under += 1
                    assert truth["start_s"] == later["start_s"] and truth["end_s"] <= later["end_s"] + 0.81
                elif after.over:
                    over += 1
                    assert later["start_s"] - truth["start_s"] <= 0.25
                else:
                    assert 0.19 < later["start_s"] - truth["end_s"] < 0.51
    assert under


def test_a_bed_lies_as_far_below_as_it_says() -> None:
    voice = (0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)).astype(np.float32)
    turn = [Part(kind="scene", what="sea", under=True), Part(kind="speech", text="a")]
    laid = lay(turn, [None, Voiced(audio=voice)], {}, 0.3, np.random.default_rng(1), RATE)
    begin = round(laid.parts[1]["start_s"] * RATE)
    bed = laid.audio[begin : begin + len(voice)] - voice
    ratio = 10 * np.log10(power(voice) / power(bed))
    assert ratio == pytest.approx(laid.parts[0]["ratio_db"], abs=0.3)


def test_voices_sound_as_the_truth_says(made: dict[str, list[Kept]]) -> None:
    """Of made voices with a tone: the pitch is near what was asked for, a whisper has none."""
    near = list[bool]()
    for part, truth, sound, _ in parts(made):
        if part.kind != "speech" or truth["engine"] != "espeak" or part.over or truth["timbre"] == "hoarse":
            continue
        if truth["style"] == "whisper":
            assert hz(sound) == 0.0
        elif truth["style"] in ("modal", "soft") and truth["hz"] < 400 and truth["age"] != "elderly":
            near.append(0.75 < hz(sound) / truth["hz"] < 1.35)
    assert len(near) > 15 and np.mean(near) > 0.85


def test_people_keep_their_voices_and_share_none(made: dict[str, list[Kept]]) -> None:
    for kept in made["shards"]:
        by_name = dict[tuple[str, str], set[str]]()
        for turn in kept.row["turns"]:
            for truth in turn["parts"]:
                if truth["kind"] == "speech":
                    by_name.setdefault((truth["who"], truth["language"]), set()).add(truth["speaker"])
        assert all(len(found) == 1 for found in by_name.values())
        assert len({next(iter(found)) for found in by_name.values()}) == len(by_name)


def test_every_source_has_its_licence(made: dict[str, list[Kept]]) -> None:
    for kept in (*made["shards"], *made["spoken"]):
        source = kept.row["provenance"]
        for one in (source, *source.get("others", ())):
            assert all(one[name] for name in ("engine", "version", "voice", "package", "licence", "controls"))


# --- what nano says --------------------------------------------------------------------------------------------------


def test_nano_has_sixteen_voices_in_two_languages() -> None:
    found = voices.presets()
    assert len(found) >= 16 and next(iter(found)) == voices.OWN
    for language in ("en", "zh"):
        assert len({(v[language].engine, v[language].voice, v[language].controls) for v in found.values()}) >= 15


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["own", "rms", "young-female-bright"])
def test_manners_are_heard(name: str, language: Any) -> None:
    text = {"en": "the capital of france is paris.", "zh": "我的妈妈喜欢米饭和面包。"}[language]
    voice = voices.presets()[name][language]
    wanted = [replying.Saying(text, language, m, name, voice) for m in ("plain", "fast", "slow", "whisper", "happy", "sad")]  # type: ignore[arg-type] # noqa: E501
    plain, fast, slow, whisper, happy, sad = replying.speak(wanted, 24_000)
    assert len(fast.audio) < 0.82 * len(plain.audio) < 0.82 * 0.8 * len(slow.audio)
    assert hz(whisper.audio, 24_000) == 0.0 and power(whisper.audio) < 0.5 * power(plain.audio)
    assert hz(happy.audio, 24_000) > 1.05 * hz(plain.audio, 24_000) > 1.05 * 1.03 * hz(sad.audio, 24_000)
    assert power(happy.audio) > 1.2 * power(sad.audio) and len(sad.audio) > 1.1 * len(happy.audio)
    for speech in (plain, whisper):
        size = np.abs(speech.audio)
        assert size[: round(0.03 * 24_000)].max() < 0.02 * size.max()
        assert all(0 <= a < b <= len(size) / 24_000 for _, a, b in speech.words) and (speech.words or name == "rms")


def test_a_whisper_keeps_its_formants() -> None:
    rng = np.random.default_rng(0)
    (speech,) = engines.find("flite").speak([Utterance(text="see you at the sea.", voice="rms")])
    quiet = whispered(speech.audio, speech.rate, rng)
    assert len(quiet) == len(speech.audio) and np.isfinite(quiet).all()
    loud, soft = (np.abs(np.fft.rfft(x[:16_000]))[1_500:7_000] for x in (speech.audio, quiet))
    smooth = [np.log(np.convolve(x, np.ones(200), "same") + 1e-6) for x in (loud, soft)]
    assert np.corrcoef(*smooth)[0, 1] > 0.6


# --- who speaks, and what is held out --------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [Who(gender="female"), Who(age="child"), Who(timbre="hoarse"), Who(pitch="low"),
                                 Who(pitch="high"), Who(speed="fast"), Who(style="creak"), Who(emotion="afraid"),
                                 Who(gender="male", age="elderly", timbre="dark"), Who(rhythm="halting")])  # fmt: skip
def test_speakers_are_of_the_classes_that_are_asked_for(who: Who) -> None:
    for n in range(12):
        rng = Random(n)
        found = speaker(rng, who, "en", "seen", able(CLEAN), CLEAN.engines, free=True)
        for name in ("gender", "age", "timbre", "pitch", "speed", "style"):
            assert getattr(who, name) in ("", getattr(found, name))
        how = performance(rng, found, who, free=False)
        assert (how.emotion, how.rhythm) == (who.emotion or "neutral", who.rhythm or "even")
        if who.pitch:
            low, high = cast.PITCH_HZ[who.pitch]
            assert low - 1 <= found.controls.pitch * 102 <= high + 1


def test_what_is_not_asked_for_does_not_hide_what_is() -> None:
    """Halting or slow people when nothing is asked; never when their age or feeling is."""
    def cast_as(who: Who, count: int) -> list[Any]:
        return [speaker(Random(n), who, "zh", "seen", ESPEAK, {"espeak": 1.0}, free=True) for n in range(count)]

    people = cast_as(Who(emotion="sad"), 20)
    assert {(p.speed, p.timbre, p.pitch, p.style) for p in people} == {("normal", "neutral", "medium", "modal")}
    assert {p.age for p in cast_as(Who(gender="male"), 40)} == set(AGES[1:])


def test_unseen_voices_are_never_cast_in_training() -> None:
    def people(which: Any, count: int) -> list[Any]:
        return [speaker(Random(n), Who(), "en", which, able(CLEAN), CLEAN.engines, free=True) for n in range(count)]

    seen, unseen = people("seen", 80), people("unseen", 60)
    assert not {p.id for p in seen} & {p.id for p in unseen}
    assert all(is_held(p) for p in unseen) and not any(is_held(p) for p in seen if p.engine == "espeak")
    assert HELD_ACCENT in {p.voice for p in unseen} and HELD_ACCENT not in {p.voice for p in seen}
    assert {p.engine for p in unseen} == {"espeak"} and "awb" not in {p.voice for p in seen + unseen}
    strange = people("strange", 20)
    assert {(p.engine, p.voice) for p in strange} == {("flite", "awb")}


def test_held_out_sounds_are_never_heard_in_training() -> None:
    """The same seed, name and number, in another split or cast: other sounds, other wordings, other voices."""
    base = SkillSpec(name="same", clips=30, seed=1, tasks={"hear": 1.0}, around={"clean": 1.0}, aloud=False,
                     engines={"espeak": 1.0}, only=("event",), language="en")  # fmt: skip
    sets = [make(spec, able(spec), range(6)) for spec in (
        base, replace(base, split="slots"), replace(base, cast="unseen"), replace(base, split="template"))]  # fmt: skip
    sounds = [{sound.tobytes() for part, _, sound, _ in parts(one) if part.kind == "event"} for one in sets]
    assert all(not a & b for n, a in enumerate(sounds) for b in sounds[n + 1 :])
    asked = [{conversation(kept).turns[0].template for kept in one["shards"]} for one in sets]
    said = [{dict(conversation(kept).turns[0].slots)["said"] for kept in one["shards"]} for one in sets]
    assert not asked[3] & (asked[0] | asked[1]) and not said[1] & said[0]
    speakers = [{truth["speaker"] for part, truth, _, _ in parts(one) if part.kind == "speech"} for one in sets]
    assert not speakers[2] & (speakers[0] | speakers[1] | speakers[3])


def test_pitches_compare_as_the_answer_says() -> None:
    spec = SkillSpec(name="higher", clips=8, tasks={"think": 1.0}, only=("pitch compared",), language="en", aloud=False,
                     around={"clean": 1.0}, engines={"espeak": 1.0})  # fmt: skip
    for kept in make(spec, able(spec), range(8))["shards"]:
        (turn,), (row,) = conversation(kept).turns, kept.row["turns"]
        spans = [(round(t["start_s"] * RATE), round(t["end_s"] * RATE)) for t in row["parts"][:2]]
        first, second = (hz(kept.audio[a:b]) for a, b in spans)
        assert ("second" in turn.reply) == (second > 1.3 * first) and (second > first or first > 1.3 * second)


@pytest.mark.parametrize("kind", ["room", "noise", "scene", "channel", "hard"])
def test_surroundings_keep_length_and_level(kind: str) -> None:
    rng = np.random.default_rng(5)
    voice = (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    heard, truth = around(kind, voice, rng, RATE)
    assert len(heard) == len(voice) and np.abs(heard).max() <= 1.0 and truth
    assert not np.array_equal(heard, voice)
    if kind == "hard":
        assert truth["snr_db"] == 10.0 and truth["room"]["rt60_s"] >= 0.3


def test_chinese_halts_between_characters() -> None:
    assert "，" in rhythmical("我喜欢米饭和面包。", "zh", "halting", Random(1))
    assert rhythmical("你好，朋友。", "zh", "rushed", Random(1)) == "你好朋友。"
    assert rhythmical("你好。", "zh", "even", Random(1)) == "你好。"


# --- as a corpus -----------------------------------------------------------------------------------------------------


def test_a_corpus_of_conversations_by_the_queue(tmp_path: Path) -> None:
    """Made from JSON, in shards; a shard that is lost is made again, the same to the byte."""
    values = {"kind": "skills", "name": "few", "clips": 6, "shard": 3, "tasks": {"hear": 1.0, "talk": 1.0},
              "language": "en", "engines": {"espeak": 1.0}, "aloud": False}  # fmt: skip
    path = tmp_path / "few.json"
    path.write_text(json.dumps(values))
    spec = load(str(path))
    assert isinstance(spec, SkillSpec) and any_spec(json.loads(json.dumps(to_json(spec)))) == spec
    folder = tmp_path / "corpus"
    done = synthesise(spec, folder)
    assert done.clips == 6 and validate.problems(folder) == []
    files = [folder / place for place in ("shards/00001.npy", "shards/00001.jsonl", "spoken/00001.jsonl")]
    before = [file.read_bytes() for file in files]
    files[0].write_bytes(b"gone")
    assert validate.problems(folder)
    synthesise(spec, folder)
    assert [file.read_bytes() for file in files] == before and validate.problems(folder) == []


@pytest.mark.parametrize(("wrong", "why"), [
    ({"tasks": {"sing": 1.0}}, "tasks has 'sing'"), ({"language": "fr"}, "language has 'fr'"),
    ({"clips": 0}, "at least 1"), ({"aloud": "no"}, "true or false"),
    ({"presets": 2.0}, "between 0 and 1"), ({"only": ["juggle"]}, "no skill"), ({"colour": 1}, "'colour' is unknown"),
    ({"clips": "many"}, "whole number"), ({"around": {"clean": 0.0}}, "not all 0"), ({"name": "a b"}, "use letters"),
])  # fmt: skip
def test_what_cannot_be_made_is_refused_in_a_sentence(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        any_spec({"kind": "skills", "name": "x", "clips": 3, **wrong})


def test_takes_of_all_splits_can_be_decided_on() -> None:
    """Nothing is said: casting alone must work for everything that the grammar can ask for, in every cast."""
    for split in ("train", "template", "slots"):
        for which in ("seen", "unseen", "strange"):
            spec = SkillSpec(name="plan", clips=1, split=split, cast=which, tasks=EVEN)  # type: ignore[arg-type]
            voices_here = able(spec)
            for number in range(12):
                found = take(spec, voices_here, number, 0)
                assert found.made.turns and found.around in ("clean", "room", "noise", "scene", "channel", "hard")
