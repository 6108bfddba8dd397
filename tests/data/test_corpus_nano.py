"""The corpus recipe: texts held out, alignments that follow the cut, and dialogues whose turns can be found again."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest

from antiphon.data import synth, world
from antiphon.data.record import dialogue_from_json
from antiphon.data.store import read_shard, write_shard

pytest.importorskip("scipy", reason="the recipe resamples with scipy")


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    path = Path(__file__).parents[2] / "recipes" / "corpus_nano.py"
    spec = importlib.util.spec_from_file_location("corpus_nano", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["corpus_nano"] = module
    spec.loader.exec_module(module)
    few = {"target": 1500, "target_first": 1000, "target_salad": 500, "heard": 1000, "heard_salad": 500, "dev": 60}
    module.RUN = replace(module.RUN, known=2000, **few)
    return module


def test_held_out_texts_are_not_trained_on(corpus: ModuleType) -> None:
    train, dev = corpus.target_texts()
    assert len(set(train)) == len(train) == corpus.RUN.target + corpus.RUN.target_salad
    assert len(set(dev)) == corpus.RUN.dev
    assert not set(train) & set(dev)
    rng = Random(0)
    greetings = {world.sample(rng, "greet").turns[0].reply for _ in range(200)}
    assert len(greetings & set(train)) > 0.8 * len(greetings)
    heard, heard_dev = corpus.heard_texts()
    assert len(heard_dev) == corpus.RUN.dev
    assert not set(heard) & set(heard_dev)


def test_alignments_move_with_the_cut(corpus: ModuleType) -> None:
    clock = np.arange(3 * 32_000) / 32_000
    audio = np.where((clock > 1.0) & (clock < 2.0), np.sin(2 * np.pi * 440 * clock), 0).astype(np.float32)
    speech = synth.Speech(
        audio=audio,
        rate=32_000,
        words=(("one", 1.0, 1.6), ("two", 1.6, 2.0)),
        phones=(("pau", 0.0, 1.0), ("w", 1.0, 1.6), ("t", 1.6, 2.0), ("pau", 2.0, 3.0)),
    )
    row, cut = corpus.target_item("one two.", speech)
    assert len(cut) == round((0.06 + 1.0 + 0.1) * 24_000)
    assert np.abs(cut).max() == pytest.approx(0.6, abs=1e-3)
    assert row["words"] == [["one", 0.06, 0.66], ["two", 0.66, 1.06]]
    assert row["phones"] == [["pau", 0.0, 0.06], ["w", 0.06, 0.66], ["t", 0.66, 1.06], ["pau", 1.06, 1.16]]
    onset = int(np.argmax(np.abs(cut) > 0.1)) / 24_000
    assert onset == pytest.approx(0.06, abs=0.002)


def test_nothing_is_never_loud_and_not_always_silent(corpus: ModuleType) -> None:
    rng = Random(0)
    sounds = [corpus.nothing_sound(rng) for _ in range(40)]
    levels = [float(np.sqrt(np.mean(sound**2))) for sound in sounds]
    assert max(levels) < 0.06
    assert 0 < levels.count(0.0) < 40
    assert all(0.5 <= len(sound) / corpus.HEARD_HZ <= 3.0 for sound in sounds)


def test_dialogues_for_training_are_for_training(corpus: ModuleType) -> None:
    dialogues = corpus.train_dialogues(Random(1), 120)
    assert {world.split(dialogue) for dialogue in dialogues} == {"train"}
    assert sum(corpus.spoken_replies(dialogue) for dialogue in dialogues) >= 60


def test_the_turns_of_a_dialogue_are_found_again(corpus: ModuleType, tmp_path: Path) -> None:
    voice = synth.seen_voices()[0]
    if not synth.installed(voice):
        pytest.skip(f"the Debian package {voice.licence[0]} is not installed")
    rng = Random(2)
    dialogues = [world.sample(rng, "memory"), world.sample(rng, "nothing")]
    write_shard(tmp_path, 0, corpus.dialogue_shard(dialogues, lambda rng: voice, "seed"), corpus.HEARD_HZ)
    for item, dialogue in zip(read_shard(tmp_path, 0), dialogues, strict=True):
        assert dialogue_from_json(item.row["dialogue"]) == dialogue
        assert len(item.row["spans"]) == len(dialogue.turns)
        assert item.row["spans"][-1][1] == len(item.audio)
        for (start, end), turn in zip(item.row["spans"], dialogue.turns, strict=True):
            assert end - start > 0.4 * corpus.HEARD_HZ
            assert not turn.user or np.abs(item.audio[start:end]).max() > 0.05
