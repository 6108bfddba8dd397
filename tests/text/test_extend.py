"""A vocabulary grows: new words become one token, old ones stay what they were, and nothing is lost."""

import pytest

from antiphon.errors import InputError
from antiphon.text.extend import further_merges
from antiphon.text.tokenizer import Tokenizer
from antiphon.train.options import PRESETS

OLD = ("what is the capital of france?", "forty two plus seven is forty nine.", "请记录下你所听到的语音内容。")
NEW = ("thunder and applause in a restaurant", "thunder in a restaurant", "请", "问", "问", "请")


@pytest.fixture(scope="module")
def before() -> Tokenizer:
    return Tokenizer.load(PRESETS / "nano")


@pytest.fixture(scope="module")
def after(before: Tokenizer) -> Tokenizer:
    return before.extended(further_merges(before, NEW, len(before.base) + 40))


def test_what_was_known_stays(before: Tokenizer, after: Tokenizer) -> None:
    for text in OLD:
        assert after.encode(text) == before.encode(text)
    assert list(after.base)[: len(before.base)] == list(before.base)


def test_what_is_said_often_becomes_one_token(before: Tokenizer, after: Tokenizer) -> None:
    for word in ("thunder", " restaurant", "问"):
        assert len(before.encode(word)) > 1
        assert len(after.encode(word)) == 1
    assert len(after.encode(" applause")) == len(before.encode(" applause"))  # said once
    for text in (*OLD, *NEW, "wholly 未知 unknown"):
        assert after.decode(after.encode(text)) == text


def test_control_and_speech_tokens_move_up(before: Tokenizer, after: Tokenizer) -> None:
    more = len(after.base) - len(before.base)
    assert more > 0
    old, new = before.layout(), after.layout()
    assert (new.pad, new.eot, new.first_audio) == (old.pad + more, old.eot + more, old.first_audio + more)
    assert new.num_codes == old.num_codes and new.vocab_size == old.vocab_size + more


def test_it_is_saved_and_read(after: Tokenizer, tmp_path: object) -> None:
    after.save(str(tmp_path))
    again = Tokenizer.load(str(tmp_path))
    assert again.base == after.base and again.added == after.added
    assert all(again.encode(text) == after.encode(text) for text in (*OLD, *NEW))


def test_fewer_words_than_there_are(before: Tokenizer) -> None:
    with pytest.raises(InputError, match="ask for more"):
        further_merges(before, NEW, 300)
