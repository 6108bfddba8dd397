"""Is what somebody says about a voice right? Rules for the eleven dimensions, lenient as published and strict.

The published judge is a language model that compares an answer with the gold answer by one rule for each dimension.
Most of these rules can be followed without one: they speak of classes, levels and ages. So this judge is deterministic
and needs nothing; where a rule needs taste (event, timbre, style), it says yes to the same words, otherwise nothing.
"""

import re
from collections.abc import Mapping, Sequence

from antiphon.errors import InputError

__all__ = ["DIMENSIONS", "age_range", "judge", "rule_text"]

# the folder's name, and the name in the published table
DIMENSIONS: Mapping[str, str] = {
    "gender": "gender", "age": "age", "voice_tone": "timbre", "scene": "scenario", "event": "event",
    "emotions": "emotion", "pitch": "pitch", "rhythm": "rhythm", "speed": "speed", "voice_styles": "style",
    "vocalsound": "vocal",
}  # fmt: skip

_RULES = {
    "gender": ("The answer names the same sex.",) * 2,
    "age": ("The middles of the two ranges of age lie at most 10 years apart.", "They lie at most 5 years apart."),
    "speed": ("The speed is the same or the next of five levels (slow, rather slow, middling, rather fast, fast).",
              "The speed is the same of these five levels."),
    "pitch": ("The pitch is the same or the next of five levels.", "The pitch is the same of five levels."),
    "emotions": ("The emotion is of the same class: pleasant, unpleasant or neither.", "The emotion is the same."),
    "rhythm": ("Both say that it is steady, or both speak of pauses, or both of change.",) * 2,
    "scene": ("It is the same place; out of doors is not the same as a park.",) * 2,
    "event": ("The event is of the same kind or closely related.", "It is the same event."),
    "vocalsound": ("It is the same kind of sound, or one contains the other.",) * 2,
    "voice_tone": ("The timbre is broadly similar.", "The timbre is the same in every trait that is named."),
    "voice_styles": ("The style is broadly similar.", "The style is the same."),
}  # fmt: skip
_LEVELS = (("慢", "中慢", "中速", "中快", "快"), ("低音", "中低", "中音", "中高", "高音"))
_CLASSES: Mapping[str, Sequence[Sequence[str]]] = {
    "gender": (("女",), ("男",)),
    "rhythm": (("平稳", "流畅", "自然", "均匀"), ("停顿", "断续", "犹豫"), ("变化", "起伏", "忽快忽慢")),
    "scene": (
        ("公园",), ("户外", "室外"), ("教室", "课堂"), ("办公室",), ("超市", "商场"), ("街", "马路", "路边"),
        ("餐厅", "饭店"), ("车内", "车里", "汽车"), ("地铁",), ("车站",), ("机场",), ("厨房",), ("海边", "沙滩"),
        ("森林", "树林"), ("图书馆",), ("室内",),
    ),
    "vocalsound": (
        ("咳嗽", "cough"), ("笑", "laugh"), ("哭", "cry"), ("叹气", "sigh"), ("喷嚏", "sneeze"), ("清嗓", "throat"),
        ("哈欠", "yawn"), ("喘", "呼吸", "breath"), ("打嗝",), ("鼻", "sniff"), ("口哨",), ("鼾", "呼噜"),
        ("尖叫", "scream"),
    ),
    "emotions": (
        ("高兴", "开心", "快乐", "愉", "喜", "兴奋", "激动", "满意", "happy"),
        ("悲", "伤心", "难过", "生气", "愤怒", "恐惧", "害怕", "厌恶", "焦虑", "失落", "低沉", "沮丧", "sad", "angry"),
        ("平静", "中性", "平淡", "冷静", "neutral", "calm"),
    ),
    "fine": (
        ("高兴", "开心", "快乐", "愉", "喜", "happy"), ("兴奋", "激动"), ("悲", "伤心", "难过", "失落", "沮丧", "sad"),
        ("生气", "愤怒", "angry"), ("恐惧", "害怕"), ("厌恶",), ("焦虑",),
        ("平静", "中性", "平淡", "冷静", "neutral", "calm"),
    ),
}  # fmt: skip
_AGES = (("青少年", 12, 18), ("少年", 11, 17), ("小孩", 0, 10), ("儿童", 0, 10), ("孩子", 0, 10), ("年轻", 18, 35),
         ("青年", 18, 35), ("中年", 35, 55), ("老", 60, 80))  # fmt: skip
_NUMERAL = r"(?:\d{1,3}|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])"
_DIGITS = "零一二三四五六七八九"


def rule_text(dimension: str, strict: bool) -> str:
    """The rule of a dimension, as a judge is told it.

    Raises:
        InputError: there is no such dimension.
    """
    if dimension not in _RULES:
        raise InputError(f"found the dimension {dimension!r}; expected one of {', '.join(_RULES)}.")
    return _RULES[dimension][strict]


def judge(dimension: str, gold: str, answer: str, *, strict: bool = False) -> bool | None:
    """Whether an answer agrees with the gold one; None where no rule can tell."""
    if _bare(gold) == _bare(answer):
        return True
    if dimension == "age":
        return _ages_agree(gold, answer, 5.0 if strict else 10.0)
    if dimension in ("speed", "pitch"):
        due, said = (_level(text, dimension == "pitch") for text in (gold, answer))
        return None if due is None else said is not None and abs(due - said) <= (0 if strict else 1)
    kind = "fine" if strict and dimension == "emotions" else dimension
    if kind not in _CLASSES:
        return None
    due_classes, said_classes = (_classes(kind, text) for text in (gold, answer))
    return bool(due_classes & said_classes) and _first(kind, gold) in said_classes if due_classes else None


def age_range(text: str) -> tuple[float, float] | None:
    """Years that a text speaks of: 80岁以上 is 80 to 90, 七十多岁 is 70 to 79, 小孩子 is 0 to 10."""
    if found := re.search(rf"({_NUMERAL})\s*(?:岁)?\s*(?:到|至|-|—|~|～)\s*({_NUMERAL})", text):
        return float(_value(found[1])), float(_value(found[2]))
    if found := re.search(rf"({_NUMERAL})\s*(多)?\s*岁\s*(以上|左右|上下)?", text):
        age = float(_value(found[1]))
        if found[2]:
            return age, age + 9
        return {"以上": (age, age + 10), None: (age, age)}.get(found[3], (age - 5, age + 5))
    return next(((float(a), float(b)) for word, a, b in _AGES if word in text), None)


def _ages_agree(gold: str, answer: str, years: float) -> bool | None:
    due, said = age_range(gold), age_range(answer)
    if due is None:
        return None
    return said is not None and abs(sum(due) - sum(said)) / 2 <= years


def _level(text: str, is_pitch: bool) -> int | None:
    """One of five levels; 偏慢 and 较慢 are 中慢, as 中等 is 中速."""
    plain = re.sub("[偏较]", "中", text).replace("适中", "中速").replace("中等", "中速")
    if is_pitch:
        plain = plain.replace("中速", "中音")
    names = _LEVELS[is_pitch]
    for index in (1, 3, 2, 0, 4):
        if names[index] in plain:
            return index
    return None


def _classes(kind: str, text: str) -> set[int]:
    low = text.lower()
    return {i for i, words in enumerate(_CLASSES[kind]) if any(word in low for word in words)}


def _first(kind: str, text: str) -> int:
    """The class that a text names first."""
    low = text.lower()
    places = {i: min(low.find(word) for word in words if word in low)
              for i, words in enumerate(_CLASSES[kind]) if any(word in low for word in words)}  # fmt: skip
    return min(places, key=lambda i: places[i])


def _value(text: str) -> int:
    if text.isdigit():
        return int(text)
    tens, _, ones = text.rpartition("十")
    if "十" not in text:
        return _DIGITS.index(text)
    return 10 * (_DIGITS.index(tens) if tens else 1) + (_DIGITS.index(ones) if ones else 0)


def _bare(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
