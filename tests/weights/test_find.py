"""Finding a model: what each kind of name means, and one sentence where there is nothing."""

from pathlib import Path

import pytest

from antiphon.errors import WeightsError
from antiphon.text.variants import VARIANTS
from antiphon.weights.find import HUB_IDS, find, preset
from antiphon.weights.folder import variant_of


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert find(tmp_path).folder == tmp_path
    assert find(str(tmp_path)).folder == tmp_path


@pytest.mark.parametrize("name", ["mini", "mini-base", "mini-think", "r1", "32b"])
def test_offline_says_where_it_looked_and_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        find(name)
    message = str(caught.value)
    assert HUB_IDS[name] in message and str(tmp_path) in message and "give the folder" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["no-such-preset", "./nowhere", "/no/where", "a/b/c", ""])
def test_nothing_is_one_sentence(name: str) -> None:
    with pytest.raises(WeightsError, match="preset"):
        find(name)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match="a file"):
        find(tmp_path / "x.bin")


def test_another_hub_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_HUB", "elsewhere")
    with pytest.raises(WeightsError, match="ANTIPHON_HUB"):
        find("mini")


def test_names_tell_the_prompt_style() -> None:
    told = {name: variant_of(hub.split("/")[1]) for name, hub in HUB_IDS.items()}
    assert told == {
        "mini": None,
        "mini-base": "mini-base",
        "mini-think": "mini-think",
        "r1": "r1",
        "r1.1": "r1",
        "32b": "r1",
    }


def test_every_preset_names_a_known_variant() -> None:
    for name in ("mini", "mini-base", "mini-think", "r1", "32b"):
        assert preset(name).variant in VARIANTS and preset(name).name == name
    with pytest.raises(WeightsError, match="presets are"):
        preset("../mini")
