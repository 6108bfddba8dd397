"""A larger nano says at first what the smaller one said."""

from pathlib import Path

import pytest
import torch

import antiphon
from antiphon.audio.wave import Audio
from antiphon.train.options import PRESETS
from recipes.nano import grow

QUESTION = PRESETS / "nano" / "question.wav"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("grown") / "nano"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grow, "CONVERSATIONS", 30)
        grow.grow("nano", target, words=1300, layers=6)
    return target


def test_it_hears_what_the_smaller_one_hears(grown: Path) -> None:
    small, large = antiphon.load("nano"), antiphon.load(str(grown))
    mel = torch.randn(1, 128, 100, generator=torch.Generator().manual_seed(0))
    assert large.parts.lm.config.encoder.num_layers == 6
    torch.testing.assert_close(large.parts.lm.hear(mel), small.parts.lm.hear(mel), rtol=0, atol=0)
    assert large.parts.layout.vocab_size == small.parts.layout.vocab_size + 20


def test_it_answers_what_the_smaller_one_answers(grown: Path) -> None:
    question = Audio.read(QUESTION)
    said = [[event for event in antiphon.load(str(name)).session().reply(question, speech=False)][-1].text
            for name in ("nano", grown)]  # fmt: skip
    assert said[0] == said[1] and "paris" in said[0]


def test_new_words_stand_where_their_pieces_stood(grown: Path) -> None:
    small, large = antiphon.load("nano").parts, antiphon.load(str(grown)).parts
    word = next(symbol for symbol, i in large.tokenizer.base.items() if i == 1280)
    pieces = small.tokenizer.encode(large.tokenizer.decode([large.tokenizer.base[word]]))
    before, after = small.lm.model.embed_tokens.weight, large.lm.model.embed_tokens.weight
    assert len(pieces) == 2  # the first merge joins two
    torch.testing.assert_close(after[1280], before[pieces].mean(0))
    torch.testing.assert_close(after[1300:], before[1280:])
