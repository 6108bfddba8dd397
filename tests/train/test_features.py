"""Features: computed once, kept beside the shards, and what is kept is what is computed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.data.store import write_shard
from antiphon.errors import InputError
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.train.features import BANDS, FOLDER, HEARD, PITCH, SPOKEN, Corpus, Feature, codes_by
from tests.train.codec.conftest import TOKENIZER


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for shard, lengths in enumerate([(16_000, 8_000), (12_345,)]):
        rows = [({"text": "x"}, rng.normal(0, 0.1, length).astype(np.float32)) for length in lengths]
        write_shard(tmp_path / "noise", shard, rows, 16_000)
    return tmp_path / "noise"


def counting(feature: Feature, calls: list[int]) -> Feature:
    """The same feature, which tells how often it is computed."""

    def compute(wave: torch.Tensor, rate: int) -> torch.Tensor:
        calls.append(len(wave))
        return feature.compute(wave, rate)

    return replace(feature, compute=compute)


def test_shapes_at_their_rates(folder: Path) -> None:
    corpus = Corpus([folder])
    first = corpus.clips[0]  # one second
    shapes = [corpus.feature(first, feature).shape for feature in (HEARD, SPOKEN, PITCH, BANDS)]
    assert shapes == [(100, 128), (50, 80), (50, 1), (98, 80)]
    assert first.seconds == 1.0 and first.id == "noise/00000/0" and first.voice == "noise"


def test_a_shard_is_computed_once_and_only_when_asked_for(folder: Path) -> None:
    calls: list[int] = []
    feature, corpus = counting(SPOKEN, calls), Corpus([folder])
    plain = Corpus([folder], keep=False)
    assert not (folder / FOLDER).exists()
    kept = [corpus.feature(clip, feature) for clip in corpus.clips[:2]]
    assert calls == [16_000, 8_000]
    again = Corpus([folder])
    for clip, rows in zip(again.clips, kept, strict=False):
        np.testing.assert_array_equal(again.feature(clip, feature), rows)
        np.testing.assert_array_equal(plain.feature(clip, SPOKEN), rows)
    assert len(calls) == 2
    again.prepare(feature)
    assert calls[2:] == [12_345]


def test_half_a_file_does_not_count(folder: Path) -> None:
    corpus = Corpus([folder])
    wanted = corpus.feature(corpus.clips[2], SPOKEN)
    (folder / FOLDER / "00001.spoken.npy").unlink()
    (folder / FOLDER / "00001.spoken.npy").write_bytes(b"cut off")
    (folder / FOLDER / "00001.spoken.at.npy").unlink()
    fresh = Corpus([folder])
    np.testing.assert_array_equal(fresh.feature(fresh.clips[2], SPOKEN), wanted)


def test_another_tokenizer_makes_another_file(folder: Path) -> None:
    one, two = (codes_by(SpeechTokenizer(TOKENIZER).eval()) for _ in range(2))
    assert one.name != two.name
    corpus = Corpus([folder])
    codes = corpus.feature(corpus.clips[0], one)
    assert codes.shape == (25, 1) and codes.dtype == np.int32 and codes.max() < TOKENIZER.num_codes


def test_a_folder_without_speech_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no shards"):
        Corpus([tmp_path])
