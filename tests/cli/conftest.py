"""Running commands in this process: arguments in, exit status and what was printed out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from antiphon.cli.main import main
from antiphon.voices.permission import speak_as

Run = Callable[..., "Ran"]


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


@pytest.fixture
def antiphon(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line with these arguments."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["antiphon", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        printed = capfd.readouterr()
        return Ran(status, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def question(tmp_path_factory: pytest.TempPathFactory, own_library: None) -> Path:
    """A recording to ask with: quiet noise."""
    from tests.runtime.conftest import noise

    path = tmp_path_factory.mktemp("sound") / "question.wav"
    noise(1.0).write(path)
    speak_as(path, consent="synthetic")  # it is a voice to speak with, too
    return path


@pytest.fixture(scope="session", autouse=True)
def own_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A library of voices that is nobody's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_VOICES", str(tmp_path_factory.mktemp("voices") / "library"))
        yield
