"""The mark is found where it is, after what happens to recordings, and nowhere else."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from antiphon.audio.wave import Audio
from antiphon.marking.detect import DOUBTFUL, PRESENT, detect
from antiphon.marking.key import PUBLISHED, Key
from antiphon.marking.mark import mark

RATE = 24_000
OTHERS = [Key(b"somebody else %d" % number) for number in range(8)]


def audio(wave: np.ndarray, rate: int = RATE) -> Audio:
    return Audio(torch.from_numpy(np.asarray(wave, np.float32))[None], rate)


def through_file(wave: np.ndarray, kind: str, subtype: str) -> np.ndarray:
    held = io.BytesIO()
    soundfile.write(held, wave, RATE, format=kind, subtype=subtype)
    return np.asarray(soundfile.read(io.BytesIO(held.getvalue()), dtype="float32")[0])


def at(rate: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda wave: audio(wave).at(rate).at(RATE).samples[0].numpy()


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda wave: wave,
    "16 kHz": at(16_000),
    "8 kHz": at(8_000),
    "44.1 kHz": at(44_100),
    "3 s from somewhere": lambda wave: wave[5_111 : 5_111 + 3 * RATE],
    "softer": lambda wave: wave * 0.05,
    "16 bits": lambda wave: np.round(wave * 32768) / 32768,
    "mp3": lambda wave: through_file(wave, "MP3", "MPEG_LAYER_III"),
    "vorbis": lambda wave: through_file(wave, "OGG", "VORBIS"),
    "opus": lambda wave: through_file(wave, "OGG", "OPUS"),
    "opus, 3 s": lambda wave: through_file(wave, "OGG", "OPUS")[3_333 : 3_333 + 3 * RATE],
}


@pytest.mark.parametrize("change", CHANGES)
def test_found_after(change: str, speech: np.ndarray) -> None:
    found = detect(audio(CHANGES[change](mark(speech)[0])))
    assert found.verdict == "present" and found.score >= PRESENT and found.key == PUBLISHED.id
    unmarked = detect(audio(CHANGES[change](speech)))
    assert unmarked.verdict == "not found" and unmarked.score < DOUBTFUL


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the Debian package ffmpeg is not installed")
@pytest.mark.parametrize("codec", ["-c:a libmp3lame -b:a 64k .mp3", "-c:a libopus -b:a 32k .opus"])
def test_found_after_the_codecs_of_the_world(codec: str, speech: np.ndarray, tmp_path: Path) -> None:
    *options, ending = codec.split()
    audio(mark(speech)[0]).write(tmp_path / "marked.wav")
    coded, back = tmp_path / f"coded{ending}", tmp_path / "back.wav"
    run = ["ffmpeg", "-v", "error", "-y", "-i"]
    subprocess.run([*run, tmp_path / "marked.wav", *options, coded], check=True)
    subprocess.run([*run, coded, back], check=True)
    whole = Audio.read(back)
    assert detect(whole).verdict == "present"
    assert detect(whole.cut(3.0)).verdict == "present"


def test_another_key_finds_nothing_and_the_right_one_is_named(speech: np.ndarray) -> None:
    marked = audio(mark(speech, key=OTHERS[0])[0])
    assert detect(marked).verdict == "not found"
    found = detect(marked, OTHERS)
    assert found.verdict == "present" and found.key == OTHERS[0].id and found.threshold > PRESENT
    assert detect(marked, OTHERS[1:]).verdict == "not found"


def test_an_utterance_within_a_long_recording_is_found(speech: np.ndarray) -> None:
    parts = [speech] * 6 + [mark(speech)[0], np.zeros(7_777, np.float32), mark(speech)[0]] + [speech] * 6
    found = detect(audio(np.concatenate(parts)))
    assert found.verdict == "present" and found.threshold > PRESENT
    assert 12 <= found.begin_s <= 30 and found.duration_s > 45
    assert detect(audio(np.concatenate([speech] * 14))).verdict == "not found"


def test_too_little_is_inconclusive(speech: np.ndarray) -> None:
    assert detect(audio(speech[:RATE])).verdict == "inconclusive"
    assert detect(audio(np.zeros(5 * RATE))).verdict == "inconclusive"
    assert detect(audio(np.zeros(1))).verdict == "inconclusive"


def test_a_change_of_speed_is_a_limit_that_is_told(speech: np.ndarray) -> None:
    faster = audio(mark(speech)[0], 25_000).at(RATE)
    assert detect(faster).verdict == "not found"


def test_scores_of_other_keys_are_those_of_chance(speech: np.ndarray) -> None:
    scores = [detect(audio(speech), [Key(b"a key of chance %d" % n)]).score for n in range(60)]
    assert max(scores) < DOUBTFUL and 2.0 < float(np.mean(scores)) < 3.2  # the largest of 192 phases
