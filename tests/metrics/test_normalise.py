"""Every profile does what its vectors say, and a score does not change under what it is to ignore."""

import json
from pathlib import Path

import pytest

from antiphon.errors import ConfigError
from antiphon.metrics.normalise import PROFILES, profile
from antiphon.metrics.numerals import cardinal, speak_numbers

VECTORS = json.loads((Path(__file__).parent / "normaliser_vectors.json").read_text(encoding="utf-8"))
NAMES = {
    "zh": "zh-cer@1", "yue": "yue-cer@1", "ja": "ja-cer@1", "ar": "ar-wer@1", "en": "en-whisper@1",
    "ar_folded": "ar-fold@1", "zh_no_fillers": "zh-nofill@1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "due"), [(NAMES[kind], v["input"], v["output"]) for kind, vs in VECTORS.items() for v in vs]
)
def test_every_vector(name: str, given: str, due: str) -> None:
    assert profile(name).text(given) == due


@pytest.mark.parametrize("name", [name for name in PROFILES if not name.startswith("en-")])
def test_what_is_comparable_stays_as_it_is(name: str) -> None:
    for given in ("他在2025年3月说hello。", "don't STOP, 紅樓夢"):
        once = profile(name).text(given)
        assert profile(name).text(once) == once


def test_units() -> None:
    assert profile("zh-mer@1").tokens("我用iPhone看 hello world！") == ["我", "用", "iphone", "看", "hello", "world"]
    assert profile("zh-cer@1").tokens("看 OK") == ["看", "o", "k"]
    assert profile("seedtts-en@1").tokens("Don't stop, now.") == ["don't", "stop", "now"]
    assert profile("raw").tokens("Don't stop.") == ["Don't", "stop."]


def test_only_the_hypothesis_is_simplified_for_seed_tts() -> None:
    seed = profile("seedtts-zh@1")
    assert seed.text("紅。") == "紅" and seed.text("紅。", is_hypothesis=True) == "红"


def test_speechio_drops_fillers_and_erhua_but_no_child() -> None:
    assert profile("zh-speechio@1").text("呃，那边儿的女儿ok") == "那边的女儿OK"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "零"), (10_010, "一万零一十"), (10, "十"), (12, "十二"), (105, "一百零五"),
     (110, "一百一十"), (1001, "一千零一"),
     (20_000, "二万"), (1_000_001, "一百万零一"), (1_0500_0000, "一亿零五百万"), (100_000_000_000, "一千亿")],
)  # fmt: skip
def test_cardinals(value: int, said: str) -> None:
    assert cardinal(value) == said


@pytest.mark.parametrize(
    ("written", "spoken"),
    [("3:05", "三点零五分"), ("12:00开", "十二点开"), ("2025-03-05", "二零二五年三月五日"), ("1/2", "二分之一"),
     ("30%", "百分之三十"), ("-3", "负三"), ("A-4", "A-四"), ("$20.50", "二十点五零美元"), ("1,000人", "一千人"),
     ("007", "零零七"),
     ("120万", "一百二十万"), ("010-12345678", "零一零一二三四五六七八")],
)  # fmt: skip
def test_numbers_in_texts(written: str, spoken: str) -> None:
    assert speak_numbers(written) == spoken


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="zh-cer@1"):
        profile("zh-cer@9")
