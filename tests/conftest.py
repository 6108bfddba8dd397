"""What every test stands on: checked shapes and types, one thread, and the golden vectors."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

hook = install_import_hook("antiphon", "beartype.beartype")  # every annotated argument and result, axes included
hook.__enter__()

import pytest  # noqa: E402
import torch  # noqa: E402

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Results to the bit do not depend on how work is shared out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def golden_lm() -> Path:
    """Outputs of the released language-model side at a tiny random size."""
    return GOLDEN / "language-model"


@pytest.fixture(scope="session")
def golden_voice() -> Path:
    """Outputs of the released voice (flow, vocoder, tokenizer) at a tiny random size."""
    return GOLDEN / "token2wav"
