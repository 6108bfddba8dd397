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


@pytest.fixture(scope="module", autouse=True)
def small_numbers() -> Iterator[None]:
    """Training rounds the smallest floats to zero, for the whole process; the next tests shall not know of it."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def golden_lm() -> Path:
    """Outputs of the released language-model side at a tiny random size."""
    return GOLDEN / "language-model"


@pytest.fixture(scope="session")
def golden_voice() -> Path:
    """Outputs of the released voice (flow, vocoder, tokenizer) at a tiny random size."""
    return GOLDEN / "token2wav"


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random weights in the released layout, small in every direction, with a voice."""
    from dataclasses import replace

    from tests import random_folder

    sizes = random_folder.config(scale=8, layers=1)
    assert sizes.voice is not None
    quick = replace(sizes, voice=replace(sizes.voice, flow=replace(sizes.voice.flow, num_steps=2)))
    folder = tmp_path_factory.mktemp("random") / "model"
    made: Path = random_folder.make(folder, quick)
    return made


@pytest.fixture(scope="session")
def nano() -> Path:
    """The nano that ships with the package."""
    from antiphon.weights.find import PRESETS

    assert (PRESETS / "nano" / "nano.json").exists(), "nano's weights are part of the package"
    return PRESETS / "nano"
