"""The nano world: true replies, a closed vocabulary, splits that do not touch, and a judge that is not fooled."""

import json
import re
from collections import Counter
from datetime import datetime
from random import Random

import pytest

from antiphon.data import tables, world
from antiphon.data.grammar import Family, Split, fill
from antiphon.data.numbers import parse_numbers, words_of
from antiphon.data.record import dialogue_from_json, dialogue_to_json
from antiphon.data.world import Dialogue, Turn
from antiphon.errors import InputError
from antiphon.tools.clock import clock_says

SPLITS: tuple[Split, ...] = ("train", "template", "slots")
HELD_TASKS = [task for task in world.TASKS if task != "nothing"]


def draw(count: int, split: Split = "train", task: str | None = None, seed: int = 0) -> list[Dialogue]:
    rng = Random(seed)
    return [world.sample(rng, task, split) for _ in range(count)]


def turn_of(task: str, contains: str) -> Turn:
    """Draw until a turn of the task answers with some text."""
    rng = Random(1)
    while True:
        for turn in world.sample(rng, task).turns:
            if contains in turn.reply:
                return turn


def test_the_same_seed_gives_the_same_dialogues() -> None:
    assert draw(50, seed=3) == draw(50, seed=3)
    assert draw(50, seed=3) != draw(50, seed=4)


def test_all_that_is_spoken_stays_in_the_vocabulary_and_its_marks() -> None:
    known = set(world.vocabulary())
    assert 300 <= len(known) <= 380
    rng = Random(0)
    spoken = [world.salad(rng, 8) for _ in range(300)] + [world.sentences(rng) for _ in range(300)]
    for split in SPLITS:
        spoken += [text for d in draw(700, split) for turn in d.turns for text in (turn.user, turn.reply, turn.filler)]
    for text in spoken:
        assert re.fullmatch(r"[a-z .,?]*", text), text
        assert set(words_of(text)) <= known, text


def test_replies_are_short() -> None:
    assert max(len(words_of(turn.reply)) for d in draw(2000) for turn in d.turns) <= 10


def test_every_task_is_drawn() -> None:
    counts = Counter(dialogue.task for dialogue in draw(2000))
    assert set(counts) == set(world.TASKS)
    assert all(abs(counts[task] / 2000 - share) < 0.04 for task, share in world.TASKS.items())


@pytest.mark.parametrize("split", SPLITS)
def test_arithmetic_is_right(split: Split) -> None:
    for dialogue in draw(400, split, "arithmetic"):
        turn = dialogue.turns[0]
        a, b, c = parse_numbers(words_of(turn.reply))
        assert c == (a + b if "plus" in turn.reply else a - b)
        assert 0 <= c <= 99
        assert sorted(parse_numbers(words_of(turn.user))) == sorted((a, b))


def test_taking_away_keeps_the_order() -> None:
    turn = next(t for d in draw(500, task="arithmetic") for t in d.turns if t.user.startswith("take "))
    b, a = parse_numbers(words_of(turn.user))
    assert parse_numbers(words_of(turn.reply)) == [a, b, a - b]


def test_the_clock_is_asked_and_its_answer_said() -> None:
    asked = set()
    for split in SPLITS:
        for dialogue in draw(200, split, "tool"):
            turn = dialogue.turns[0]
            assert turn.tool_call is not None and turn.tool_call.name == "clock"
            what = json.loads(turn.tool_call.arguments)["what"]
            moment = datetime.strptime(turn.tool_result, "%A %d %B %Y %H:%M")
            assert clock_says(moment) == turn.tool_result
            if what == "time" and moment.minute >= 10:
                assert parse_numbers(words_of(turn.reply))[-1] == moment.minute
            if what == "day":
                assert turn.reply == f"it is {moment.strftime('%A').lower()}."
            if what == "date":
                assert turn.reply.endswith(f"of {moment.strftime('%B').lower()}.")
            assert turn.filler
            asked.add(what)
    assert asked == {"time", "day", "date"}
    assert clock_says(datetime(2026, 11, 20, 14, 35)) == "Friday 20 November 2026 14:35"


def test_memory_answers_with_what_was_told() -> None:
    lengths = Counter()
    for dialogue in draw(300, task="memory"):
        lengths[len(dialogue.turns)] += 1
        if len(dialogue.turns) == 1:
            assert dialogue.turns[0].reply.startswith("you did not tell me")
            continue
        told = dict(dialogue.turns[0].slots)["value"]
        assert told in words_of(dialogue.turns[0].user)
        assert told in words_of(dialogue.turns[-1].reply)
        assert told not in words_of(dialogue.turns[-1].user)
    assert set(lengths) == {1, 2, 3}


def test_say_after_me_repeats_the_words() -> None:
    for split in SPLITS:
        for dialogue in draw(100, split, "say"):
            said, reply = words_of(dialogue.turns[0].user), words_of(dialogue.turns[0].reply)
            assert said[-len(reply) :] == reply
    assert words_of(world.say("blue seven dog").turns[0].reply) == ["blue", "seven", "dog"]


def test_nothing_heard_has_no_words() -> None:
    turn = draw(1, task="nothing")[0].turns[0]
    assert (turn.user, turn.reply) == ("", "i did not hear anything.")


@pytest.mark.parametrize("task", HELD_TASKS)
@pytest.mark.parametrize("split", SPLITS)
def test_sample_gives_the_split_it_is_asked_for(task: str, split: Split) -> None:
    assert {world.split(dialogue) for dialogue in draw(60, split, task)} == {split}


def test_splits_share_no_question() -> None:
    """Except questions for the clock, where the moment is held out and not the question."""

    def questions(split: Split) -> set[str]:
        turns = [turn for dialogue in draw(1500, split) for turn in dialogue.turns if turn.split == split]
        return {turn.user for turn in turns if turn.user and not (split == "slots" and turn.task == "tool")}

    users = {split: questions(split) for split in SPLITS}
    assert not users["train"] & users["template"]
    assert not users["train"] & users["slots"]
    assert not users["template"] & users["slots"]


def test_a_sum_held_out_is_never_trained_on_in_any_wording() -> None:
    def pairs(split: Split, seed: int) -> set[str]:
        return {dict(d.turns[0].slots)["pair"] for d in draw(2000, split, "arithmetic", seed)}

    train = pairs("train", 0) | pairs("template", 1)
    assert not train & pairs("slots", 2)


def test_a_moment_held_out_is_never_told_in_training() -> None:
    told = [{d.turns[0].reply for d in draw(800, split, "tool") if d.turns[0].family != "day"} for split in SPLITS]
    assert not (told[0] | told[1]) & told[2]


def test_a_share_of_everything_is_held_out() -> None:
    plus = next(family for family in world.all_families() if family.name == "plus")
    held = sum(plus.split(plus.asks[0], row) == "slots" for row in plus.rows) / len(plus.rows)
    assert 0.17 < held < 0.23
    mirrored = {"a": "two", "b": "three", "c": "five", "pair": "3+2"}
    assert plus.split(plus.asks[0], mirrored) == plus.split(plus.asks[1], {**mirrored, "a": "three", "b": "two"})
    for family in world.all_families():
        share = len(family.held_templates) / len(family.asks)
        assert share <= 0.2 and (share > 0 or len(family.asks) < 5), family.name
        assert family.asks[0] not in family.held_templates


@pytest.mark.parametrize("family", world.all_families(), ids=lambda family: family.name)
def test_every_fact_can_be_asked_in_training(family: Family) -> None:
    if family.held_by:
        return  # sums, moments and strings are held out as such
    for row in family.rows:
        trained = [text for text in family.asks if family.split(text, row) == "train"]
        assert len(trained) >= 2, (family.name, row)


def test_tables_agree_with_the_calendar() -> None:
    lengths = [
        (datetime(2025 + month // 12, month % 12 + 1, 1) - datetime(2025, month, 1)).days for month in range(1, 13)
    ]
    assert [parse_numbers(number.split())[0] for number in tables.MONTH_DAYS] == lengths
    assert [day.capitalize() for day in tables.DAYS] == [
        datetime(2026, 11, 16 + offset).strftime("%A") for offset in range(7)
    ]
    assert len(set(tables.CAPITALS.values())) == len(tables.CAPITALS) >= 16


@pytest.mark.parametrize("split", SPLITS)
def test_the_truth_is_right(split: Split) -> None:
    for dialogue in draw(500, split):
        for turn in dialogue.turns:
            assert world.right_answer(turn, turn.reply)
            assert world.right_answer(turn, turn.reply.upper().replace(".", "!"))
            assert not world.right_answer(turn, "")


def test_another_turns_answer_is_wrong() -> None:
    turns = [turn for dialogue in draw(400, seed=5) for turn in dialogue.turns]
    for turn, other in zip(turns, turns[1:], strict=False):
        if words_of(turn.reply) != words_of(other.reply):
            assert not world.right_answer(turn, other.reply), (turn.reply, other.reply)


@pytest.mark.parametrize(
    ("task", "truth", "heard", "right"),
    [
        ("fact", "the capital of france is paris.", "capital of france is paris", True),
        ("fact", "the capital of france is paris.", "the capital of france is rome", False),
        ("fact", "the capital of france is paris.", "the capital of spain is paris", False),
        ("fact", "the capital of france is paris.", "the capital of france is not paris", False),
        ("fact", "the capital of france is paris.", "the capital of france is paris rome", False),
        ("fact", "the capital of france is paris.", "the capital is paris", False),
        ("fact", "tuesday comes after monday.", "tuesday comes before monday", False),
        ("fact", "tuesday comes after monday.", "monday comes after tuesday", False),
        ("fact", "a dog has four legs.", "the dog has four legs", True),
        ("fact", "a dog has four legs.", "a dog has fourteen legs", False),
        ("fact", "april has thirty days.", "april has thirty one days", False),
        ("fact", "my name is nano.", "my name is anna", False),
        ("memory", "your name is anna.", "your name anna", True),
        ("memory", "your name is anna.", "your name is emma", False),
        ("memory", "your name is anna.", "nice to meet you, anna", False),
        ("memory", "you are from rome.", "rome is a nice city", False),
        ("memory", "you did not tell me your name.", "you did tell me your name", False),
        ("greet", "you are welcome.", "you are well", False),
        ("nothing", "i did not hear anything.", "i did hear anything", False),
        ("tool", "it is friday.", "it is sunday", False),
    ],
)
def test_near_misses(task: str, truth: str, heard: str, right: bool) -> None:
    assert world.right_answer(turn_of(task, truth), heard) is right


def test_sums_are_judged_by_their_result() -> None:
    plus = next(family for family in world.all_families() if family.name == "plus")
    row = next(row for row in plus.rows if (row["a"], row["b"]) == ("forty two", "seventeen"))
    turn = Turn(
        user="", reply=fill(plus.reply, row), task="arithmetic", family="plus", template="", slots=(("a", "forty two"),)
    )
    for heard in (
        "forty two plus seventeen is fifty nine",
        "it is fifty nine.",
        "forty-two plus seventeen is fifty-nine",
    ):
        assert world.right_answer(turn, heard), heard
    for heard in (
        "forty two plus seventeen is fifty five", "forty two plus seventeen is fifty", "fifty nine plus one",
        "forty two minus seventeen is fifty nine", "forty three plus seventeen is fifty nine", "fifty nine ten",
        "forty two plus seventeen", "it is not fifty nine", "nine",
    ):  # fmt: skip
        assert not world.right_answer(turn, heard), heard


def test_words_to_repeat_must_be_exact() -> None:
    turn = world.say("blue seven dog").turns[0]
    assert world.right_answer(turn, "Blue, seven dog.")
    assert not world.right_answer(turn, "blue seven")
    assert not world.right_answer(turn, "blue seven the dog")


def test_unknown_tasks_and_empty_splits_are_refused() -> None:
    with pytest.raises(InputError, match="expected one of greet"):
        world.sample(Random(0), "sing")
    with pytest.raises(InputError, match="no wording"):
        world.sample(Random(0), "nothing", "slots")


def test_dialogues_survive_json() -> None:
    for dialogue in draw(100, seed=8):
        assert dialogue_from_json(json.loads(json.dumps(dialogue_to_json(dialogue)))) == dialogue
