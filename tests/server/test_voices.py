"""Voices over the wire: none without a consent, changed in mid-conversation where there are any."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon import Audio, Model
from antiphon.server.cast import Cast
from antiphon.server.protocol.refusal import Refusal
from antiphon.voices.library import Library
from tests.runtime.conftest import noise

from .running import Running, running

SPEECH, VOICES = "/v1/audio/speech", "/v1/audio/voices"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices") / "library"


@pytest.fixture(scope="module")
def stage(model: Model, folder: Path) -> Iterator[Running]:
    """A server that keeps voices, around a model of random weights."""
    with running(model, voices=folder) as found:
        yield found


def sample(tmp_path: Path, seconds: float = 1.0, seed: int = 0) -> bytes:
    path = tmp_path / "sample.wav"
    noise(seconds, seed).write(path)
    return path.read_bytes()


def test_a_voice_is_taken_in_with_a_consent_and_never_without(stage: Running, folder: Path, tmp_path: Path) -> None:
    data = sample(tmp_path)
    refused = stage.upload(VOICES, data, name="salt")
    assert refused.status == 403 and refused.error["code"] == "consent_missing"
    assert stage.upload(VOICES, data, name="salt", consent="withdrawn").status == 403
    assert stage.ask("GET", VOICES).json["voices"] == ["default"]
    taken = stage.upload(VOICES, data, name="salt", consent="self", description="an old man")
    assert taken.status == 200 and taken.json["name"] == "salt"
    assert stage.ask("GET", VOICES).json["voices"] == ["default", "salt"]
    library = Library(folder)
    entry = library.entry("salt")
    assert library.consent_state(entry) == "self" and dict(entry.attributes)["age"] == ("old",)
    library.consent("salt", "withdrawn")
    library.store.close()
    assert stage.ask("GET", VOICES).json["voices"] == ["default"]
    for asked in ("salt", {"id": entry.voice_id}):
        no = stage.post(SPEECH, model="m", input="hello.", voice=asked, response_format="pcm")
        assert no.status == 403 and no.error["code"] == "consent_missing"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\u202eb", "x" * 10_000, "a/b"])
def test_names_that_are_none(stage: Running, tmp_path: Path, name: str) -> None:
    got = stage.upload(VOICES, sample(tmp_path, 1.5, 3), name=name, consent="self")
    assert got.status == 400 and "/tmp" not in got.error["message"]


def test_what_is_no_recording_is_refused(stage: Running, tmp_path: Path) -> None:
    for data in (b"", b"no sound", sample(tmp_path, 0.2)):
        got = stage.upload(VOICES, data, name="x", consent="self")
        assert got.status == 400 and ".sound" not in got.error["message"]
    assert stage.upload(VOICES, None, name="x", consent="self").status == 400


def test_the_cast_finds_whom_it_may_speak_as(model: Model, tmp_path: Path) -> None:
    assert Cast(model).find("anybody") is None and not Cast(model).may_change
    cast = Cast(model, tmp_path / "library")
    assert cast.find("nova") is None and cast.may_change
    card = cast.add(sample(tmp_path), {"name": "salt", "consent": "synthetic"}, "test")
    for name in ("salt", card.id):
        found = cast.find(name)
        assert isinstance(found, Audio) and found.duration_s == 1.0
    assert cast.find("default") is None and cast.find("nova") is None
    with pytest.raises(Refusal, match="keeps no voices"):
        Cast(model).add(b"", {"consent": "self"}, "test")
