"""The judges: reading characters, features that any recorder would give, and training that learns."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from antiphon.audio.resample import resample
from antiphon.data.store import write_shard
from antiphon.errors import InputError, WeightsError
from antiphon.metrics.wer import wer

from .conftest import HERE, RATE, TEXTS, read_speech

pytest.importorskip("recipes.judge")
from antiphon.train.loop import train  # noqa: E402
from antiphon.train.stage import Place  # noqa: E402
from recipes.judge.data import Clip, Corpus, make_batch, num_frames, read_clips, roughen  # noqa: E402
from recipes.judge.model import (  # noqa: E402
    CtcJudge,
    PocketsphinxJudge,
    Tdnn,
    decode_ids,
    encode_text,
    features,
    save_judge,
)
from recipes.judge.recipe import recipe  # noqa: E402
from recipes.judge.score import score, score_all  # noqa: E402
from recipes.judge.training import JudgeTraining, stage  # noqa: E402


@pytest.fixture
def clips() -> list[Clip]:
    return [Clip(name=name, text=text, wave=read_speech(name), rate=RATE) for name, text in TEXTS.items()]


@pytest.fixture
def shards(clips: list[Clip], tmp_path: Path) -> Path:
    """Three shards of six clips in all."""
    for number in range(3):
        write_shard(tmp_path / "set", number, [({"text": c.text}, c.wave) for c in clips], RATE)
    return tmp_path / "set"


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([], ""),
        ([0, 0, 0], ""),
        ([2, 2, 0, 2, 3, 3, 0], "aab"),  # a blank parts equal letters, without it they merge
        ([0, 9, 10, 0, 1, 1, 0, 1, 9], "hi h"),  # blanks between spaces make no second space
        ([1, 0, 2, 1], "a"),
    ],
)
def test_greedy_reading(ids: list[int], text: str) -> None:
    assert decode_ids(ids) == text


def test_text_survives_its_ids() -> None:
    for text in (*TEXTS.values(), "we'll see", "Good, NEWS!"):
        ids = encode_text(text)
        parted = [k for id in ids for k in (id, 0)]
        assert wer([text], [decode_ids(parted)]).errors == 0
    assert encode_text("caf\u00e9 9 to") == [*encode_text("caf"), 1, 1, *encode_text("to")]


def test_features_do_not_hear_gain_or_rate() -> None:
    wave = torch.from_numpy(read_speech("sentence"))
    plain = features(wave, RATE)
    assert plain.shape == (1 + len(wave) // 240, 64)
    assert torch.allclose(features(0.1 * wave, RATE), plain, atol=1e-3)
    at_16k = features(resample(wave, RATE, 16_000), 16_000)
    loud = plain > plain.mean()
    assert (at_16k - plain)[loud].abs().mean() < 0.05 * plain.std()


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model, x = Tdnn(width=16, depth=4).eval(), torch.randn(1, 51, 64)
    alone, length = model(x, torch.tensor([51]))
    padded, lengths = model(torch.nn.functional.pad(x, (0, 0, 0, 33)), torch.tensor([51]))
    assert length.item() == lengths.item() == alone.shape[1] == 26
    assert torch.allclose(padded[:, :26], alone, atol=1e-5)


def test_a_character_is_heard_from_close_by_alone() -> None:
    """The judge must not guess: what is said half a second later leaves a character as it was."""
    torch.manual_seed(0)
    model, x = Tdnn(width=16).eval(), torch.randn(1, 400, 64)
    other = x.clone()
    other[:, 250:] = torch.randn(1, 150, 64)
    a, b = (model(each, torch.tensor([400]))[0] for each in (x, other))
    assert torch.equal(a[:, :100], b[:, :100]) and not torch.equal(a[:, :126], b[:, :126])


def test_roughening_is_a_function_of_its_seed(clips: list[Clip]) -> None:
    one, same, other = (roughen(clips[0], np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, same) and (one.shape != other.shape or not torch.equal(one, other))
    for seed in range(20):
        assert torch.isfinite(roughen(clips[1], np.random.default_rng(seed))).all()


def test_an_epoch_has_every_clip_once_and_an_order_of_its_own(shards: Path) -> None:
    corpus = Corpus([shards])
    epochs = [corpus.epoch(seed=3, number=n, batch_s=6.0) for n in range(6)]
    assert all(sorted(n for batch in epoch for n in batch) == list(range(6)) for epoch in epochs)
    assert len({len(epoch) for epoch in epochs}) == 1 and len({str(epoch) for epoch in epochs}) > 1
    assert epochs[2] == Corpus([shards]).epoch(3, 2, 6.0)


def test_a_judge_is_trained_by_its_recipe_and_a_roughened_clip_fits_its_row(shards: Path, tmp_path: Path) -> None:
    options = replace(JudgeTraining(data=(str(shards),), held_out=(str(shards),)).smoke(), batch_s=6.0, dropout=0.0)
    run = replace(recipe().smoke(), options=options, steps=3, eval_every=0)
    train(run, tmp_path / "runs" / "judge")
    judge = CtcJudge.load(tmp_path / "runs" / "judge" / "model.safetensors")
    assert isinstance(judge.transcribe(read_speech("sentence"), RATE), str)
    made = stage(run, Place(device=torch.device("cpu"), folder=tmp_path, runs=tmp_path))
    for step in range(4):
        items = made.items(step)
        assert items == made.items(step)
        for item in items:
            batch = made.batch([item])
            assert batch.frames_len.item() <= item.size == num_frames(made.corpus.seconds(item.index))


def test_training_learns_to_read(clips: list[Clip], tmp_path: Path) -> None:
    """Two sentences by heart, through the 16-bit weights and the judge's own interface."""
    torch.manual_seed(0)
    model = Tdnn(width=64, depth=4, dropout=0.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    chars = make_batch(clips, [np.random.default_rng(0) for _ in clips])
    frames = torch.stack([features(torch.from_numpy(clip.wave), RATE)[:248] for clip in clips])
    batch = replace(chars, frames=frames, frames_len=torch.tensor([248, 248]))
    for step in range(90):
        optimizer.param_groups[0]["lr"] = 4e-3 if step < 60 else 4e-4
        optimizer.zero_grad()
        logits, lengths = model(batch.frames, batch.frames_len)
        log = logits.log_softmax(-1).transpose(0, 1)
        loss = torch.nn.functional.ctc_loss(log, batch.chars, lengths, batch.chars_len)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    save_judge(model, tmp_path / "judge.safetensors")
    found = score(CtcJudge.load(tmp_path / "judge.safetensors"), clips)
    assert found["wer"]["sentences"] == 2 and found["cer"]["rate"] < 0.3
    swapped = [Clip(name=a.name, text=b.text, wave=a.wave, rate=RATE) for a, b in zip(clips, clips[::-1], strict=True)]
    assert score(CtcJudge(model), swapped)["wer"]["rate"] > 0.7


def test_clips_from_shards_a_manifest_or_a_folder(shards: Path, clips: list[Clip], tmp_path: Path) -> None:
    for clip in clips:
        soundfile.write(tmp_path / f"{clip.name}.wav", clip.wave, RATE)
        (tmp_path / f"{clip.name}.txt").write_text(clip.text + "\n")
    manifest = tmp_path / "list.jsonl"
    manifest.write_text("".join(json.dumps({"wav": f"{c.name}.wav", "text": c.text}) + "\n" for c in clips))
    for source, count in ((tmp_path, 2), (manifest, 2), (shards, 6)):
        read = list(read_clips(source))
        assert len(read) == count and {c.text for c in read} == set(TEXTS.values())
        assert max(
            np.abs(read[0].wave - c.wave[: len(read[0].wave)]).max() < 1e-3 for c in clips if c.text == read[0].text
        )
    assert len(list(read_clips(shards, limit=4))) == 4
    with pytest.raises(InputError, match="nothing to score"):
        list(read_clips(HERE))


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train recipes/judge"):
        CtcJudge.load(tmp_path / "none.safetensors")


def test_pocketsphinx_hears_english_and_forgets_what_it_heard(clips: list[Clip]) -> None:
    pytest.importorskip("pocketsphinx")
    judge = PocketsphinxJudge()
    first = judge.transcribe(clips[1].wave, RATE)
    judge.transcribe(clips[0].wave, RATE)
    assert judge.transcribe(clips[1].wave, RATE) == first
    assert wer([clips[1].text], [first]).rate < 0.5
    assert judge.transcribe(np.zeros(4000, dtype=np.float32), RATE).strip() == ""


def test_score_of_a_folder_is_json(shards: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_judge(Tdnn(width=16, depth=2), tmp_path / "w.safetensors")
    report = json.loads(json.dumps(score_all(shards, tmp_path / "w.safetensors", 3, ["ctc"])))
    assert report["n"] == report["ctc"]["wer"]["sentences"] == 3
    assert 0 <= report["ctc"]["wer"]["low"] <= report["ctc"]["wer"]["rate"] <= report["ctc"]["wer"]["high"]
