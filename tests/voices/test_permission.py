"""No voice is imitated without a record; one record is enough, for that very file."""

from pathlib import Path

import pytest
import torch

from antiphon import Audio, InputError, load
from antiphon.voices.attributes import parse
from antiphon.voices.clips import read_clip
from antiphon.voices.consent import ConsentLog, ConsentRecord, now_utc
from antiphon.voices.library import Arrival, Library, described
from antiphon.voices.permission import SHIPPED, speak_as
from antiphon.voices.store import Store
from antiphon.weights.find import PRESETS

VOICE = PRESETS / "nano" / "voice.wav"


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording of somebody, and an empty library."""
    monkeypatch.setenv("ANTIPHON_VOICES", str(tmp_path / "voices"))
    path = tmp_path / "somebody.wav"
    Audio(Audio.read(VOICE).samples * 0.7, 24_000).write(path)
    return path


def test_nobody_is_imitated_without_a_record(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="consent to imitate 'somebody.wav' is unknown"):
        speak_as(clip)
    assert not (tmp_path / "voices").exists()  # asking leaves nothing behind
    with pytest.raises(InputError, match="is no ground for consent"):
        speak_as(clip, "because")
    with pytest.raises(InputError, match="is no ground"):
        speak_as(clip, "withdrawn")


def test_a_record_is_given_once_and_holds_for_the_file(clip: Path, tmp_path: Path) -> None:
    sound = speak_as(clip, "self")
    assert torch.equal(sound.samples, Audio.read(clip).samples)
    speak_as(clip)
    copy = tmp_path / "elsewhere.wav"
    copy.write_bytes(clip.read_bytes())
    speak_as(copy, "licensed")  # on record already: nothing is added
    store = Store(tmp_path / "voices")
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM consent").fetchone() == (1,)
    Audio(Audio.read(clip).samples * 0.5, 24_000).write(copy)
    with pytest.raises(InputError, match="unknown"):
        speak_as(copy)
    hash_ = read_clip(clip).hash
    ConsentLog(store).append(ConsentRecord(hash_, "withdrawn", now_utc()))
    for consent in ("", "self"):
        with pytest.raises(InputError, match="withdrawn"):
            speak_as(clip, consent)
    ConsentLog(store).append(ConsentRecord(hash_, "self", now_utc(), expires="2020-01-01"))
    with pytest.raises(InputError, match="expired"):
        speak_as(clip)
    speak_as(clip, "self")
    store.close()


def test_what_ships_bears_its_own_record(clip: Path) -> None:
    assert read_clip(VOICE).hash in SHIPPED
    speak_as(VOICE)


def test_voices_of_the_library_go_by_name_and_by_their_own_record(clip: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "voices", "net")
    recording = read_clip(clip)
    fields = {"name": "salt", "attributes": {k: [v] for k, v in parse("an old sailor").filters}}
    entry = described(recording, fields)
    library.add([Arrival(recording, entry, torch.ones(4).numpy())])
    library.store.close()
    with pytest.raises(InputError, match="consent to imitate 'salt' is unknown"):
        speak_as("salt")
    with pytest.raises(InputError, match="there is no voice called"):
        speak_as("nobody")
    assert speak_as(entry.voice_id, "synthetic").num_samples == speak_as("salt").num_samples
    with pytest.raises(InputError, match="could not be opened"):
        speak_as("../voices/salt")


def test_a_session_and_the_commands_ask_for_it(clip: Path) -> None:
    model = load("nano")
    with pytest.raises(InputError, match="unknown"):
        model.session(voice=clip)
    model.session(voice=clip, consent="self")
    model.session(voice=str(clip))
    other = clip.with_name("other.wav")
    Audio(Audio.read(clip).samples * 0.5, 24_000).write(other)
    with pytest.raises(InputError, match="unknown"):
        model.speak("the sky is blue.", voice=other)
