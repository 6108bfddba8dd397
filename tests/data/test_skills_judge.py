"""The judge of the skills: the truth is right, another class is wrong, and near misses are told apart."""

import json
from random import Random

import pytest

from antiphon.data.skills import catalogue
from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.exchange import LANGUAGES, Language, Turn
from antiphon.data.skills.judge import right_call, right_reply, right_thought


def one(task: str, language: Language, skill: str, contains: str = "") -> Turn:
    """A turn of a skill whose reply has some text in it."""
    rng = Random(0)
    while True:
        turn = catalogue.sample(rng, task, language, skill=skill).turns[-1]
        if contains in turn.reply:
            return turn


def test_the_truth_is_right_and_silence_is_wrong() -> None:
    for number, skill in enumerate(catalogue.skills()):
        for turn in (turn for _ in range(3) for turn in skill.draw(Random(number), "train").turns):
            assert right_reply(turn, turn.reply), turn
            assert right_reply(turn, turn.reply.upper().replace(".", "!").replace("。", "")), turn
            assert not right_reply(turn, ""), turn
            assert right_thought(turn, turn.think)
            assert not turn.evidence or not right_thought(turn, "hm")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", DIMENSIONS)
def test_the_answer_of_another_class_is_wrong(name: str, language: Language) -> None:
    seen: dict[str, Turn] = {}
    rng = Random(1)
    while set(seen) < set(DIMENSIONS[name].classes):
        turn = catalogue.sample(rng, "hear", language, skill=name).turns[0]
        seen[dict(turn.slots)["class"]] = turn
    for kind, turn in seen.items():
        for other, wrong in seen.items():
            assert right_reply(turn, wrong.reply) == (kind == other), (kind, wrong.reply)


@pytest.mark.parametrize(
    ("skill", "language", "truth", "heard", "right"),
    [
        ("gender", "en", "a woman", "i think it is a girl", True),
        ("gender", "en", "a man", "a woman", False),
        ("gender", "en", "a man", "a man or a woman", False),
        ("age", "en", "an old person", "the speaker is old", True),
        ("age", "en", "a child", "a young child", False),
        ("emotion", "en", "happy", "she sounds glad", True),
        ("emotion", "en", "sad", "the speaker sounds happy", False),
        ("event", "en", "a dog", "a dog is barking", True),
        ("event", "en", "a dog", "a cat", False),
        ("scene", "en", "at the sea", "at the beach", True),
        ("gender", "zh", "女的", "是一个女人", True),
        ("gender", "zh", "女的", "说话的人是男的", False),
        ("speed", "zh", "很慢", "有点慢", True),
        ("event", "zh", "雨声", "下雨了", True),
        ("event", "zh", "猫叫", "我听到狗叫", False),
    ],
)
def test_near_misses(skill: str, language: Language, truth: str, heard: str, right: bool) -> None:
    assert right_reply(one("hear", language, skill, truth), heard) is right


def test_translations_and_words_to_write_down_must_be_exact() -> None:
    turn = one("translate", "en", "en to zh", "我喜欢")
    assert right_reply(turn, turn.reply.replace("。", "")) and not right_reply(turn, turn.reply + "吗")
    turn = one("transcribe", "en", "transcribe")
    assert not right_reply(turn, turn.reply + " too")


def test_calls_are_judged_by_name_and_values() -> None:
    turn = one("call", "en", "weather", "paris")
    assert right_call(turn, "weather", '{"city": "Paris"}') and right_call(turn, "weather", {"city": " paris "})
    assert not right_call(turn, "weather", {"city": "rome"}) and not right_call(turn, "clock", {"city": "paris"})
    assert not right_call(turn, "weather", "{city") and not right_call(turn, "weather", "[]")
    assert not right_call(one("talk", "en", "greet"), "weather", json.dumps({"city": "paris"}))


def test_a_thought_must_name_its_evidence() -> None:
    turn = one("think", "en", "speed compared", "the second")
    assert right_thought(turn, "one is slow and one is fast") and not right_thought(turn, "the second voice is fast")
    assert right_reply(turn, "it was the second") and not right_reply(turn, "the first was faster than the second")


def test_a_story_is_about_whom_it_should_be() -> None:
    turn = one("talk", "en", "story", "anna")
    assert not right_reply(turn, turn.reply.replace("anna", "tom")) and not right_reply(turn, "anna")
