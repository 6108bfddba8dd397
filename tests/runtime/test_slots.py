"""Places are shared fairly, and slots hold what they say: properties over random demands and conversations."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.runtime.share import share
from antiphon.runtime.slots import Slots, common


@given(st.lists(st.integers(0, 60), max_size=9), st.integers(0, 40))
def test_places_are_shared_as_fairly_as_can_be(wanted: list[int], places: int) -> None:
    given_ = share(wanted, places)
    assert all(0 <= part <= want for part, want in zip(given_, wanted, strict=True))
    assert sum(given_) == min(places, sum(wanted))  # nothing is left idle while somebody waits
    short = [part for part, want in zip(given_, wanted, strict=True) if part < want]
    if short:  # who gets less than wanted gets no less than anybody else, but for an odd place
        assert max(given_) - min(short) <= 1
    if len(wanted) <= places:
        assert all(part >= 1 for part, want in zip(given_, wanted, strict=True) if want)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_a_long_prompt_stalls_nobody(wanted: list[int]) -> None:
    alone = share([1] * len(wanted) + [10_000], 16)
    assert alone[:-1] == [1] * len(wanted) and alone[-1] == 16 - len(wanted)


def test_what_is_common_leaves_something_to_read() -> None:
    assert common("abc", "abc") == 2
    assert common("abc", "abd") == 2
    assert common("", "abc") == common("abc", "a") == 0


prompts = st.lists(st.sampled_from("ab"), min_size=1, max_size=6)
acts = st.one_of(
    st.tuples(st.just("take"), st.sampled_from(["", "x", "y"]), prompts),
    st.tuples(st.just("leave"), st.integers(0, 9), st.just([])),
    st.tuples(st.just("forget"), st.sampled_from(["x", "y"]), st.just([])),
)


@given(st.lists(acts, max_size=40))
def test_a_slot_holds_what_it_says_and_only_for_its_conversation(told: list[tuple[str, object, list[str]]]) -> None:
    slots, running = Slots(3), dict[int, list[str]]()
    memory = [list[tuple[str, str]]() for _ in range(3)]  # what is really written: whose and what
    for act, who, wanted in told:
        if act == "take" and len(running) < 3:
            assert isinstance(who, str)
            taken = slots.take(who, wanted)
            assert taken.slot not in running and taken.held < len(wanted)
            source = taken.slot if taken.source is None else taken.source
            begin = memory[source][: taken.held]
            assert [what for _, what in begin] == wanted[: taken.held]  # never what was overwritten
            assert all(owner == who != "" for owner, _ in begin)  # never another's, and without a name nothing is kept
            memory[taken.slot] = [*begin, *[(who, what) for what in wanted[taken.held :]]]
            slots.rows[taken.slot].places += wanted[taken.held :]
            running[taken.slot] = wanted
        elif act == "leave" and running:
            assert isinstance(who, int)
            slot = sorted(running)[who % len(running)]
            del running[slot]
            slots.leave(slot)
        elif act == "forget":
            assert isinstance(who, str)
            slots.forget(who)
    for slot, prompt in running.items():
        assert slots.rows[slot].in_use and slots.rows[slot].places == prompt


def test_the_same_talk_goes_on_in_its_slot_and_another_is_not_disturbed() -> None:
    slots = Slots(3)
    first = slots.take("talk", "abcdef")
    slots.rows[first.slot].places += "abcdef"
    slots.leave(first.slot)
    again = slots.take("talk", "abcdexy")
    assert (again.slot, again.held, again.source) == (first.slot, 5, None)
    beside = slots.take("talk", "abz")  # what is in use is copied
    assert beside.slot != first.slot and (beside.held, beside.source) == (2, first.slot)
    slots.leave(beside.slot)
    slots.leave(first.slot)
    assert slots.take("other", "abcdef").held == 0


def test_a_side_question_leaves_the_long_history_where_it_is() -> None:
    slots = Slots(2)
    talk = slots.take("talk", "abcdefgh")
    slots.rows[talk.slot].places += "abcdefgh"
    slots.leave(talk.slot)
    aside = slots.take("talk", "abx")
    assert aside.slot != talk.slot and (aside.held, aside.source) == (2, talk.slot)
    slots.leave(aside.slot)
    assert slots.take("talk", "abcdefghi").held == 8
