"""Recipes are found and checked before anything is trained; whatever is wrong in them is one sentence."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from antiphon.errors import ConfigError
from antiphon.train.recipe import chosen, load_recipe, with_settings
from antiphon.train.run import Optimizer, Run, override
from tests.cli.conftest import Run as Command
from tests.cli.conftest import antiphon  # noqa: F401
from tests.train.tiny import Options, run

TINY = "tests/train/tiny.py"


@dataclass(frozen=True, kw_only=True)
class Deep:
    """Options of every kind that a recipe may have."""

    words: tuple[str, ...] = ("a", "b")
    pair: tuple[int, float] = (1, 0.5)
    maybe: int | None = None
    inner: Optimizer = field(default_factory=Optimizer)
    parts: tuple[Options, ...] = (Options(), Options(turns=2))
    flag: bool = False


def test_json_is_exact_both_ways() -> None:
    for what in (run(), run(options=None), run(options=Deep(maybe=3)), run(init_from="x", longest=7, best="wer")):
        assert Run.from_json(what.to_json()) == what
        assert Run.from_json(what.to_json()).to_json() == what.to_json()


def test_override_is_checked_against_the_dataclass() -> None:
    new = override(
        run(options=Deep()),
        ["steps=7", "optimizer.clip=2", "optimizer.betas=[0.5,0.9]", "options.words=[\"x\"]", "options.maybe=4"]
        + ["schedule.kind=linear", "name=other", "longest=null", "options.flag=true", "options.inner.eps=1e-3"],
    )
    assert (new.steps, new.name, new.longest, new.schedule.kind) == (7, "other", None, "linear")
    assert new.optimizer == Optimizer(clip=2.0, betas=(0.5, 0.9))
    assert new.options == Deep(words=("x",), maybe=4, flag=True, inner=Optimizer(eps=1e-3))


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("stesp=3", "run has no field 'stesp'; did you mean 'steps'"),
        ("optimizer.clp=3", "run.optimizer has no field 'clp'; did you mean 'clip'"),
        ("options.dropuot=3", "run.options has no field 'dropuot'; did you mean 'dropout'"),
        ("steps=many", "run.steps is 'many'; a value of type int was expected"),
        ("steps=1.5", "run.steps is 1.5; a value of type int was expected"),
        ("optimizer.betas=[1]", "run.optimizer.betas is [1]"),
        ("optimizer=3", "run.optimizer is 3; a value of type Optimizer"),
        ("steps.more=3", "run.steps has no fields"),
        ("steps", "--set steps has no value"),
        ("steps=0", "steps of run 'tiny' is 0; at least 1 is needed"),
        ("dtype=float64", "it is float32, bfloat16 or auto"),
        ("schedule.kind=cosin", "it is one of cosine, linear and constant"),
        ("name=a/b", "a name that can be a folder was expected"),
        ("keep=1", "at least 2 is needed"),
    ],
)
def test_a_typo_in_a_setting(setting: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        override(run(), [setting])
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_unknown_keys_in_json_are_refused() -> None:
    with pytest.raises(ConfigError, match="run has no field 'stepz'; did you mean 'steps'"):
        Run.from_json(run().to_json().replace('"steps"', '"stepz"'))
    with pytest.raises(ConfigError, match="has no 'Optoins'; did you mean 'Options'"):
        Run.from_json(run().to_json().replace("tiny:Options", "tiny:Optoins"))


def test_a_recipe_is_a_file_a_function_or_a_folder(tmp_path: Path) -> None:
    assert [r.name for r in load_recipe(TINY)] == ["tiny", "more"]
    assert load_recipe(f"{TINY}:run") == [run()]
    (tmp_path / "recipe.py").write_text("from tests.train.tiny import recipe\n")
    assert load_recipe(str(tmp_path)) == load_recipe(TINY)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def recipe():\n    return []", "has no runs"),
        ("def recipe():\n    return [3]", "returned a value of type int; Runs were expected"),
        ("def recipe():\n    return [run(), run()]", "two runs called 'tiny'"),
        ("def recipe():\n    return [run(), run(name='b', init_from='tinny')]", "did you mean 'tiny'"),
        ("def recipe():\n    return run(options=3)", "are no dataclass"),
        ("def recip():\n    return run()", "has no function 'recipe'; did you mean 'recip'"),
    ],
)
def test_a_recipe_that_does_not_hold_together(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / f"r{abs(hash(text))}.py"
    file.write_text(f"from tests.train.tiny import run\n\n\n{text}\n")
    with pytest.raises(ConfigError) as error:
        load_recipe(str(file))
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_parameters_of_a_recipe_are_set_as_fields_are(tmp_path: Path) -> None:
    file = tmp_path / "told.py"
    file.write_text(
        "from antiphon.train.export import Export\n"
        "from tests.train.tiny import run\n\n\n"
        "def recipe(begin: str | None = None, size: int = 1):\n"
        "    return [run(seed=size, init_from=begin), Export(name='model', base='nano', lm='tiny')]\n"
    )
    plain = load_recipe(str(file))
    told = load_recipe(str(file), ["begin=nano", "size=7", "steps=9", "model:layout=own"])
    assert [(r.init_from, r.seed, r.steps) for r in (plain[0], told[0])] == [(None, 1, 12), ("nano", 7, 9)]
    assert (plain[1].layout, told[1].layout) == ("released", "own")
    short = load_recipe(str(file), ["steps=5"], smoke=True)[0]
    assert short.steps == 5 and short.log_every == 1  # what is set is meant for the short runs
    assert [s.name for s in chosen(plain, ["model"])] == ["model"]
    for setting, sentence in (("size=many", "size of .*told.py is 'many'; a value of type"), ("bgin=x", "no field")):
        with pytest.raises(ConfigError, match=sentence):
            load_recipe(str(file), [setting])
    with pytest.raises(ConfigError, match="begins from 'nanu', which is no earlier run, no path and no model"):
        load_recipe(str(file), ["begin=nanu"])


def test_settings_for_all_runs_or_one() -> None:
    runs = with_settings(load_recipe(TINY), ["steps=9", "more:seed=5", "more:options.dropout=0.5"])
    assert [(r.steps, r.seed) for r in runs] == [(9, 3), (9, 5)]
    assert [r.options.dropout for r in runs] == [0.1, 0.5]
    assert [r.name for r in chosen(runs, ["more"])] == ["more"]
    with pytest.raises(ConfigError, match="the recipe has no run 'mroe'; did you mean 'more'"):
        with_settings(runs, ["mroe:steps=3"])
    with pytest.raises(ConfigError, match="it has tiny, more"):
        chosen(runs, ["x"])


def test_the_command(antiphon: Command, tmp_path: Path) -> None:  # noqa: F811
    ran = antiphon("train", TINY, "--folder", tmp_path, "--set", "steps=2", "--set", "more:steps=1")
    assert (ran.status, ran.out) == (0, "trained: tiny, more\n")
    assert (tmp_path / "more" / "model.safetensors").exists()
    for arguments in (["tests/train/tinny.py"], [TINY, "--set", "stesp=3"], [TINY, "--only", "moer"]):
        wrong = antiphon("train", *arguments, "--folder", tmp_path)
        assert wrong.status == 2 and wrong.out == "" and wrong.err.startswith("antiphon: ")
        assert wrong.err.count("\n") == 1 and "did you mean" in wrong.err


def test_smoke_takes_a_few_steps_of_every_run_and_leaves_nothing(
    antiphon: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    recipe = Path(TINY).resolve()
    monkeypatch.chdir(tmp_path)
    assert antiphon("train", recipe, "--smoke").status == 0
    assert list(tmp_path.iterdir()) == []
    assert antiphon("train", recipe, "--smoke", "--folder", "here").status == 0
    steps = [Run.from_json(p.read_text()).steps for p in sorted(tmp_path.glob("here/*/run.json"))]
    assert steps == [3, 3]
