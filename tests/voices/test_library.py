"""The library as its users see it: clips in, voices found, nobody imitated without consent."""

import json
from pathlib import Path

import numpy as np
import pytest

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.voices.clips import read_clip
from antiphon.voices.library import Arrival, Library, described
from antiphon.voices.manifest import import_voices
from antiphon.voices.speaker import Ears
from tests.cli.conftest import Run
from tests.cli.conftest import antiphon as antiphon
from tests.runtime.conftest import noise


def clip_file(folder: Path, number: int) -> Path:
    """A recording that is like no other: noise, louder or softer."""
    path = folder / f"clip{number}.wav"
    Audio(noise(0.6).samples * (1 - number / 100), 16_000).write(path)
    return path


def arrival(folder: Path, number: int, **fields: object) -> Arrival:
    clip = read_clip(clip_file(folder, number))
    vector = np.random.default_rng([9, number]).normal(size=8).astype(np.float32)
    return Arrival(clip, described(clip, {"id": f"v{number}", "name": f"Voice {number}", **fields}), vector)


@pytest.fixture
def shelf(tmp_path: Path) -> Library:
    library = Library(tmp_path / "library", net="test")
    told = [
        {"description": "a gruff sea captain", "attributes": {"gender": "male", "age": "old", "emotion": "angry"}},
        {"description": "a teacher", "attributes": {"gender": "female", "age": "young", "timbre": ["soft", "warm"]}},
        {"description": "a teacher, too", "attributes": {"gender": "female", "age": "old"}, "speaker": "anna"},
        {"description": "teacher once more", "attributes": {"gender": "female", "age": "old"}, "speaker": "anna"},
        {"description": "老水手", "attributes": {"gender": "male", "age": "old", "language": "zh"}},
    ]
    library.add([arrival(tmp_path, number, **fields) for number, fields in enumerate(told)])
    return library


def test_words_find_the_best_first_and_say_why(shelf: Library) -> None:
    best = shelf.search("an angry old man, a captain")[0]
    assert best.voice_id == "v0" and best.score == 1.0 and best.consent == "unknown"
    assert best.why == ("gender: male", "age: old", "emotion: angry", "words: captain") and best.clip.exists()
    assert [found.voice_id for found in shelf.search("温柔的年轻女声", k=1)] == ["v1"]
    assert shelf.search("水手的声音")[0].voice_id == "v4"


def test_attributes_are_given_up_one_by_one(shelf: Library) -> None:
    found = shelf.search("a whispering angry old captain", k=3)
    assert found[0].voice_id == "v0" and found[0].score == pytest.approx(3 / 4)
    assert "not style: whisper" in found[0].why
    assert [voice.score for voice in found] == sorted((voice.score for voice in found), reverse=True)
    kept = shelf.search("angry", filters=[("gender", "female")], k=5)  # what is demanded is never given up
    assert all(voice.voice_id in ("v1", "v2", "v3") for voice in kept)


def test_each_speaker_is_one_result(shelf: Library, tmp_path: Path) -> None:
    assert {voice.voice_id for voice in shelf.search("teacher", k=5)} in ({"v1", "v2"}, {"v1", "v3"})
    query = arrival(tmp_path, 3).vector
    found = shelf.alike(query, k=5)
    assert found[0].voice_id == "v3" and found[0].score == pytest.approx(1.0) and len(found) == 4
    assert [voice.voice_id for voice in shelf.alike(query, [("language", "zh")])] == ["v4"]


def test_what_is_nowhere_is_not_found(shelf: Library) -> None:
    assert shelf.search("zebra quartz") == [] and shelf.search("the voice of a") == []
    assert len(shelf.search(k=20)) == 4  # nothing asked: everybody, a speaker once
    for wrong in (("x" * 401, 3), ("old", 0), ("old", 21)):
        with pytest.raises(InputError):
            shelf.search(wrong[0], k=wrong[1])
    with pytest.raises(InputError, match="speaker net"):
        Library(shelf.folder, net="another").alike(np.ones(8, np.float32))


def test_nobody_is_imitated_without_consent(shelf: Library) -> None:
    with pytest.raises(InputError, match="unknown"):
        shelf.clip_to_imitate("v0")
    shelf.consent("v0", "self")
    assert shelf.clip_to_imitate("v0").exists()
    shelf.consent("v0", "withdrawn")
    with pytest.raises(InputError, match="withdrawn"):
        shelf.clip_to_imitate("Voice 0")


def test_consent_is_recorded_once_a_clip(shelf: Library, tmp_path: Path) -> None:
    again = arrival(tmp_path, 4, name="Renamed")
    assert shelf.add([again], consent="synthetic") == ["v4"] and shelf.add([again], consent="synthetic") == []
    with shelf.store.reading() as db:
        assert db.execute("SELECT count(*) FROM consent").fetchone() == (1,)
    with pytest.raises(InputError, match="no ground"):
        shelf.add([arrival(tmp_path, 5)], consent="surely")
    assert "v5" not in shelf.store.ids()


def test_what_is_removed_is_gone(shelf: Library) -> None:
    clip = shelf.clip_path(shelf.entry("v1"))
    shelf.remove(["v1"])
    assert not clip.exists() and "v1" not in {voice.voice_id for voice in shelf.search(k=20)}
    with pytest.raises(InputError, match="no voice"):
        shelf.entry("v1")
    assert shelf.verify() == []


def test_verify_sees_a_changed_clip(shelf: Library) -> None:
    clip = shelf.clip_path(shelf.entry("v2"))
    clip.write_bytes(clip.read_bytes()[:-1] + b"\x01")
    assert shelf.verify() == [f"the clip {clip.name} is missing or changed"]


def test_a_manifest_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "others"
    folder.mkdir()
    for number in range(4):
        clip_file(folder, number)
    outside = clip_file(tmp_path, 9)
    (folder / "link.wav").symlink_to(outside)
    (folder / "poison.wav").write_bytes(b"\x80\x04cos\nsystem\n")
    lines: list[object] = [
        {"clip": "clip0.wav", "name": "Good"},
        {"clip": "clip0.wav", "name": "Again"},
        {"clip": "../clip9.wav", "name": "Outside"},
        {"clip": str(outside), "name": "Outside"},
        {"clip": "link.wav", "name": "Link"},
        {"clip": "poison.wav", "name": "Poison"},
        {"clip": "clip1.wav", "name": "Wrong", "sha256": "0" * 64},
        {"clip": "clip1.wav", "name": "Says more", "consent": "self"},
        {"clip": "clip1.wav", "name": "../up"},
        {"clip": "clip1.wav", "name": 5},
        {"clip": "clip1.wav", "name": "List", "attributes": ["old"]},
        {"clip": "\x00", "name": "Null"},
        {"name": "No clip"},
        [1, 2],
        {"clip": "clip2.wav", "name": "Good too", "attributes": {"age": "old"}},
    ]
    manifest = folder / "voices.jsonl"
    text = "\n".join(map(json.dumps, lines)) + "\n" + "[" * 9000 + "\n" + "x" * 40_000 + "\n{broken\n"
    manifest.write_text(text + json.dumps({"clip": "clip3.wav", "name": "Last"}), encoding="utf-8")
    ears, refused = Ears("nano"), list[str]()
    library = Library(tmp_path / "library", ears.net)
    tally = import_voices(library, manifest, ears, refuse=refused.append)
    assert [entry.name for entry in library.store.entries(library.store.ids()).values()] == ["Good", "Good too", "Last"]
    assert (tally.new, tally.known, tally.refused) == (3, 0, len(lines) - 2 + 3) == (3, 0, len(refused))
    assert all(line.startswith(f"{manifest}:") for line in refused)
    assert not any(library.consents.latest(entry.clip) for entry in library.store.entries(library.store.ids()).values())
    again = import_voices(library, manifest, ears)
    assert (again.new, again.known) == (0, 3) and library.verify() == []


def test_the_command_line(tmp_path: Path, nano: Path, antiphon: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_VOICES", str(tmp_path / "shelf"))
    assert antiphon("voices", "search", "old").status == 2
    clip, other = nano / "voice.wav", clip_file(tmp_path, 1)
    told = ("--name", "Nan", "--description", "a calm young woman")
    added = antiphon("voices", "add", clip, *told, "--consent", "synthetic")
    assert added.status == 0 and "consent synthetic" in added.out, added.err
    assert antiphon("voices", "add", other, "-a", "age=old", "--description", "a sailor").status == 0
    found = antiphon("voices", "search", "an old sailor", "--json").out.splitlines()
    assert json.loads(found[0])["name"] == "clip1" and json.loads(found[0])["consent"] == "unknown"
    assert "Nan" in antiphon("voices", "search", "--like", clip, "-k", "1").out
    shown = json.loads(antiphon("voices", "show", "Nan").out)
    assert shown["attributes"] == {"age": ["young"], "emotion": ["calm"], "gender": ["female"]}
    assert json.loads(antiphon("voices", "show").out)["attributes"]["age"] == {"old": 1, "young": 1}
    assert antiphon("voices", "play", "Nan", "-o", tmp_path / "out.wav").status == 0
    assert Audio.read(tmp_path / "out.wav").rate == Audio.read(clip).rate
    assert "withdrawn" in antiphon("voices", "consent", "Nan", "withdrawn").out
    assert antiphon("voices", "verify").status == 0 and antiphon("voices", "remove", "Nan").status == 0
    wrong = [("show", "Nan"), ("search", "x", "--like", clip), ("search", "-a", "size=9"), ("add", tmp_path)]
    for arguments in [*wrong, ("add", "no.wav"), ("search", "x" * 500), ("consent", "clip1", "because")]:
        ran = antiphon("voices", *arguments)
        assert ran.status == 2 and ran.err.count("\n") == 1 and ran.err.startswith("antiphon: "), ran.err
    (tmp_path / "shelf/voices.sqlite").write_bytes(b"no database" * 1000)
    ran = antiphon("voices", "search", "old")
    assert ran.status == 2 and ran.err.count("\n") == 1


def test_nearly_the_same_recording_is_named(tmp_path: Path) -> None:
    ears, told = Ears("nano"), list[str]()
    lines = []
    for number, gain in enumerate((1.0, 0.9999)):
        Audio(noise(0.8).samples * gain, 16_000).write(tmp_path / f"{number}.wav")
        lines.append(json.dumps({"clip": f"{number}.wav", "name": f"N{number}", "id": f"n{number}"}))
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    library = Library(tmp_path / "library", ears.net)
    assert import_voices(library, tmp_path / "all.jsonl", ears, warn=told.append).new == 2
    assert len(told) == 1 and "'n1' sounds as 'n0' does" in told[0] and ":2:" in told[0]
    library.store.close()
    again = Library(tmp_path / "library", ears.net)
    Audio(noise(0.8).samples * 0.9998, 16_000).write(tmp_path / "2.wav")
    (tmp_path / "more.jsonl").write_text(json.dumps({"clip": "2.wav", "name": "N2", "id": "n2"}))
    import_voices(again, tmp_path / "more.jsonl", ears, warn=told.append)
    assert len(told) == 2 and "sounds as 'n" in told[1]
