"""Conversations as records: what the trainer reads is what was made, and every task of it gets its share."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from antiphon.data.corpus import synthesise
from antiphon.data.engines import catalogue
from antiphon.data.skills import hanzi
from antiphon.data.skills.catalogue import TASKS
from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.spec import SkillSpec
from antiphon.data.store import read_index
from antiphon.text.toolcall import ToolCall
from antiphon.train.records import Given, Heard, Record, Spoken, Thought, read_records, write_records
from antiphon.train.sounds import Sounds, parse_reference
from antiphon.train.tasks import needs
from antiphon.train.traits import Traits
from recipes.nano import skill_records, skill_traits
from recipes.nano.records import SUMS


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Record]]]:
    for name in ("espeak", "flite", "festival"):
        if not catalogue.find(name).installed():
            pytest.skip(f"{name} is not installed")
    folder = tmp_path_factory.mktemp("skills")
    spec = SkillSpec(name="skills-0", clips=26, shard=13, seed=5, tasks=dict.fromkeys(TASKS, 1.0),
                     engines={"espeak": 1.0})  # fmt: skip
    synthesise(spec, folder / "corpus" / "skills-0")
    made = skill_records.all_records(folder / "corpus", ["skills-0"], ["skills-0"], written=12)
    for name, found in made.items():
        write_records(folder / name, found)
    return folder, {name: list(read_records(folder / name)) for name in made}


def test_records_are_what_the_trainer_reads(records: tuple[Path, dict[str, list[Record]]]) -> None:
    folder, files = records
    sounds = Sounds(folder / "corpus")
    assert all(files[name] for name in files if name != "skills-s2st.jsonl")
    for record in (record for found in files.values() for record in found):
        assert needs(record) == ""
        for heard in record.heard:
            if heard.audio:
                begin, end = heard.span or (0, 0)
                assert len(sounds.wave(heard)) == end - begin > 0
        for item in (item for message in record.messages for item in message.items):
            if isinstance(item, Spoken):
                assert isinstance(item.codes, str)
                name, shard, row = parse_reference(item.codes)
                assert read_index(folder / "corpus" / name, shard)[row]["text"] == item.text


def test_thoughts_calls_and_words_are_there(records: tuple[Path, dict[str, list[Record]]]) -> None:
    _, files = records
    items = {name: [i for r in found for m in r.messages for i in m.items] for name, found in files.items()}
    for name, aloud in (("skills-think.jsonl", True), ("skills-thought.jsonl", False)):  # answered as it is asked for
        assert any(isinstance(item, Thought) for item in items[name])
        assert any(isinstance(item, Spoken) for item in items[name]) == aloud
    assert any(isinstance(item, ToolCall) for item in items["skills-tool.jsonl"])
    assert any(isinstance(item, Spoken) for item in items["skills-talk.jsonl"])
    assert not any(isinstance(item, Spoken) for item in items["skills-answer.jsonl"])
    assert all(item.said for item in items["skills-written.jsonl"] if isinstance(item, Heard))
    for record in files["skills-tool.jsonl"]:
        roles = [message.role for message in record.messages]
        assert roles[1] == "tool_json_schemas" and "input" in roles


PLAIN = {"kind": "speech", "gender": "male", "age": "young", "timbre": "neutral", "pitch": "medium", "hz": 150.0,
         "speed": "normal", "style": "modal", "emotion": "neutral", "rhythm": "even", "what": ""}  # fmt: skip


def test_traits_and_captions_tell_what_was_made(records: tuple[Path, dict[str, list[Record]]]) -> None:
    folder, files = records
    corpus = folder / "corpus"
    count = skill_traits.write_traits(corpus, ["skills-0"], folder / "traits.jsonl")
    traits, heard = Traits.load(folder / "traits.jsonl"), list(skill_traits.turns(corpus, "skills-0"))
    assert sum(map(len, traits.known.values())) == count > 20 and set(traits.classes) <= set(DIMENSIONS)
    for sound, parts in heard:
        named = [[(n, kinds[k]) for (n, kinds), k in zip(traits.classes.items(), line.classes, strict=True) if k >= 0]
                 for line in traits.told(sound)]  # fmt: skip
        lines = [(line.at, dict(found)) for line, found in zip(traits.told(sound), named, strict=True)]
        assert lines == [(at, told) for at, told in skill_traits.lines(parts) if told]
    people = [PLAIN | {"gender": g, "start_s": at, "end_s": at + 1.0} for g, at in (("male", 0.5), ("female", 1.5))]
    several = [*people, {"kind": "event", "what": "rain"}]
    whole, first, second = skill_traits.lines(several)
    assert whole == (None, {"scene": "none", "event": "rain", "vocal": "none", "instrument": "none", "tempo": "none"})
    assert first[0] == (8000, 24000) and first[1]["gender"] == "male" and second[1]["gender"] == "female"
    shared = skill_traits.traits_of(several)
    assert shared["age"] == "young" and "gender" not in shared and shared["event"] == "rain"
    assert shared["scene"] == "none" and skill_traits.caption(shared, "en").endswith("rain.")
    together = list(skill_traits.lines([people[0], people[1] | {"start_s": 1.0}]))
    assert [told for _, told in together[1:]] == [{}, {}]
    said, much = ([str(r.messages[-1].items[0]) for r in files[f"skills-{n}.jsonl"]] for n in ("caption", "told"))
    assert any("。" in text for text in said) and any(text.endswith(".") for text in said)
    things = {text: 1 + text.count(", ") + text.count("，") for text in said}
    assert much == [text for text in said if things[text] >= skill_records.MUCH] and len(much) < len(said)


def test_a_question_about_a_voice_tells_where_that_one_speaks(records: tuple[Path, dict[str, list[Record]]]) -> None:
    folder, files = records
    made = {f"answer {row['id']}": row for _, _, row in skill_records.rows(folder / "corpus", "skills-0")}
    found = 0
    for record in files["skills-hear.jsonl"]:
        row, heard = made[record.id], record.heard[-1]
        asked = skill_records.conversation(row).turns[-1].family.split()[0]
        assert (heard.about is not None) == (asked in skill_traits.OF_VOICE)
        if heard.about:
            (part,) = [p for p in row["turns"][-1]["parts"] if round(p.get("start_s", -1) * 16_000) == heard.about[0]]
            others = {p["who"] for p in row["turns"][-1]["parts"] if p["kind"] == "speech"} - {part["who"]}
            assert part["kind"] == "speech" and (part["who"] == "speaker" or not others)
            assert heard.span and 0 <= heard.about[0] < heard.about[1] <= heard.span[1] - heard.span[0]
            found += 1
    assert found


def test_pages_hold_chinese_sums() -> None:
    (page,) = skill_records.pages(1)
    given, told = ([i for i in page.messages[0].items if isinstance(i, kind)] for kind in (Given, str))
    assert len(given) == len(told) == SUMS
    for asked, result in zip(given, told, strict=True):
        first, sign, second = re.fullmatch("(.+)([加减])(.+)是", asked.text).groups()
        due = hanzi.parse(first) + (1 if sign == "加" else -1) * hanzi.parse(second)
        assert hanzi.parse(result.removesuffix("。")) == due


def test_several_tools_are_called_in_turn() -> None:
    for record in skill_records.called(12):
        offered = [tool["function"]["name"] for tool in json.loads(str(record.messages[1].items[0]))]
        called = [item.name for message in record.messages for item in message.items if isinstance(item, ToolCall)]
        assert 1 <= len(called) <= 3 and set(called) <= set(offered) and len(offered) == len(set(offered))
        assert len(offered) <= max(skill_records.TOOLS, len(called))
    assert list(skill_records.called(3)) == list(skill_records.called(3))


@pytest.mark.parametrize(
    "change, hidden",
    [
        ({"pitch": "low"}, {"age", "emotion"}),
        ({"style": "whisper"}, {"gender", "age", "timbre", "pitch", "speed", "emotion", "rhythm"}),
        ({"emotion": "sad"}, {"age", "timbre", "speed", "style", "rhythm"}),
        ({"age": "child"}, {"gender", "timbre", "speed", "style", "emotion"}),
        ({"hz": 200.0}, {"pitch"}),
    ],
)
def test_what_something_else_hides_is_not_told(change: dict[str, Any], hidden: set[str]) -> None:
    every = set(skill_traits.OF_VOICE)
    assert set(skill_traits.traits_of([PLAIN])) & every == every
    assert every - set(skill_traits.traits_of([PLAIN | change])) == hidden
