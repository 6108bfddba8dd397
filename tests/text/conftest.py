"""The golden cases of the language-model side, and tokenizers with the released ids."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from antiphon.text.layout import OFFICIAL
from antiphon.text.tokenizer import Tokenizer, byte_tokenizer, train_bpe

# the same examples on every run, however busy the machine is
settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("steady")

GOLDEN = Path(__file__).parents[1] / "golden" / "language-model"


def read_golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def official() -> Tokenizer:
    """One token a byte, control and speech tokens at the released ids."""
    return byte_tokenizer(OFFICIAL)


@pytest.fixture(scope="session")
def nano() -> Tokenizer:
    """A trained vocabulary with merges."""
    texts = ["what is the weather in london today", "turn on the light in the kitchen", "assistant\n\nhuman\n"]
    return train_bpe(texts * 4, 330, num_codes=729)
