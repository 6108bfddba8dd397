"""The loop: what divides the work changes nothing, what cannot be used is left out, and what it leaves behind."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError, WeightsError
from antiphon.train import loop
from antiphon.train.folder import claimed
from antiphon.train.log import read_log
from antiphon.train.optim import rate_at
from antiphon.train.ranks import Ranks
from antiphon.train.run import Run, Schedule
from antiphon.train.weights import FILE
from tests.train.tiny import Options, TinyStage, run

Weights = dict[str, Tensor]
LOSSES = TinyStage.losses


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures cost more than these trainings."""
    monkeypatch.setattr(loop, "plot", lambda folder: folder)


def trained(folder: Path, what: Run) -> Weights:
    loop.train(what, folder)
    return load_file(folder / FILE)


def near(one: Weights, other: Weights, tolerance: float = 2e-5) -> None:
    assert one.keys() == other.keys()
    for name in set(one) - {"heard"}:  # it counts micro-batches
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=tolerance, msg=name)


def losses(folder: Path) -> list[dict[str, float]]:
    """The mean losses of every line."""
    return [line["loss"] for line in read_log(folder) if "loss" in line]


def test_accumulation_changes_nothing(tmp_path: Path) -> None:
    found = []
    for size in (32, 128, 256, 4096):  # of a micro-batch: one row, a few, what is drawn together, all that is alike
        trainer = loop.Trainer(run(micro_size=size, options=Options()), tmp_path / str(size), Ranks())
        trainer.take_step()
        grads = {n: p.grad for n, p in trainer.stage.model.named_parameters() if p.grad is not None}
        found.append((trainer.stage.model.get_buffer("heard").item(), grads, trainer.tally.line()))
    micro_batches, grads, told = zip(*found, strict=True)
    assert len(set(micro_batches)) == 4 and len(grads[0]) == 7  # the work was divided; all that learns has a gradient
    for other, line in zip(grads[1:], told[1:], strict=True):
        for name, grad in other.items():
            torch.testing.assert_close(grad, grads[0][name], rtol=1e-4, atol=1e-6, msg=name)
        assert line["loss"] == pytest.approx(told[0]["loss"], abs=1e-6) and line["seen"] == told[0]["seen"]


def test_it_learns_and_what_is_frozen_stays(tmp_path: Path) -> None:
    loop.train(run(steps=40, options=Options()), tmp_path)
    told = losses(tmp_path)
    assert told[-1]["text"] < 0.8 * told[0]["text"] and told[-1]["audio"] < 0.8 * told[0]["audio"]
    fresh = loop.Trainer(run(steps=40, options=Options()), tmp_path / "fresh", Ranks()).stage.model.state_dict()
    after = load_file(tmp_path / FILE)
    assert {n for n in fresh if torch.equal(fresh[n], after[n])} == {"encoder.weight", "encoder.bias"}


def test_bfloat16_learns_too_and_its_weights_are_float32(tmp_path: Path) -> None:
    weights = trained(tmp_path, run(steps=3, dtype="bfloat16"))
    assert {t.dtype for t in weights.values()} == {torch.float32}
    near(weights, trained(tmp_path / "32", run(steps=3)), 0.05)


def test_each_turn_moves_its_own(tmp_path: Path) -> None:
    trainer = loop.Trainer(run(options=Options(turns=2)), tmp_path, Ranks())
    moved: dict[str, set[str]] = {}
    for name, optimizer in trainer.optimizers.items():
        real = optimizer.step

        def step(name: str = name, real: Callable[[], Any] = real) -> None:
            before = {n: t.clone() for n, t in trainer.stage.model.named_parameters()}
            real()
            changed = {n for n, t in trainer.stage.model.named_parameters() if not torch.equal(before[n], t)}
            moved.setdefault(name, set()).update(changed)

        optimizer.step = step  # type: ignore[method-assign, assignment]
    for _ in range(4):
        trainer.take_step()
    assert moved["one"] == {"adaptor.weight", "adaptor.bias"}
    assert moved["two"] == {"embed.weight", "layer.0.weight", "layer.0.bias", "head.weight", "head.bias"}
    assert all(p.requires_grad for n, p in trainer.stage.model.named_parameters() if not n.startswith("encoder"))


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
def test_the_rate_rises_and_falls_by_step(kind: str) -> None:
    rates = [rate_at(step, 100, Schedule(kind=kind, warm_up=10, floor=0.1)) for step in range(100)]
    assert rates[:10] == pytest.approx([(n + 1) / 10 for n in range(10)])
    assert rates[10] == pytest.approx(1.0) and rates[99] == pytest.approx(1.0 if kind == "constant" else 0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def poison(monkeypatch: pytest.MonkeyPatch, wrong: Callable[[int], bool]) -> None:
    def poisoned(self: TinyStage, batch: Any, turn: str, step: int) -> dict[str, Tensor]:
        return {n: t * (math.nan if wrong(step) else 1.0) for n, t in LOSSES(self, batch, turn, step).items()}

    monkeypatch.setattr(TinyStage, "losses", poisoned)


def test_a_step_that_is_not_finite_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    poison(monkeypatch, lambda step: step == 2)
    weights = trained(tmp_path, run(steps=5))
    assert all(t.isfinite().all() for t in weights.values())
    assert [line["skipped"] for line in read_log(tmp_path) if "loss" in line] == [0, 0, 1, 1, 1]


def test_many_such_steps_in_a_row_end_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    poison(monkeypatch, lambda step: step >= 4)
    with pytest.raises(ConfigError, match="20 steps in a row, to step 24 of run 'tiny'"):
        loop.train(run(steps=50, save_every=4), tmp_path)
    assert [p.name for p in sorted((tmp_path / "checkpoints").iterdir())][0] == "step-00000016"  # all of them good
    poison(monkeypatch, lambda step: step % 20 != 0)  # 19 in a row, again and again
    loop.train(run(steps=50, name="other", save_every=50), tmp_path / "other")


def test_steps_without_a_target(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 steps in a row.*nothing to learn"):
        loop.train(run(options=Options(empty_from=3), patience=5), tmp_path)
    (line,) = [line for line in read_log(tmp_path) if line["step"] == 7]
    assert (line["empty"], line["skipped"], line["loss"]) == (4, 4, {})


def test_an_over_long_example_is_dropped_and_counted(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="text-long has size 5000, more than 120") as told:
        loop.train(run(options=Options(long_one=5000), longest=120, steps=4), tmp_path / "long")
    assert len(told) == 1
    assert read_log(tmp_path / "long")[-1]["step"] == 4
    assert [line["dropped"] for line in read_log(tmp_path / "long") if "loss" in line] == [1, 2, 3, 4]
    near(load_file(tmp_path / "long" / FILE), trained(tmp_path / "without", run(options=Options(), steps=4)), 0)


def test_two_trainings_in_one_folder(tmp_path: Path) -> None:
    with claimed(tmp_path, run(), Ranks()), pytest.raises(InputError, match="another training is at work"):
        loop.train(run(), tmp_path)
    loop.train(run(steps=1), tmp_path)


def test_a_checkpoint_of_another_recipe(tmp_path: Path) -> None:
    loop.train(run(steps=2), tmp_path)
    with pytest.raises(ConfigError, match=r"seed is 3 there and 8 here \(and 1 more\)"):
        loop.train(run(steps=4, seed=8), tmp_path)
    with pytest.raises(ConfigError, match=r"options\.dropout is 0\.1 there and 0\.2 here; name another"):
        loop.train(run(steps=2, options=Options(dropout=0.2)), tmp_path)
    loop.train(run(steps=2, log_every=7, keep=3), tmp_path)  # these change nothing that is learned
    assert Run.from_json((tmp_path / "run.json").read_text()).keep == 3


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    loop.train(run(steps=3), tmp_path)
    (tmp_path / FILE).unlink()
    for path in (tmp_path / "checkpoints").rglob("*.distcp"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsError, match="step-00000003 cannot be read"):
        loop.train(run(steps=3), tmp_path)


def test_the_newest_two_and_the_best_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = {3: 0.5, 6: 0.1, 9: 0.4, 12: 0.3, 15: 0.2}
    monkeypatch.setattr(TinyStage, "evaluate", lambda self, step: {"wer": figures[step]})
    loop.train(run(steps=15, eval_every=3, best="wer"), tmp_path)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [f"step-{n:08d}" for n in (6, 12, 15)]
    with pytest.raises(ConfigError, match="best is 'wre', and evaluation tells of wer"):
        loop.train(run(name="b", steps=3, eval_every=3, best="wre"), tmp_path / "b")


def test_a_run_begins_from_an_earlier_one(tmp_path: Path) -> None:
    loop.train(run(steps=2), tmp_path / "tiny")
    trainer = loop.Trainer(run(name="more", init_from="tiny"), tmp_path / "more", Ranks())
    near(dict(trainer.stage.model.state_dict()), load_file(tmp_path / "tiny" / FILE), 0)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.json").write_text(run().to_json())
    with pytest.raises(WeightsError, match="finish that run first"):
        loop.train(run(name="lost", init_from="begun"), tmp_path / "lost")
    with pytest.raises(WeightsError, match="'nowhere' is no folder, no preset"):
        loop.train(run(name="lost", init_from="nowhere"), tmp_path / "lost")


def test_what_a_run_leaves_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    loop.train(run(steps=4, sample_every=2), tmp_path)
    assert Run.from_json((tmp_path / "run.json").read_text()) == run(steps=4, sample_every=2)
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert Audio.read(tmp_path / "samples" / "step-00000002" / "tone.wav").rate == 16_000
    assert json.loads((tmp_path / "samples" / "step-00000004" / "tone.json").read_text())["error_rate"] == 1.0
    lines = read_log(tmp_path)
    assert {"loss", "count", "norm", "seen", "rate", "dropped", "empty", "skipped"} <= lines[0].keys()
    assert [line["samples"] for line in lines if "samples" in line] == [{"written": 2, "error_rate": 1.0}] * 2
    assert [line["step"] for line in lines if "eval" in line] == [4]
    if (tmp_path / "tensorboard").exists():  # an extra
        assert any((tmp_path / "tensorboard").iterdir())


def test_without_matplotlib_a_run_says_so_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    loop.train(run(steps=1), tmp_path)
    printed = capfd.readouterr()
    assert (printed.out + printed.err).count("found no matplotlib") == 1 and (tmp_path / FILE).exists()
