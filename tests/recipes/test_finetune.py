"""The example that teaches a model to say what one's own recordings say: from files to a model that answers."""

import shutil
from pathlib import Path

import pytest
import torch

from antiphon.train.log import read_log
from antiphon.train.recipe import load_recipe, train_recipe
from antiphon.train.records import read_records
from antiphon.train.run import Run
from antiphon.weights.parts import load_parts

RECIPE = str(Path(__file__).parents[2] / "examples" / "finetune.py")


@pytest.mark.slow
def test_from_recordings_to_a_model_that_speaks(nano: Path, tmp_path: Path) -> None:
    data = tmp_path / "recordings"
    data.mkdir()
    for name, source, text in (
        ("a", "voice.wav", "good day."),
        ("b", "voice.wav", "good night."),
        ("b.question", "question.wav", "how are you?"),
    ):
        shutil.copyfile(nano / source, data / f"{name}.wav")
        (data / f"{name}.txt").write_text(f"{text}\n")
    assert {part.task for part in load_recipe(RECIPE, [f"data={data}"])[0].options.parts} == {"tts", "talk"}
    settings = [f"data={data}", "steps=2", "words:options.batch=600", "words:longest=2000", "words:sample_every=2"]
    steps = train_recipe(RECIPE, settings=settings, folder=tmp_path / "runs")
    assert [step.name for step in steps] == ["words", "model"] and isinstance(steps[0], Run)
    (talk,) = read_records(data / "talk.jsonl")
    assert talk.heard[0].said == "how are you?" and talk.messages[-1].items[0].text == "good night."
    before, after = load_parts(nano), load_parts(tmp_path / "runs" / "model")
    moved = {name for name, t in after.lm.state_dict().items() if not torch.equal(t, before.lm.state_dict()[name])}
    assert moved and not any(name.startswith(("encoder.", "adapter.")) for name in moved)
    assert after.voice is not None and before.voice is not None
    assert all(torch.equal(t, before.voice.flow.state_dict()[n]) for n, t in after.voice.flow.state_dict().items())
    assert list((tmp_path / "runs" / "words" / "samples").rglob("*.wav"))
    assert any("tts_text_wer" in line.get("eval", {}) for line in read_log(tmp_path / "runs" / "words"))
