"""The curricula hold together: mixtures sum, published numbers stand, stages follow one another, mini fits on meta."""

import subprocess
import sys
from pathlib import Path

import pytest

import antiphon
from antiphon.errors import ConfigError
from antiphon.rates import SAMPLES_PER_CODE
from antiphon.runtime.speech import render
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.variants import variant
from antiphon.train.dry import plan, report
from antiphon.train.examples import Builder
from antiphon.train.options import PRESETS, Part, SpeechOptions, total
from antiphon.train.recipe import load_recipe
from antiphon.train.records import Spoken
from antiphon.train.run import Run, override
from antiphon.train.sounds import Sounds
from antiphon.train.tasks import NOTHING, TASKS, TEXT
from recipes.mini import curriculum as mini
from recipes.nano import curriculum as nano
from recipes.nano import phrasebook, records

ROOT = Path(__file__).parents[2]
QUESTION = str(PRESETS / "nano" / "question.wav")
NANO, MINI = str(ROOT / "recipes" / "nano"), str(ROOT / "recipes" / "mini")


def audio(parts: tuple[Part, ...]) -> float:
    return sum(part.tokens for part in parts if part.task != "text")


def test_the_published_mixtures_sum() -> None:
    """Billions of tokens: the report's halves of each stage, and 1 356 before SFT."""
    assert total(mini.ALIGN) == 100 and total(mini.ALIGN_LITE) == 3
    assert (total(mini.VOCABULARY), audio(mini.VOCABULARY)) == (256, 128)
    assert (total(mini.MAIN), audio(mini.MAIN)) == (800, 400)
    assert (total(mini.COOLDOWN), audio(mini.COOLDOWN)) == (pytest.approx(200), pytest.approx(100))
    assert total(mini.SFT) == pytest.approx(4)
    before = (mini.ALIGN, mini.VOCABULARY, mini.MAIN, mini.COOLDOWN)
    assert sum(map(total, before)) == pytest.approx(1356)


def test_nanos_mixtures_sum_to_hundred() -> None:
    first = (nano.TEXT, nano.PSEUDO, nano.EAR_PARTS, nano.ALIGN, nano.VOCABULARY)
    mixtures = (*first, nano.MAIN, nano.COOLDOWN, nano.SFT)
    assert [total(parts) for parts in mixtures] == [100.0] * len(mixtures)
    learned = {part.task for parts in mixtures for part in parts}
    assert set(TASKS) == learned


def test_the_published_rates_stand() -> None:
    runs = {run.name: run for run in mini.curriculum()}
    rates = {name: dict(run.options.rates.moving()) for name, run in runs.items()}
    assert rates["align"] == {"adaptor": 1e-4} and runs["align"].steps == 12_000 and runs["align"].longest == 8_192
    assert rates["vocabulary"] == {"llm": 2e-5, "adaptor": 5e-5, "embed": 5e-5, "head": 4e-5}
    assert set(rates["main"].values()) == set(rates["cooldown"].values()) == {2e-5}
    assert set(rates["sft"].values()) == {1e-5}
    last = {name: run.schedule.floor * max(rates[name].values()) for name, run in runs.items()}
    assert last["align"] == pytest.approx(2e-5) and last["cooldown"] == pytest.approx(5e-6)
    assert last["sft"] == pytest.approx(1e-6) and last["main"] == 2e-5
    assert runs["align"].options.batch == pytest.approx(100e9 / 12_000, rel=0.01)
    assert all("encoder" not in moving for moving in rates.values())  # frozen in the whole training


def test_mini_is_laid_out_without_memory() -> None:
    plans = {run.name: plan(run) for run in mini.curriculum()[:2]}
    align, vocabulary = plans["align"], plans["vocabulary"]
    whole = 8_315_179_264 + 3_584  # all of mini, and the vector of nothing said
    assert align.trainable + align.frozen == vocabulary.trainable + vocabulary.frozen == whole
    assert align.trainable == align.sizes["adaptor"] == 14_883_584
    assert vocabulary.frozen == vocabulary.sizes["encoder"] and vocabulary.sizes["head"] == 158_720 * 3_584
    assert vocabulary.mixture == {"text": 128.0, "tts": 80.0, "talk": 32.0, "interleave": 16.0}
    text = report(mini.curriculum()[:1])
    assert "14,883,584 parameters learn (adaptor 0.0001)" in text and "12,000 steps of 8,388,608 tokens" in text
    with pytest.raises(ConfigError, match="sequences of 99999"):
        plan(override(mini.align(), ["longest=99999"]))


@pytest.mark.parametrize("path", [NANO, MINI, f"{MINI}/recipe.py:lite"])
def test_the_recipes_are_whole(path: str) -> None:
    runs = [step for step in load_recipe(path) if isinstance(step, Run)]
    for run in runs:
        assert Run.from_json(run.to_json()) == run and Run.from_json(run.smoke().to_json()) == run.smoke()
        if isinstance(run.options, SpeechOptions):
            assert run.options.dev, "every run that hears is watched"
            assert run.options.batch % run.micro_size == 0
    names = [run.name for run in runs]
    assert all(run.init_from in names[: names.index(run.name)] for run in runs if run.init_from)
    assert names[names.index("main") :] == ["main", "cooldown", "sft"]
    assert runs[-1].options.learns == "last"


def test_nano_is_trained_by_one_command() -> None:
    """What speaks, the language model, the model that they are; or from one that ships, without its first steps."""
    whole = [step.name for step in load_recipe(NANO)]
    assert whole.index("codec") < whole.index("text") and whole[-1] == "model"
    begun = load_recipe(NANO, ["begin=nano"])
    names = [step.name for step in begun]
    assert set(names) == set(whole) - {"speaker", "text", "ears", "vocabulary"}
    assert {step.name: step.init_from for step in begun if isinstance(step, Run)}["pseudo"] == "nano"
    frozen = begun[0].options
    assert frozen.frozen and frozen.init == "nano"  # the codes go on meaning what they meant
    moving = next(step for step in begun if step.name == "pseudo").options.rates
    assert set(dict(moving.moving())) == {"llm", "embed", "head"}  # words that it may not know; then the ears follow
    again = {step.name for step in load_recipe(NANO, ["begin=nano", "codes=new"])}
    assert again == set(whole) - {"text", "ears"}
    with pytest.raises(ConfigError, match="kept"):
        load_recipe(NANO, ["begin=nano", "codes=old"])


def test_pages_of_sums_learn_their_results() -> None:
    """Written or aloud, as many words are learned as a result has."""
    builder = Builder(Tokenizer.load(PRESETS / "nano"), variant("nano"), Sounds(Path()), longest=4096)
    voice = {"yes.": Spoken(text="yes.", codes=tuple(range(40)), words=(("yes", 0.1, 0.9),))}
    written, aloud = next(records.sums(1)), next(records.spelt(1, voice))
    results = [item.strip() for item in written.messages[0].items if isinstance(item, str)]
    assert len(results) == records.SUMS and all(result.endswith(".") for result in results)
    for page in (written, aloud):
        example = builder.build(page, "0")
        said = builder.tokenizer.decode([i for i, kind in zip(example.ids, example.kinds, strict=True) if kind == TEXT])
        assert " is " not in said and "plus" not in said and said.count(".") == (records.SUMS if page is written else 5)
    assert set(builder.build(aloud, "0").kinds) == {NOTHING, TEXT}


def test_sums_are_translated() -> None:
    assert phrasebook.to_chinese("forty two plus seven is forty nine.") == "四十二加七等于四十九。"
    assert phrasebook.to_chinese("ten minus ten is zero.") == "十减十等于零。"
    for text in ("what is one plus two?", "paris is big.", "one plus two is three four.", "a plus b is c."):
        assert phrasebook.to_chinese(text) is None


@pytest.mark.slow
def test_every_stage_of_nano_runs(tmp_path: Path) -> None:
    """The whole curriculum, a few steps each, its tiny corpus included; the issue asks for less than five minutes."""
    done = subprocess.run(
        [sys.executable, "-m", "antiphon.cli.main", "train", NANO, "--smoke", "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for step in load_recipe(NANO):
        assert (tmp_path / step.name / "model.safetensors").exists()
    assert list((tmp_path / "sft" / "samples").rglob("*.json"))  # with sound: tests/train/test_speech.py
    talk = [sys.executable, "-m", "antiphon.cli.main", "talk", QUESTION, "--model", str(tmp_path / "model")]
    said = subprocess.run([*talk, "--text-only", "--max-tokens", "40"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr[-2000:]
    model = antiphon.load(str(tmp_path / "model"))  # a few steps may not have taught it when to speak: it is made to
    assert model.voice is not None
    sound = render(model.voice, model.opened(model.default_voice(), 0), range(50))
    assert len(sound) == 50 * SAMPLES_PER_CODE and sound.isfinite().all() and sound.abs().max() > 0
    assert not [path for path in tmp_path.rglob("log.jsonl") if "NaN" in path.read_text()]
