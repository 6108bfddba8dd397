"""Conversations as records: what the trainer reads is what was made, and every task of it gets its share."""

from pathlib import Path

import pytest

from antiphon.data.corpus import synthesise
from antiphon.data.engines import catalogue
from antiphon.data.skills.catalogue import TASKS
from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.spec import SkillSpec
from antiphon.data.store import read_index
from antiphon.text.toolcall import ToolCall
from antiphon.train.records import Heard, Record, Spoken, Thought, read_records, write_records
from antiphon.train.sounds import Sounds, parse_reference
from antiphon.train.tasks import needs
from antiphon.train.traits import Traits
from recipes.nano import skill_records, skill_traits


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
    assert any(isinstance(item, Thought) for item in items["skills-think.jsonl"])
    assert any(isinstance(item, ToolCall) for item in items["skills-tool.jsonl"])
    assert any(isinstance(item, Spoken) for item in items["skills-talk.jsonl"])
    assert not any(isinstance(item, Spoken) for item in items["skills-answer.jsonl"])
    assert all(item.said for item in items["skills-written.jsonl"] if isinstance(item, Heard))
    for record in files["skills-tool.jsonl"]:
        roles = [message.role for message in record.messages]
        assert roles[1] == "tool_json_schemas" and "input" in roles


def test_traits_and_captions_tell_what_was_made(records: tuple[Path, dict[str, list[Record]]]) -> None:
    folder, files = records
    corpus = folder / "corpus"
    count = skill_traits.write_traits(corpus, ["skills-0"], folder / "traits.jsonl")
    traits, heard = Traits.load(folder / "traits.jsonl"), list(skill_traits.turns(corpus, "skills-0"))
    assert len(traits.known) == count > 20 and set(traits.classes) <= set(DIMENSIONS)
    for sound, told in heard:
        labels = traits.labels(sound)
        known = {n: traits.classes[n][k] for n, k in zip(traits.classes, labels or (), strict=False) if k >= 0}
        assert known == told
    people = [{"kind": "speech", "gender": g, "age": "young", "what": ""} for g in ("male", "female")]
    people = [dict.fromkeys(skill_traits.OF_VOICE, "even") | one for one in people]
    several = skill_traits.traits_of([*people, {"kind": "event", "what": "rain"}])
    assert several["age"] == "young" and "gender" not in several and several["event"] == "rain"
    assert several["scene"] == "none" and skill_traits.caption(several, "en").endswith("rain.")
    said = [record.messages[-1].items[0] for record in files["skills-caption.jsonl"]]
    assert any("。" in str(text) for text in said) and any(str(text).endswith(".") for text in said)
