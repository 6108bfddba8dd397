"""The vocoder's stage: it learns from spectra, then against judges; each turn moves only what is its own."""

from dataclasses import replace

import pytest
import torch

from antiphon.errors import WeightsError
from antiphon.train.codec.discriminators import Discriminators, DiscriminatorSizes, feature_distance, score_distance
from antiphon.train.codec.spectra import mel_distance, spectral_distance
from antiphon.train.codec.vocoder import JUDGE, VOICE, VocoderStage, VocoderTraining
from tests.train.codec.conftest import HIFT, in_parts_as_in_one, learn

JUDGES = DiscriminatorSizes(periods=(2, 3), period_width=2, windows=(256,), window_width=4)
CPU = torch.device("cpu")


def made(speech: str, **others: object) -> VocoderStage:
    options = VocoderTraining(data=(speech,), sizes=HIFT, num_clips=3, frames=16, lr=2e-3, judge_lr=2e-3)
    return VocoderStage(replace(options, **others), seed=1, device=CPU)  # type: ignore[arg-type]


def test_it_learns_from_spectra(speech: str) -> None:
    stage = made(speech)
    first, last = learn(stage, 15)
    assert [turn.name for turn in stage.turns()] == [VOICE]
    assert all(last[name] < first[name] for name in ("spectra", "mel", "pitch")) and last["mel"] < 0.8 * first["mel"]
    stage.model.eval()
    with torch.no_grad():
        figures, samples = stage.evaluate(15), stage.sample(15)
    assert {"mel", "voiced"} <= set(figures) and 0 <= figures["voiced"] <= 1
    assert samples[0].audio is not None and abs(samples[0].audio.duration_s - 1.2) < 0.02


def test_judges_learn_and_the_voice_learns_from_them(speech: str) -> None:
    stage = made(speech, judges=JUDGES)
    first, last = learn(stage, 8)
    assert set(first) == {"recorded", "made", "spectra", "mel", "pitch", "true", "alike"} == set(stage.weights)
    assert last["recorded"] + last["made"] < first["recorded"] + first["made"]
    stage.model.eval()
    with torch.no_grad():
        assert {"judge_recorded", "judge_made"} <= set(stage.evaluate(8))


@pytest.mark.parametrize(("turn", "moved", "still"), [(JUDGE, "judges", "hift"), (VOICE, "hift", "judges")])
def test_each_turn_moves_its_own_parameters(speech: str, turn: str, moved: str, still: str) -> None:
    stage = made(speech, judges=JUDGES)
    (group,) = next(t for t in stage.turns() if t.name == turn).groups
    own, other = ({n: p for n, p in stage.model.named_parameters() if n.startswith(x)} for x in (moved, still))
    assert {id(p) for p in group.parameters} == {id(p) for p in own.values()}
    losses = stage.losses(stage.batch(stage.items(0)), turn, 0)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in own.values())
    assert turn == VOICE or all(p.grad is None for p in other.values())  # judges do not teach what they judge


@pytest.mark.parametrize("turn", [JUDGE, VOICE])
def test_parts_sum_to_the_whole(speech: str, turn: str) -> None:
    in_parts_as_in_one(made(speech, judges=JUDGES), turn)


def test_the_source_follows_the_predicted_pitch_half_of_the_time(speech: str) -> None:
    stage = made(speech, num_clips=8, follow_from=5)
    assert not any(item.follows for step in range(5) for item in stage.items(step))
    follows = [item.follows for step in range(5, 25) for item in stage.items(step)]
    assert 0.3 < sum(follows) / len(follows) < 0.7
    items = stage.items(5)
    known, guessed = (stage.batch([replace(i, follows=f) for i in items]) for f in (False, True))
    with torch.no_grad():
        assert not torch.equal(stage.model.sung(known)[0], stage.model.sung(guessed)[0])


def test_a_run_with_judges_goes_on_from_one_without_and_back(speech: str) -> None:
    alone, judged = made(speech), made(speech, judges=JUDGES)
    with torch.no_grad():
        for parameter in alone.model.parameters():
            parameter.add_(0.01)
    before = {name: tensor.clone() for name, tensor in judged.model.judges.state_dict().items()}  # type: ignore[union-attr]
    judged.start_from(alone.model.state_dict())
    after = judged.model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in alone.model.state_dict().items())
    assert all(torch.equal(after[f"judges.{name}"], tensor) for name, tensor in before.items())
    made(speech).start_from(judged.model.state_dict())
    with pytest.raises(WeightsError, match="lack"):
        alone.start_from({name: t for name, t in after.items() if "conv_post" not in name})


def test_distances_are_zero_for_the_same_wave_and_grow_with_noise() -> None:
    torch.manual_seed(0)
    wave, noise = 0.3 * torch.randn(2, 4096), torch.randn(2, 4096)
    judges = Discriminators(JUDGES)
    for distance in (spectral_distance, mel_distance, lambda a, b: feature_distance(judges(a), judges(b))):
        far = [distance(wave + gain * noise, wave) for gain in (0.0, 0.1, 1.0)]
        assert (far[0] == 0).all() and (far[0] < far[1]).all() and (far[1] < far[2]).all()
    assert score_distance([[torch.ones(2, 1, 3)]], 1.0).tolist() == [0, 0]
