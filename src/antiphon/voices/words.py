"""Words for the full-text index: English ones as they are, Chinese as pairs of characters.

SQLite's tokenizer takes a run of Han characters for one word. So they are written a second time, as overlapping pairs
with the last character alone ("老水手" -> "老水 水手 手"), and asked for in the same way.
"""

import re

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 16  # of one question

STOP = frozenset(
    "a an the of and or in on at to with for from by as is are be it its this that i me my you your he his she her him"
    " we they s t not no without please speak speaks speaking talk talks talking say says sound sounds sounding like"
    " voice voices voiced someone somebody person people speaker who whose which want give find search switch change"
    " use using very quite rather really somewhat bit little more some any one tone accent".split()
)
STOP_HAN = re.compile(
    "声音|嗓音|说话|语气|音色|口音|一个|一位|一样|那样|似的|请|换成|切换|使用|帮我|我要|找|[的用像说地得了把吧很有点和不]"
)


def content_words(text: str) -> tuple[str, ...]:
    """What is worth looking for in a lower-case text: words and pairs of Han characters, each once."""
    han = [pair for run in HAN.findall(STOP_HAN.sub(" ", text)) for pair in pairs(run, for_asking=True)]
    latin = [word for word in WORD.findall(HAN.sub(" ", text)) if word not in STOP]
    return tuple(dict.fromkeys(latin + han))[:MOST_WORDS]


def pairs(run: str, for_asking: bool = False) -> list[str]:
    """Overlapping pairs of a run of characters; the index also gets the last character alone."""
    found = [run[i : i + 2] for i in range(len(run) - 1)]
    return found if for_asking and found else [*found, run[-1]]


def han_column(text: str) -> str:
    """The Han part of a text as the index stores it."""
    return " ".join(pair for run in HAN.findall(text) for pair in pairs(run))


def match_any(words: tuple[str, ...]) -> str:
    """An FTS5 expression for any of the words; each is quoted, so none is syntax."""
    return " OR ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    text = '"' + word.replace('"', '""') + '"'
    return text + "*" if len(word) == 1 and HAN.fullmatch(word) else text
