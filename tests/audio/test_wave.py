"""Reading and writing: what is good comes back to the bit, what is bad is one sentence, no half-written file."""

import io
import os
import struct
import sys
import threading
import wave as python_wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from antiphon.audio.wave import Audio, open_writer
from antiphon.errors import InputError


def pcm(channels: int = 1, n: int = 1000) -> torch.Tensor:
    ints = torch.randint(-32768, 32768, (channels, n), generator=torch.Generator().manual_seed(0))
    return ints.float() / 32768


def wav_bytes(samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> bytes:
    held = io.BytesIO()
    soundfile.write(held, samples, rate, format="WAV", subtype=subtype)
    return held.getvalue()


@pytest.mark.parametrize("name", ["a.wav", "a.WAV", "a.flac"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path, name: str, channels: int) -> None:
    sound = Audio(pcm(channels), 22_050)
    sound.write(tmp_path / name)
    back = Audio.read(tmp_path / name)
    assert back.rate == 22_050 and torch.equal(back.samples, sound.samples)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.ogg", "a.mp3"])
def test_lossy_files_hold_about_the_same(tmp_path: Path, name: str) -> None:
    tone = torch.sin(torch.arange(24_000) * 0.1)[None] * 0.5
    Audio(tone, 24_000).write(tmp_path / name)
    back = Audio.read((tmp_path / name).read_bytes())
    assert back.rate == 24_000 and abs(back.duration_s - 1.0) < 0.1
    assert float(back.samples.abs().max()) == pytest.approx(0.5, abs=0.05)


def test_bare_samples_go_there_and_back(tmp_path: Path) -> None:
    sound = Audio(pcm(2), 8000)
    sound.write(tmp_path / "a.raw")
    data = (tmp_path / "a.raw").read_bytes()
    assert data == sound.to_pcm16() and len(data) == 4000
    assert torch.equal(Audio.from_pcm16(data, 8000, channels=2).samples, sound.samples)
    with pytest.raises(InputError, match="whole frames"):
        Audio.from_pcm16(data[:-1], 8000, channels=2)


def test_the_model_hears_the_first_channel_and_the_voice_prompt_is_the_mean() -> None:
    sound = Audio(torch.stack([torch.ones(480), torch.zeros(480)]), 16_000)
    assert torch.equal(sound.heard, torch.ones(480))
    assert torch.equal(sound.mean().samples, torch.full((1, 480), 0.5))
    assert Audio(pcm(n=4800), 48_000).heard.shape == (1600,)
    assert sound.cut(0.01).num_samples == 160


def test_a_pipe_gets_a_header_of_unknown_length_that_players_accept(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    heard: list[bytes] = []

    def drain() -> None:
        with os.fdopen(read_end, "rb") as pipe:
            heard.append(pipe.read())

    reader = threading.Thread(target=drain)
    reader.start()
    samples = pcm(n=3000)
    with os.fdopen(write_end, "wb") as pipe, open_writer(pipe, rate=24_000) as out:
        for chunk in torch.split(samples, 700, dim=-1):
            out.write(chunk[0])
    reader.join()
    assert struct.unpack("<I", heard[0][4:8])[0] == 0xFFFFFFFF
    assert torch.equal(Audio.read(heard[0]).samples, samples)
    with python_wave.open(io.BytesIO(heard[0])) as other:
        assert other.getframerate() == 24_000 and len(other.readframes(10_000)) == 6000


def test_standard_streams_are_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wav_bytes(pcm()[0].numpy()))))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    heard = Audio.read("-")
    heard.write("-")
    assert torch.equal(Audio.read(written.getvalue()).samples, heard.samples) and heard.num_samples == 1000


def test_a_named_pipe_is_written_through_and_stays(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.wav"
    os.mkfifo(fifo)
    heard: list[Audio] = []
    reader = threading.Thread(target=lambda: heard.append(Audio.read(fifo)))
    reader.start()
    Audio(pcm(), 16_000).write(fifo)
    reader.join()
    assert torch.equal(heard[0].samples, pcm()) and fifo.is_fifo()


def test_a_file_gets_its_true_length(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.wav", rate=24_000, channels=2) as out:
        out.write(torch.zeros(2, 10))
        out.write(torch.zeros(2, 5))
        assert not (tmp_path / "a.wav").exists()
    with python_wave.open(str(tmp_path / "a.wav")) as other:
        assert other.getnframes() == 15 and other.getnchannels() == 2


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    Audio(pcm(), 16_000).write(tmp_path / "a.wav")
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(RuntimeError), open_writer(tmp_path / "a.wav", rate=24_000) as out:
        out.write(torch.zeros(100))
        raise RuntimeError
    assert (tmp_path / "a.wav").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    for bad in (torch.full((1, 5), float("nan")), torch.zeros(2, 5)):
        with pytest.raises(InputError), open_writer(tmp_path / "b.wav", rate=24_000) as out:
            out.write(bad)
    assert len(list(tmp_path.iterdir())) == 1


def test_loud_samples_are_clipped_not_wrapped() -> None:
    loud = Audio(torch.tensor([[2.0, -2.0, 1.0, -1.0]]), 16_000)
    assert struct.unpack("<4h", loud.to_pcm16()) == (32767, -32768, 32767, -32768)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_every_sample_format_is_scaled_to_one(subtype: str) -> None:
    back = Audio.read(wav_bytes(np.array([0.5, -0.5, 0.25]), subtype=subtype))
    torch.testing.assert_close(back.samples, torch.tensor([[0.5, -0.5, 0.25]]), atol=2e-2, rtol=0)


def test_odd_but_good_sound_is_read() -> None:
    assert (Audio.read(wav_bytes(np.zeros(1000))).samples == 0).all()  # silence
    assert Audio.read(wav_bytes(np.array([0.5]))).num_samples == 1
    many = Audio.read(wav_bytes(np.random.default_rng(0).uniform(-1, 1, (50, 255)), rate=768_000))
    assert many.samples.shape == (255, 50) and many.rate == 768_000 and len(many.heard) == 2
    whole = wav_bytes(np.zeros(1000))
    assert Audio.read(whole[:1044]).num_samples == 500  # cut short: what is there
    ten_hours = whole[:40] + struct.pack("<I", 10 * 3600 * 32_000) + whole[44:]
    assert Audio.read(ten_hours).num_samples == 1000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read as sound"),
        (wav_bytes(np.zeros(0)), "holds no samples"),
        (wav_bytes(np.zeros(10))[:30], "cannot be read as sound|holds no samples"),
        (b"RIFF and then plain words, not a wave at all. " * 20, "cannot be read as sound"),
        (b"a line of text\n" * 100, "cannot be read as sound"),
        (wav_bytes(np.array([0.0, np.nan]), subtype="FLOAT"), "no number"),
        (wav_bytes(np.array([0.0, np.inf]), subtype="FLOAT"), "no number"),
        (wav_bytes(np.array([0.0, 30000.0]), subtype="FLOAT"), "no number or beyond"),
    ],
    ids=["empty", "no samples", "half a header", "words", "lines", "nan", "inf", "beyond"],  # a header holds the time
)
def test_what_is_no_sound_is_one_sentence(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    for source in (data, tmp_path / "a.wav", io.BytesIO(data)):
        with pytest.raises(InputError, match=message) as caught:
            Audio.read(source)
        assert "\n" not in str(caught.value)


def test_a_flac_that_claims_ten_hours_costs_nothing(tmp_path: Path) -> None:
    Audio(pcm(n=5000), 16_000).write(tmp_path / "a.flac")
    data = bytearray((tmp_path / "a.flac").read_bytes())
    claimed = 10 * 3600 * 16_000  # the last 36 bits of the eight bytes at 18
    field = int.from_bytes(data[18:26], "big") & ~((1 << 36) - 1) | claimed
    data[18:26] = field.to_bytes(8, "big")
    try:
        assert Audio.read(bytes(data)).num_samples <= 5000
    except InputError as error:
        assert "\n" not in str(error)


def test_too_long_a_recording_is_refused_when_a_limit_is_given() -> None:
    data = wav_bytes(np.zeros(16_001))
    assert Audio.read(data, max_s=1.1).num_samples == 16_001
    with pytest.raises(InputError, match="longer than the 1 s"):
        Audio.read(data, max_s=1.0)


def test_places_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    sound = Audio(pcm(), 16_000)
    for path in (tmp_path / "none.wav", tmp_path, "nul\0.wav"):
        with pytest.raises(InputError):
            Audio.read(path)
    for path in (tmp_path / "no" / "a.wav", tmp_path):
        with pytest.raises(InputError):
            sound.write(path if path != tmp_path else str(tmp_path) + "/.wav/")
    with pytest.raises(InputError, match=r"ends in \.xyz"):
        sound.write(tmp_path / "a.xyz")
    with pytest.raises(InputError, match="write WAV"):
        Audio(pcm(12), 768_000).write(tmp_path / "a.mp3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("samples", [torch.zeros(5), torch.zeros(1, 5, dtype=torch.float64)])
def test_sound_of_another_shape_is_refused(samples: torch.Tensor) -> None:
    with pytest.raises(Exception, match="float32|samples"):
        Audio(samples, 16_000)
