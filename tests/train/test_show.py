"""Records looked at from the command line: what is learned, and every line that cannot be learned from."""

from pathlib import Path

import pytest

from antiphon.train.records import Heard, Spoken, write_records
from antiphon.train.tasks import make
from tests.cli.conftest import Run as Command
from tests.cli.conftest import antiphon  # noqa: F401
from tests.train import corpus


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records that are right, and beside them some of which two are wrong."""
    folder = tmp_path_factory.mktemp("shown")
    corpus.write_sounds(folder / "corpus")
    good = [
        make("tts", "read", "yes", Spoken(text="yes", codes=tuple(range(8)))),
        make("asr", "heard", Heard(audio="heard/00000:1", said="paris"), "paris"),
    ]
    write_records(folder / "good.jsonl", good)
    lost = make("asr", "lost", Heard(audio="heard/00000:99", said="paris"), "paris")
    write_records(folder / "bad.jsonl", [good[0], lost, good[1], make("asr", "deaf", "yes", "no")])
    return folder


def test_the_mask_in_brackets(antiphon: Command, records: Path) -> None:  # noqa: F811
    ran = antiphon("data", "show", records / "good.jsonl", "--no-colour")
    assert ran.status == 0, ran.err
    assert "read (tts" in ran.out and "[speech: 0 1 2 3]" in ran.out and "heard (asr" in ran.out
    assert "[text: paris<|EOT|>]" in ran.out and "\x1b[" not in ran.out
    one = antiphon("data", "show", records / "good.jsonl", "--first", 1, "--count", 1, "--colour")
    assert one.status == 0 and "read (tts" not in one.out and "\x1b[" in one.out


def test_what_cannot_be_learned_from_is_named(antiphon: Command, records: Path) -> None:  # noqa: F811
    ran = antiphon("data", "show", records / "bad.jsonl", "--check")
    lines = ran.err.splitlines()
    assert ran.status == 2 and len(lines) == 2 and ran.out == ""
    assert "bad.jsonl:2: " in lines[0] and "missing" in lines[0] and "bad.jsonl:4: " in lines[1]
    assert antiphon("data", "show", records / "good.jsonl", "--check").out.strip().endswith("can be learned from.")
