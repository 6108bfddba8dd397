"""One `antiphon serve` with nano for all tests of the server, and a model without sense for those of the gate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

from antiphon.runtime.model import Model, load  # noqa: E402

from .running import Running, nano_server, running  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """nano behind a socket; nobody needs a key."""
    with nano_server() as (found, _):
        yield found


@pytest.fixture(scope="session")
def model(random_model: Path) -> Model:
    """A small model of random weights."""
    return load(random_model)


@pytest.fixture(scope="module")
def gate(model: Model) -> Iterator[Running]:
    """A server around it, with small bounds."""
    with running(model, max_body=1 << 20, max_heard_s=5.0, receive_timeout_s=1.0) as found:
        yield found


@pytest.fixture(scope="session")
def question(nano: Path) -> bytes:
    """A recorded question as the bytes of a WAV file."""
    return (nano / "question.wav").read_bytes()
