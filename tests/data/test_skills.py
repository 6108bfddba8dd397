"""The skills: true replies, a closed vocabulary in two languages, splits that do not touch, needs that can be met."""

import json
import re
from collections import Counter
from functools import cache
from random import Random

import pytest

from antiphon.data import prosody, speakers
from antiphon.data.events import EVENTS
from antiphon.data.grammar import Split
from antiphon.data.instruments import INSTRUMENTS, TEMPI
from antiphon.data.numbers import parse_numbers, words_of
from antiphon.data.scenes import SCENES
from antiphon.data.skills import catalogue, chinese, hanzi, phrases, toolbox
from antiphon.data.skills.classes import DIMENSIONS, ELEVEN
from antiphon.data.skills.exchange import SPLITS, Conversation, Skill, Turn, from_json, split, to_json
from antiphon.data.vocal import VOCAL_SOUNDS
from antiphon.errors import InputError
from antiphon.text import toolcall
from antiphon.text.prompts import PROMPTS

EACH = 12  # conversations of a skill and a split
KINDS = {"event": EVENTS, "scene": SCENES, "vocal": VOCAL_SOUNDS, "music": {**INSTRUMENTS, "": None}}
ATTRIBUTES = {
    "gender": speakers.GENDERS, "age": speakers.AGES, "timbre": speakers.TIMBRES, "pitch": tuple(speakers.PITCHES),
    "speed": tuple(speakers.SPEEDS), "style": speakers.STYLES, "emotion": tuple(prosody.EMOTIONS),
    "rhythm": tuple(prosody.RHYTHMS),
}  # fmt: skip


@cache
def drawn() -> tuple[tuple[Skill, Split, Conversation], ...]:
    """Some conversations of every skill and split."""
    found = []
    for number, skill in enumerate(catalogue.skills()):
        for wanted in skill.splits:
            rng = Random(f"{number} {wanted}")
            found += [(skill, wanted, skill.draw(rng, wanted)) for _ in range(EACH)]
    return tuple(found)


def turns(task: str = "") -> list[Turn]:
    return [turn for skill, _, made in drawn() for turn in made.turns if task in ("", skill.task)]


def spoken_texts(turn: Turn) -> list[str]:
    """All that is said or thought in a turn, but for languages that are refused."""
    heard = [part.text for part in turn.heard if part.language in ("en", "zh")]
    return [*heard, turn.written, turn.reply, turn.filler, turn.think]


def test_the_same_seed_gives_the_same_conversations() -> None:
    def draw(seed: int) -> list[Conversation]:
        rng = Random(seed)
        return [catalogue.sample(rng) for _ in range(30)]

    assert draw(3) == draw(3) != draw(4)


def test_all_that_is_said_stays_in_a_small_vocabulary() -> None:
    words, han = (set(known) for known in catalogue.vocabulary())
    assert len(words) < 900 and len(han) < 350
    for turn in turns():
        for text in spoken_texts(turn):
            assert re.fullmatch(r"[a-z .,?\u4e00-\u9fff，。？]*", text), text
            assert set(words_of(text)) <= words, (text, set(words_of(text)) - words)
            assert set(hanzi.characters(text)) <= han, (text, set(hanzi.characters(text)) - han)


def test_replies_are_in_the_language_they_say() -> None:
    for turn in turns():
        assert bool(hanzi.characters(turn.reply)) == (turn.language == "zh"), turn.reply
        assert len(words_of(turn.reply)) <= 24 and len(hanzi.characters(turn.reply)) <= 26, turn.reply


def test_each_skill_gives_the_split_it_is_asked_for() -> None:
    for skill, wanted, made in drawn():
        assert split(made) == wanted, (skill.task, skill.name, skill.language, made)
        assert made.turns and all(turn.heard or turn.written for turn in made.turns)
        assert all(part.text for turn in made.turns for part in turn.heard if part.kind == "speech")


def test_wordings_and_fillings_held_out_are_not_trained_on() -> None:
    """By skill: a held-out wording never occurs in training, and no whole example of the slots split does."""
    seen: dict[tuple[str, str, str, Split], set[object]] = {}
    for skill, wanted, made in drawn():
        key = (skill.task, skill.name, skill.language)
        for turn in made.turns:
            if turn.split == "template" and turn.template:
                seen.setdefault((*key, "template"), set()).add((turn.family, turn.template))
            elif turn.split == wanted != "train":
                seen.setdefault((*key, wanted), set()).add((turn.family, turn.template, turn.slots, turn.reply))
            else:
                seen.setdefault((*key, "train"), set()).add((turn.family, turn.template))
                seen.setdefault((*key, "train"), set()).add((turn.family, turn.template, turn.slots, turn.reply))
    for *key, wanted in seen:
        if wanted != "train":
            trained = seen[(*key, "train")]  # type: ignore[index]
            assert not seen[(*key, wanted)] & trained, (key, wanted)  # type: ignore[index]


def test_every_skill_of_the_issue_is_there_in_both_languages() -> None:
    names = {(skill.task, skill.language) for skill in catalogue.skills()}
    assert names == {(task, language) for task in catalogue.TASKS for language in ("en", "zh")}
    for language in ("en", "zh"):
        asked = {skill.name for skill in catalogue.skills() if (skill.task, skill.language) == ("hear", language)}
        assert set(ELEVEN) <= asked
    assert sum(catalogue.TASKS.values()) == pytest.approx(1.0)
    counts = Counter(catalogue.sample(Random(seed)).task for seed in range(600))
    assert all(abs(counts[task] / 600 - share) < 0.06 for task, share in catalogue.TASKS.items())


def test_what_must_be_heard_is_what_the_engine_can_make() -> None:
    for turn in turns():
        for part in turn.heard:
            if part.kind in KINDS:
                assert part.what in KINDS[part.kind], part
            assert not part.tempo or part.tempo in TEMPI
            for name, classes in ATTRIBUTES.items():
                assert getattr(part.who, name) in ("", *classes), part
    for name, classes in {**ATTRIBUTES, **KINDS, "tempo": TEMPI}.items():
        if name != "music":
            assert set(DIMENSIONS[name].classes) == set(classes), name
    least = {"gender": 2, "age": 4, "timbre": 4, "scene": 6, "event": 8, "emotion": 5, "pitch": 3, "rhythm": 3,
             "speed": 3, "style": 4, "vocal": 5}  # fmt: skip
    assert all(len(DIMENSIONS[name].classes) >= count for name, count in least.items())


def test_the_class_that_is_asked_for_is_heard() -> None:
    for turn in turns("hear"):
        kind, name = dict(turn.slots)["class"], turn.family.split()[0]
        heard = {getattr(part.who, name, "") for part in turn.heard} | {part.what for part in turn.heard}
        assert kind in heard | {part.tempo for part in turn.heard}, turn
        assert DIMENSIONS[name].says(kind, turn.language) in turn.reply


def test_classes_are_balanced() -> None:
    rng = Random(0)
    for name in ("gender", "emotion", "event"):
        asked = [catalogue.sample(rng, "hear", "en", skill=name).turns[0] for _ in range(400)]
        counts = Counter(dict(turn.slots)["class"] for turn in asked)
        share = 400 / len(DIMENSIONS[name].classes)
        assert set(counts) == set(DIMENSIONS[name].classes) and max(counts.values()) < 2 * share


def test_a_reaction_depends_on_the_sound_and_not_on_the_words() -> None:
    replies: dict[str, set[str]] = {}
    for seed in range(300):
        (turn,) = catalogue.sample(Random(seed), "react", "en", skill="react to emotion").turns
        replies.setdefault(turn.template, set()).add(turn.reply)
        assert turn.heard[-1].who.emotion == dict(turn.slots)["class"]
    assert all(len(found) >= 4 for found in replies.values())


def test_translations_are_one_to_one() -> None:
    found = [phrases.phrase(Random(seed), "template" if seed % 5 == 0 else "train") for seed in range(1500)]
    to_zh, to_en = ({a: b for a, b in pairs} for pairs in (
        ((p.en, p.zh) for p in found), ((p.zh, p.en) for p in found)))  # fmt: skip
    assert all(to_zh[p.en] == p.zh and to_en[p.zh] == p.en for p in found)
    assert len({en for en, _ in (*phrases.FRAMES, *phrases.HELD_FRAMES)}) == len(phrases.FRAMES) + 11
    known = {word for text in (en for en, _ in phrases.FRAMES) for word in words_of(text)}
    han = {character for _, zh in phrases.FRAMES for character in hanzi.characters(zh)}
    for en, zh in phrases.HELD_FRAMES:
        assert set(words_of(en)) - {"does"} <= known and set(hanzi.characters(zh)) <= han


def test_the_name_of_a_described_tool_may_tell_nothing() -> None:
    """So that a tool for a thing that was never met is called by words that were written in other names."""
    plain, other = 0, set[str]()
    for seed in range(600):
        made = catalogue.sample(Random(seed), "call", skill="described tool")
        names = [json.loads(tool)["function"]["name"] for tool in made.tools]
        assert len(set(names)) == len(names)
        (turn,) = made.turns
        thing, called = dict(turn.slots)["thing"], turn.call.name if turn.call else ""
        plain += thing.replace(" ", "_") in called
        other |= set(called.split("_")) if thing.replace(" ", "_") not in called else set()
    assert 230 < plain < 380
    held = {noun for noun in toolbox.NOUNS if toolbox.thing_is_held(noun)}
    assert len(held & other) > len(held & set(toolbox.WORDS)) // 3


def test_tools_on_offer_are_described_and_called_as_described() -> None:
    names = set()
    for skill, _, made in drawn():
        if skill.task != "call":
            continue
        offered = {tool["function"]["name"]: tool["function"] for tool in map(json.loads, made.tools)}
        assert offered and len(offered) == len(made.tools)
        called = [turn for turn in made.turns if turn.call is not None]
        assert bool(called) == (skill.name != "no tool")
        for turn in called:
            assert turn.call is not None
            call = toolcall.ToolCall(turn.call.name, turn.call.arguments)  # as the runtime reads it
            assert set(call.values) == set(offered[call.name]["parameters"]["required"]), call
            assert turn.filler and turn.result and turn.reply
            names.add(call.name)
    assert {"clock", "weather", "web_search", "audio_search"} <= names and len(names) > 20


def test_results_are_spoken() -> None:
    for turn in turns("call"):
        if turn.call is None:
            continue
        if turn.call.name == "weather":
            degrees = int(re.findall(r"\d+", turn.result)[0])
            assert (hanzi.spoken(degrees) + "度" if turn.language == "zh" else "degrees") in turn.reply
            assert turn.language == "zh" or parse_numbers(words_of(turn.reply))[-1] == degrees
        if turn.call.name == "web_search":
            assert turn.reply.rstrip(".。") == turn.result
        if turn.call.name == "audio_search":
            assert turn.voice is not None and json.loads(turn.result)["voice"] in turn.reply
        if turn.family == "described":
            assert (turn.result == "ok") == (json.loads(turn.call.arguments).popitem()[1] in turn.reply)


def test_things_of_described_tools_are_held_out_whole() -> None:
    def things(wanted: Split) -> set[str]:
        return {
            dict(made.turns[0].slots)["thing"].split()[-1]
            for skill, found, made in drawn()
            if skill.name == "described tool" and found == wanted
        }

    assert things("slots") and not things("slots") & things("train") and not things("slots") & things("template")
    held = sum(toolbox.thing_is_held(noun) for noun in toolbox.NOUNS)
    assert 0.1 < held / len(toolbox.NOUNS) < 0.3


def test_sums_in_chinese_are_right() -> None:
    for number in range(100):
        assert hanzi.parse(hanzi.spoken(number)) == number
    for turn in turns("talk"):
        if turn.family in ("plus zh", "minus zh"):
            a, b, c = (hanzi.parse(part) for part in re.findall("[零一二三四五六七八九十]+", turn.reply))
            assert c == (a + b if turn.family == "plus zh" else a - b)
    assert hanzi.clock_time(14, 35) == "十四点三十五分" and hanzi.clock_time(2, 5) == "两点零五分"
    assert hanzi.clock_time(0, 0) == "零点整" and hanzi.date(11, 20) == "十一月二十号"
    with pytest.raises(InputError, match="0 to 99"):
        hanzi.spoken(100)


def test_chinese_remembers_what_it_was_told() -> None:
    (memory,) = [skill for skill in chinese.skills() if skill.name == "memory"]
    for seed in range(40):
        made = memory.draw(Random(seed), "train").turns
        told = dict(made[0].slots)["value"]
        assert told in made[0].user and told in made[-1].reply and told not in made[-1].user


def test_thoughts_follow_from_what_is_heard() -> None:
    order = {"speed": ("slow", "fast"), "pitch": ("low", "high"), "age": ("child", "young", "elderly")}
    for skill, _, made in drawn():
        if skill.task != "think":
            continue
        (turn,) = made.turns
        assert made.prompt == "think" and turn.think and turn.evidence
        dimension = skill.name.split()[0]
        if dimension in order:
            ranks = [order[dimension].index(getattr(part.who, dimension)) for part in turn.heard[:2]]
            nth = int(ranks[1] > ranks[0])
            assert ("first", "second")[nth] in turn.reply or ("第一个", "第二个")[nth] in turn.reply
        if skill.name == "alike":
            same = turn.heard[0].what == turn.heard[1].what
            assert same != ("not" in turn.reply or "不" in turn.reply)
        if skill.name == "how many":
            count = len({part.what for part in turn.heard[:3]})
            assert ("one", "two", "three")[count - 1] in words_of(turn.reply)
        if skill.name == "who said it":
            (asked,) = [part for part in turn.heard[:2] if part.who.gender == ("male" if " man " in f"{turn.reply} "
                        else "female")]  # fmt: skip
            assert turn.reply.endswith(asked.text)


def test_instructions_exist() -> None:
    assert {made.prompt for _, _, made in drawn()} <= set(PROMPTS)


def test_conversations_survive_json() -> None:
    for _, _, made in drawn()[::3]:
        assert from_json(json.loads(json.dumps(to_json(made)))) == made


@pytest.mark.parametrize("wanted", SPLITS)
def test_any_task_and_language_can_be_drawn(wanted: Split) -> None:
    for task in catalogue.TASKS:
        for language in ("en", "zh"):
            mine = [skill for skill in catalogue.skills() if (skill.task, skill.language) == (task, language)]
            if any(wanted in skill.splits for skill in mine):
                assert catalogue.sample(Random(0), task, language, wanted).task == task  # type: ignore[arg-type]


def test_what_does_not_exist_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="expected one of transcribe"):
        catalogue.sample(Random(0), "sing")
    with pytest.raises(InputError, match="Found no skill"):
        catalogue.sample(Random(0), "hear", "en", "train", "colour")
    with pytest.raises(InputError, match="Found no skill"):
        catalogue.sample(Random(0), "transcribe", "en", "template")
