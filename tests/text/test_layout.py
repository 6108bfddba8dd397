from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import ConfigError, InputError
from antiphon.text.layout import OFFICIAL, TokenLayout

from .conftest import read_golden

TINY = OFFICIAL.shifted(-151200)
TA4 = read_golden("ta4.json")
ids = st.lists(st.integers(0, 440), max_size=20)
codes = st.lists(st.integers(0, 6560), max_size=60)


def test_tiny_layout_has_the_ids_of_the_golden_file() -> None:
    found = {
        "<tts_start>": TINY.tts_start,
        "<tts_end>": TINY.tts_end,
        "<tts_pad>": TINY.tts_pad,
        "<audio_0>": TINY.first_audio,
        "<audio_6561>": TINY.audio_pad,
    }
    assert found == TA4["ids"]


@pytest.mark.parametrize("case", TA4["interleave"])
def test_interleave_equals_both_released_builders(case: dict[str, list[int]]) -> None:
    codes = [TINY.code_of(i) for i in case["audio"]]
    assert TINY.interleave(case["text"], codes) == case["mar2026_branch"]
    assert TINY.interleave_aug2025(case["text"], codes) == case["aug2025_branch"]


@pytest.mark.parametrize("name", TA4["split"])
def test_split_equals_the_released_parsers(name: str) -> None:
    case = TA4["split"][name]
    split = TINY.split(case["output_ids"])
    assert [list(split.text), list(split.speech), list(split.other)] == [case["text"], case["audio"], case["other"]]
    assert TINY.split_by_range(case["output_ids"]) == (case["hf_text"], case["hf_audio"])
    speaking, steps = True, []
    for token in case["output_ids"]:
        speaking, kind = TINY.split_step(speaking, token)
        steps.append([[token] if kind == wanted else [] for wanted in ("text", "speech", "other")])
    assert steps == case["streaming_one_by_one"]


def test_speech_is_decided_by_the_prompts_last_token() -> None:
    assert [[prompt, TINY.starts_speaking(prompt)] for prompt, _ in TA4["is_audio_output"]] == TA4["is_audio_output"]
    assert not TINY.starts_speaking([])


@given(ids, codes, st.integers(1, 3), st.integers(1, 5))
def test_split_undoes_interleave_for_every_pattern(
    text: list[int], codes: list[int], text_per_group: int, audio_per_group: int
) -> None:
    layout = replace(TINY, text_per_group=text_per_group, audio_per_group=audio_per_group)
    woven = layout.interleave(text, codes)
    split = layout.split(woven[1:])
    assert list(split.text) == text and [layout.code_of(i) for i in split.speech] == codes and not split.other
    assert (len(woven) - 2) % (text_per_group + audio_per_group) == 0


def test_what_an_id_is() -> None:
    assert OFFICIAL.is_text(151687) and not OFFICIAL.is_text(151688) and not OFFICIAL.is_text(-1)
    assert OFFICIAL.is_speech(151696) and OFFICIAL.is_speech(158256) and not OFFICIAL.is_speech(158257)
    assert OFFICIAL.audio_pad == 158257 and OFFICIAL.id_of(6560) == 158256 and OFFICIAL.code_of(151696) == 0
    assert {OFFICIAL.bot, OFFICIAL.tts_pad, OFFICIAL.audio_pad, 151645} <= OFFICIAL.controls


@pytest.mark.parametrize("token", [-1, 151695, 158257, 158258])
def test_a_token_that_is_no_code_is_refused(token: int) -> None:
    with pytest.raises(InputError, match="no speech token"):
        OFFICIAL.code_of(token)


@pytest.mark.parametrize("token", [-1, 158258, 158719])
def test_split_refuses_ids_without_a_meaning(token: int) -> None:
    with pytest.raises(InputError, match="stands for nothing"):
        OFFICIAL.split([1, token])


def test_weaving_refuses_codes_and_words_out_of_range() -> None:
    for text, speech in (([1], [6561]), ([1], [-1]), ([OFFICIAL.eot], [0]), ([151696], [0])):
        with pytest.raises(InputError):
            OFFICIAL.interleave(text, speech)


def test_layout_is_data() -> None:
    for layout in (OFFICIAL, TINY):
        assert TokenLayout.from_dict(layout.to_dict()) == layout
    with pytest.raises(ConfigError, match="surprise"):
        TokenLayout.from_dict({**OFFICIAL.to_dict(), "surprise": 1})
    with pytest.raises(ConfigError, match="bot"):
        TokenLayout.from_dict({k: v for k, v in OFFICIAL.to_dict().items() if k != "bot"})


@pytest.mark.parametrize(
    "change",
    [
        {"bot": OFFICIAL.eot},
        {"eot": OFFICIAL.tts_end + 5},
        {"tts_end": OFFICIAL.first_audio},
        {"audio_start": OFFICIAL.audio_end + 9},
        {"num_codes": 0},
        {"vocab_size": OFFICIAL.audio_pad},
        {"audio_per_group": 0},
        {"stop_ids": ()},
        {"stop_ids": (158720,)},
    ],
)
def test_a_layout_that_contradicts_itself_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        replace(OFFICIAL, **change)  # type: ignore[arg-type]
