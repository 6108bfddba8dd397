"""The starter library: made by engines that are here, brought in, found by words, and free to be imitated."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from antiphon.voices.library import Library
from antiphon.voices.manifest import import_voices
from antiphon.voices.permission import from_library
from antiphon.voices.speaker import Ears
from recipes import voices


def test_every_voice_says_of_itself_what_can_be_found() -> None:
    assert len({one.name for one in voices.VOICES}) == len(voices.VOICES) >= 10
    assert all(voices.parse(one.description).filters for one in voices.VOICES)


@pytest.mark.slow
def test_it_is_made_and_brought_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [one for one in voices.VOICES if one.engine == "espeak"][:3]
    if voices.made(few[0]) is None:
        pytest.skip("espeak-ng is not installed")
    monkeypatch.setattr(voices, "VOICES", (*few, replace(few[0], name="again")))
    assert voices.write(tmp_path) == 4
    lines = [json.loads(line) for line in (tmp_path / "voices.jsonl").read_text().splitlines()]
    assert lines[0]["attributes"]["language"] == ["en"] and lines[0]["source"].startswith("espeak")
    ears, told = Ears("nano"), list[str]()
    library = Library(tmp_path / "library", ears.net)
    tally = import_voices(library, tmp_path / "voices.jsonl", ears, "synthetic", told.append)
    assert tally.new == 3 and tally.refused == 1 and "again" not in str(library.store.ids())
    (found,) = library.search("a furious man", k=1)
    assert found.name == "Captain" and found.consent == "synthetic"
    library.store.close()
    assert from_library("Captain", folder=tmp_path / "library").duration_s > 1
