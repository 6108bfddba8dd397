"""The flow's stage: it learns, parts sum to the whole, and what it trains under a block is what a stream computes."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from antiphon.errors import ConfigError
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.nn.noise import FLOW as FLOW_STREAM
from antiphon.nn.noise import Seeded
from antiphon.rates import FRAMES_PER_CODE
from antiphon.train.codec.flow import FlowStage, FlowTraining, streamed
from antiphon.train.codec.speaker_net import SpeakerConvs, SpeakerSizes, write_onnx
from antiphon.train.codec.tokenizer import TokenizerTraining
from antiphon.train.codec.walk import Walk, walked
from antiphon.train.run import Run
from antiphon.train.stage import Place
from antiphon.train.weights import write_weights
from tests.train.codec.conftest import FLOW, READER, TOKENIZER, in_parts_as_in_one, learn


@pytest.fixture()
def stage(speech: str, place: Place) -> FlowStage:
    return made(speech, place)


def made(speech: str, place: Place, **others: object) -> FlowStage:
    """The stage behind an untrained tokenizer, as a run of the recipe, and an untrained speaker net."""
    torch.manual_seed(3)
    run = Run(
        name="codes",
        stage="antiphon.train.codec.tokenizer:stage",
        options=TokenizerTraining(data=(speech,), sizes=TOKENIZER, reader=READER),
        steps=1,
    )
    folder = place.runs / run.name
    if not folder.exists():
        folder.mkdir()
        (folder / "run.json").write_text(run.to_json())
        held = {f"tokenizer.{name}": tensor for name, tensor in SpeechTokenizer(TOKENIZER).state_dict().items()}
        write_weights(folder, held)
        write_onnx(SpeakerConvs(SpeakerSizes(width=8)), place.runs / "voice.onnx")
    graph = str(place.runs / "voice.onnx")
    options = FlowTraining(data=(speech,), tokenizer="codes", speaker=graph, sizes=FLOW, batch=256, lr=3e-3)
    return FlowStage(replace(options, eval_steps=(1,), **others), seed=1, place=place)  # type: ignore[arg-type]


def test_it_learns(stage: FlowStage) -> None:
    first, last = learn(stage, 20)
    assert last["flow"] < 0.9 * first["flow"] and last["mu"] < 0.9 * first["mu"], (first, last)
    stage.model.eval()
    with torch.no_grad():
        figures = stage.evaluate(20)
    assert set(figures) == {"mel_1", "mel_1_streamed"} and all(0 < value < 5 for value in figures.values())


def test_parts_sum_to_the_whole(stage: FlowStage) -> None:
    in_parts_as_in_one(stage, "all")


def test_pairs_are_of_one_voice_one_length_and_one_block(speech: str, place: Place) -> None:
    stage = made(speech, place, batch=512)
    seen = set()
    for step in range(30):
        items = stage.items(step)
        assert {item.prompt.voice == item.target.voice for item in items} == {True}
        assert len({(item.size, item.block) for item in items}) == 1
        seen |= {(item.block, item.is_prompted, item.is_told) for item in items}
    assert {block for block, _, _ in seen} == set(stage.options.blocks)
    assert {(p, t) for _, p, t in seen} == {(p, t) for p in (True, False) for t in (True, False)}


def test_voices_that_have_read_little_are_drawn_as_often(stage: FlowStage) -> None:
    """Evenly, each voice is a pair's as likely as another, however many clips it has; else by its clips."""
    lone, other = stage.of_voice
    stage.of_voice = {lone: stage.of_voice[lone][:1], other: stage.of_voice[other]}
    stage.clips, stage.voices = [c for found in stage.of_voice.values() for c in found], list(stage.of_voice.values())

    def share(even: float) -> float:
        stage.options = replace(stage.options, even=even)
        drawn = [item.target.voice for step in range(150) for item in stage.items(step)]
        return drawn.count(lone) / len(drawn)

    assert share(0.0) < 0.25 and 0.4 < share(1.0) < 0.6


def test_a_prompt_is_told_and_not_learned(stage: FlowStage) -> None:
    item = replace(stage.items(0)[0], is_prompted=True)
    told, bare = (stage.batch([replace(item, is_prompted=is_prompted)]) for is_prompted in (True, False))
    ahead = int(told.prompts[0])
    assert 0 < ahead < int(told.lengths[0])
    counts = [stage.counts(batch) for batch in (told, bare)]
    assert counts[0]["flow"] == counts[1]["flow"] - FRAMES_PER_CODE * ahead and counts[0]["mu"] == counts[1]["mu"]
    frames = slice(0, FRAMES_PER_CODE * ahead)
    wrong = told._replace(noise=told.noise.clone())
    told.mel[..., frames] += 1.0  # changes what is told,
    heard = stage.losses(told, "all", 0)["flow"].item()
    told.mel[..., frames] -= 1.0
    assert heard != pytest.approx(stage.losses(wrong, "all", 0)["flow"].item(), rel=1e-6)


def test_untold_pairs_hear_neither_codes_nor_voice_nor_prompt(stage: FlowStage) -> None:
    item = replace(stage.items(0)[0], is_told=False)
    batch = stage.batch([item])
    other = batch._replace(codes=(batch.codes + 1) % FLOW.num_codes, voices=-batch.voices)
    with torch.no_grad():
        assert torch.equal(stage.model(batch)[0], stage.model(other)[0])
        told = stage.batch([replace(item, is_told=True)])
        assert not torch.equal(stage.model(told)[0], stage.model(batch)[0])


@pytest.mark.parametrize("block", [10, 25])
def test_what_is_trained_under_a_block_is_what_a_stream_computes(stage: FlowStage, block: int) -> None:
    """One Euler step of a stream in calls of `block` codes is noise plus the trained path's velocity at time 0."""
    flow = stage.model.flow.eval()
    for parameter in flow.parameters():  # what begins at zero would hide a wrong mask
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    batch = stage.batch([replace(stage.items(0)[0], is_prompted=False, is_told=True, time=0.0, block=block)])
    num = int(batch.lengths[0])
    assert num > 2 * block
    noise = Seeded(torch.zeros(1, dtype=torch.int64), FLOW_STREAM, 80)(torch.zeros(1, dtype=torch.int64), 2 * num)
    batch.noise[..., : 2 * num] = noise
    look = flow.config.conformer.look_ahead
    with torch.no_grad():
        v = stage.model(batch)[0][..., : 2 * num]
        options = flow.options(steps=1, guidance=0.0, truncation=None)
        state = flow.init_state(1, speaker=flow.speaker(batch.voices), options=options, capacity=num + look)
        cuts, parts = [*range(block + look, num, block), num], []
        for start, end in zip([0, *cuts], cuts, strict=False):
            mel, left = flow(batch.codes[:, start:end], state, end == num)
            assert left is not None
            state, _ = left, parts.append(mel)
        free = stage.model(batch._replace(block=torch.tensor(0)))[0][..., : 2 * num]
    made = torch.cat(parts, dim=-1)
    assert (made - (noise + v)).abs().max() < 2e-4
    assert (free - v).abs().max() > 1e-2  # without the block it is another function


def test_a_stream_is_as_long_as_its_codes(stage: FlowStage) -> None:
    flow = stage.model.flow.eval()
    voice = stage.voice_of(stage.clips[0])
    prompt, shown = stage.rows(stage.clips[0], 30)
    for num in (1, 13, 14, 60):
        with torch.no_grad():
            mel = streamed(flow, torch.arange(num) % 27, prompt[None], shown.mT[None], voice, steps=1)
        assert mel.shape == (2 * num, 80)


def test_parts_that_do_not_fit_are_refused(speech: str, place: Place) -> None:
    with pytest.raises(ConfigError, match="27 codes and the flow 81"):
        made(speech, place, sizes=replace(FLOW, num_codes=81))
    with pytest.raises(ConfigError, match="vectors of 192 numbers"):
        made(speech, place, sizes=replace(FLOW, speaker_dim=64))


def test_it_begins_from_a_model(speech: str, place: Place, random_model: Path) -> None:
    stage = made(speech, place, tokenizer=str(random_model), init=str(random_model))
    assert stage.model.flow.config.num_codes == 3**8
    first, last = learn(stage, 2)
    assert first.keys() == last.keys() == {"flow", "mu"}


def rough(stage: FlowStage) -> None:
    """Make a flow without training one whose velocity depends on everything."""
    for parameter in stage.model.flow.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    stage.model.flow.eval()


def test_a_walk_is_the_one_that_the_teacher_takes(stage: FlowStage) -> None:
    """From noise, in one step of the learner: noise plus its velocity is what the teacher renders in four steps."""
    rough(stage)
    batch = stage.batch([replace(stage.items(0)[0], is_prompted=False, is_told=True, time=0.0, block=0)])
    num = int(batch.lengths[0])
    noise = Seeded(torch.zeros(1, dtype=torch.int64), FLOW_STREAM, 80)(torch.zeros(1, dtype=torch.int64), 2 * num)
    batch.noise[..., : 2 * num] = noise
    flow = stage.model.flow
    with torch.no_grad():
        options = flow.options(steps=4, guidance=0.5, truncation=None)
        state = flow.init_state(1, speaker=flow.speaker(batch.voices), options=options, capacity=num)
        made, _ = flow(batch.codes[:, :num], state, True)
    walk = Walk(teacher="", steps=4, guidance=0.5, into=1)
    found = noise + walked(stage.model, batch, walk)[..., : 2 * num]
    assert (found - made).abs().max() < 1e-3
    two, halves = replace(walk, into=2), batch
    for time in two.times:
        halves = halves._replace(time=torch.tensor([time]))
        ahead = walked(stage.model, halves, two)
        end = 1.0 if time else two.times[1]
        reached = halves.noisy + (end - time) * ahead
        halves = halves._replace(noise=reached, mel=reached)  # so that x(t) is where this step has led
    assert (halves.noisy[..., : 2 * num] - made).abs().max() < 1e-3


def test_a_walk_is_learned(speech: str, place: Place) -> None:
    """The learner comes nearer to a frozen teacher, at the times where its steps begin and with everything told."""
    teacher = made(speech, place)
    rough(teacher)
    folder = place.runs / "taught"
    folder.mkdir()
    run = Run(name="taught", stage="antiphon.train.codec.flow:stage", options=teacher.options, steps=1)
    (folder / "run.json").write_text(run.to_json())
    write_weights(folder, {f"flow.{name}": tensor for name, tensor in teacher.model.flow.state_dict().items()})
    walk = Walk(teacher="taught", steps=4, guidance=0.5, into=2)
    stage = made(speech, place, walk=walk, untold=0.0)
    items = [item for step in range(20) for item in stage.items(step)]
    assert {item.time for item in items} == set(walk.times) and all(item.is_told for item in items)
    before = [tensor.clone() for tensor in stage.teacher.state_dict().values()] if stage.teacher else []
    first, last = learn(stage, 30)
    assert last["flow"] < 0.8 * first["flow"], (first, last)
    assert stage.teacher is not None and before
    assert all(torch.equal(a, b) for a, b in zip(before, stage.teacher.state_dict().values(), strict=True))


def test_walks_that_cannot_be_learned(speech: str, place: Place) -> None:
    with pytest.raises(ConfigError, match="must be a multiple"):
        Walk(teacher="taught", steps=5, into=2)
    with pytest.raises(ConfigError, match="everything told; set it to 0"):
        made(speech, place, walk=Walk(teacher="taught"))
