"""Words about voices, English and Chinese."""

import pytest

from antiphon.voices.attributes import ATTRIBUTES, LEXICON, parse
from antiphon.voices.words import content_words, han_column, match_any

SAID = {
    "furious old man's voice like a sea rover": ("gender=male age=old emotion=angry", "sea rover"),
    "speak like an old sailor": ("age=old", "sailor"),
    "a WARM, deep voice": ("timbre=warm timbre=deep", ""),
    "a man or a woman, calm": ("emotion=calm", ""),
    "not angry, without a British accent": ("", ""),
    "not an old woman but a young one": ("gender=female age=young", "but"),
    "grandmother telling a story": ("gender=female age=old", "telling story"),
    "an unhappy kid": ("age=child emotion=sad", ""),
    "温柔的年轻女声": ("gender=female age=young timbre=soft", ""),
    "像一个生气的老水手一样说话": ("age=old emotion=angry", "水手"),
    "不高兴的男孩": ("gender=male age=child emotion=sad", ""),
    "不生气的四川话": ("dialect=sichuan", ""),
    "old 船长, please": ("age=old", "船长"),
    "manifold womanly oldest": ("", "manifold womanly oldest"),
    "": ("", ""),
}


@pytest.mark.parametrize("text", SAID)
def test_words_become_attributes_and_the_rest(text: str) -> None:
    wish, (filters, words) = parse(text), SAID[text]
    assert set(wish.filters) == {tuple(pair.split("=")) for pair in filters.split()}
    assert wish.words == tuple(words.split())


def test_the_lexicon_is_of_the_attributes_and_every_phrase_is_read() -> None:
    assert tuple(LEXICON) == ATTRIBUTES
    for name, values in LEXICON.items():
        for value, phrases in values.items():
            for phrase in phrases.replace("|", " ").split():
                assert (name, value) in parse(phrase.replace("_", " ")).named, phrase


def test_chinese_is_pairs_and_nothing_is_syntax() -> None:
    assert han_column("老水手 and 王") == "老水 水手 手 王"
    assert content_words("水手长") == ("水手", "手长")
    assert match_any(("水", "NEAR", "or")) == '"水"* OR "NEAR" OR "or"'
    assert len(content_words(" ".join(f"word{n}" for n in range(1000)))) == 16
