"""The house is as it says: its door, its layers, its words."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import antiphon
from antiphon.data import families, world

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "antiphon"


def test_the_door_is_exactly_what_it_says() -> None:
    assert antiphon.__all__ == sorted(antiphon.__all__) and len(set(antiphon.__all__)) == len(antiphon.__all__)
    for name in antiphon.__all__:
        assert getattr(antiphon, name) is not None
    assert {"load", "Session", "Audio", "Message", "Event", "AntiphonError"} <= set(antiphon.__all__)
    with pytest.raises(AttributeError):
        antiphon.nothing  # noqa: B018


def test_importing_the_package_loads_no_torch() -> None:
    for module in ("antiphon", "antiphon.text", "antiphon.text.variants", "antiphon.config", "antiphon.cli.main"):
        code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0, module


def test_layers_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports as l; sys.exit(l('.importlinter', no_cache=True))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)  # it disables loggers
    assert ran.returncode == 0, ran.stdout


def test_no_reply_stands_in_the_source_outside_the_grammars() -> None:
    replies = {families.NOTHING_HEARD, *families.FILLERS, *(f.reply for f in world.all_families())}
    fixed = {re.sub(r"\{\w+\}.*", "", reply).strip(" .").lower() for reply in replies}
    fixed = {text for text in fixed if len(text.split()) >= 3}
    assert len(fixed) > 10
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "data":
            continue
        source = path.read_text(encoding="utf8").lower()
        assert not [text for text in fixed if text in source], path


def test_no_package_that_does_not_load_beside_torch() -> None:
    unwanted = re.compile(r"^\s*(?:import|from) (torchaudio|torchvision|torchcodec|transformers)", re.M)
    for path in [*PACKAGE.rglob("*.py"), *Path(ROOT / "recipes").rglob("*.py")]:
        source = path.read_text(encoding="utf8")
        assert not unwanted.search(source), path
