"""Words about voices, English and Chinese, to attributes:  "an angry old man, hoarse" -> emotion, age, gender, timbre.

A lexicon and no model: the longest phrase wins, a negated one says nothing, and whoever asks for two values of an
attribute that a voice has once ("a man or a woman") asks for neither. What is left over are words to look for.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from antiphon.voices.words import content_words

ATTRIBUTES = ("gender", "age", "timbre", "style", "emotion", "dialect", "language")
SINGLE = ("gender", "age", "emotion", "dialect", "language")  # a voice has one of each, and may have several others

# value: English words and phrases | Chinese ones
LEXICON: dict[str, dict[str, str]] = {
    "gender": {
        "male": "male man men man's masculine boy boy's gentleman guy lad grandfather grandpa"
        " | 男 男性 男人 男声 男生 男孩 爷爷 大叔 老头 先生 小伙子",
        "female": "female woman women woman's feminine girl girl's lady grandmother grandma"
        " | 女 女性 女人 女声 女生 女孩 奶奶 阿姨 姑娘 女士 少女",
    },
    "age": {
        "child": "child child's children childlike kid boy boy's girl girl's | 儿童 小孩 孩子 童声 男孩 女孩",
        "young": "young youthful teenage teenager lad | 年轻 青年 青春 少年 少女 小伙子 姑娘",
        "adult": "adult middle-aged middle_aged mature | 成年 中年 成熟 大叔 阿姨",
        "old": "old elderly aged senior ancient grandfather grandpa grandmother grandma"
        " | 老 老年 老人 年老 年迈 苍老 爷爷 奶奶 老头",
    },
    "timbre": {
        "deep": "deep low low-pitched bass | 低沉 浑厚 深沉 低音",
        "high": "high high-pitched shrill squeaky | 高亢 尖细 尖锐 高音",
        "warm": "warm mellow rich velvety | 温暖 醇厚",
        "bright": "bright clear crisp | 明亮 清亮 清脆 清晰",
        "hoarse": "hoarse husky raspy rough gravelly gruff | 沙哑 嘶哑 粗哑 粗犷 烟嗓",
        "soft": "soft gentle silky | 柔和 温柔 轻柔",
        "breathy": "breathy airy | 气声 气息声",
        "nasal": "nasal | 鼻音",
        "sweet": "sweet cute | 甜美 甜 可爱",
    },
    "style": {
        "whisper": "whisper whispers whispering whispered | 耳语 低语 悄悄话",
        "fast": "fast quick rapid hurried | 快 快速 急促 语速快",
        "slow": "slow slowly unhurried | 慢 缓慢 慢速 语速慢",
        "news": "news newsreader newscaster anchor anchorman | 新闻 播音 主播 主持人",
        "story": "storyteller storytelling narrator narrating | 讲故事 旁白 说书",
        "formal": "formal official | 正式 严肃",
        "casual": "casual conversational relaxed | 随意 口语 轻松",
    },
    "emotion": {
        "happy": "happy cheerful joyful merry glad | 高兴 开心 快乐 愉快 欢快",
        "sad": "sad sorrowful melancholy mournful unhappy | 悲伤 伤心 难过 忧伤 不高兴 不开心",
        "angry": "angry furious enraged mad | 生气 愤怒 恼怒 发怒",
        "calm": "calm peaceful composed | 平静 冷静 沉稳 平和",
        "excited": "excited enthusiastic thrilled | 激动 兴奋",
        "fearful": "fearful afraid scared frightened anxious | 害怕 恐惧 惊恐 焦虑",
        "surprised": "surprised astonished amazed | 惊讶 惊奇",
        "neutral": "neutral emotionless | 中性 中立 无感情",
    },
    "dialect": {
        "mandarin": "mandarin putonghua | 普通话 国语",
        "cantonese": "cantonese | 粤语 广东话 白话",
        "sichuan": "sichuan sichuanese | 四川 四川话",
        "shanghai": "shanghai shanghainese | 上海话 上海",
        "northeastern": "northeastern dongbei | 东北 东北话",
        "henan": "henan | 河南 河南话",
        "british": "british english_accent | 英式 英国口音",
        "american": "american | 美式 美国口音",
        "scottish": "scottish scots | 苏格兰",
        "irish": "irish | 爱尔兰",
        "indian": "indian | 印度口音",
        "australian": "australian aussie | 澳洲 澳大利亚",
    },
    "language": {
        "en": "english | 英语 英文",
        "zh": "chinese | 中文 汉语 华语",
        "ja": "japanese | 日语 日文",
        "ko": "korean | 韩语",
        "fr": "french | 法语",
        "de": "german | 德语",
        "es": "spanish | 西班牙语",
        "ru": "russian | 俄语",
    },
}
NEGATED = re.compile(r"(?:\b(?:not|no|non|without|never|isn't|less)[ -](?:an? |the |too |very |so )?|[不没非别无])$")


@dataclass(frozen=True)
class Wish:
    """What a text asks for: pairs of attribute and value, and the words that name none."""

    filters: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    named: tuple[tuple[str, str], ...]  # every pair that was named, contradictions too

    def all_values(self, attribute: str) -> set[str]:
        """All values of an attribute that the text names."""
        return {value for name, value in self.named if name == attribute}


def parse(text: str) -> Wish:
    """Read a description of a voice, in English, Chinese or both."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    named: list[tuple[str, str]] = []
    rest, end = [], 0
    for match in _phrases().finditer(text):
        rest.append(text[end : match.start()])
        end = match.end()
        if not NEGATED.search(text[: match.start()]):
            named += [pair for pair in _meanings()[match[0]] if pair not in named]
    rest.append(text[end:])
    count = {name: sum(pair[0] == name for pair in named) for name in ATTRIBUTES}
    wanted = [pair for pair in named if pair[0] not in SINGLE or count[pair[0]] == 1]
    wanted.sort(key=lambda pair: ATTRIBUTES.index(pair[0]))
    return Wish(tuple(wanted), content_words(" ".join(rest)), tuple(named))


@cache
def _meanings() -> dict[str, list[tuple[str, str]]]:
    """Every phrase of the lexicon to the attributes that it names; "grandfather" names two."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, values in LEXICON.items():
        for value, phrases in values.items():
            for phrase in phrases.replace("|", " ").split():
                found.setdefault(phrase.replace("_", " "), []).append((name, value))
    return found


@cache
def _phrases() -> re.Pattern[str]:
    """All phrases, the longest first; English ones as whole words."""
    ordered = sorted(_meanings(), key=lambda phrase: (-len(phrase), phrase))
    return re.compile("|".join(rf"\b{re.escape(p)}\b" if p.isascii() else re.escape(p) for p in ordered))
