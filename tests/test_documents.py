"""The documents say what is there: the map of files, commands, dependencies, licences, the sizes of files."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from antiphon.cli.main import app
from antiphon.data.engines import catalogue
from antiphon.data.synth import LICENCES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "antiphon"
README = (ROOT / "README.md").read_text(encoding="utf-8")
THIRD_PARTY = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The fenced blocks of one kind in the README."""
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.M | re.S)


def lines() -> list[str]:
    """Every command of the README, without its comment."""
    return [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]


def mapped() -> list[str]:
    """The entries of the README's map, as paths inside the package; folders end in a slash."""
    found, folders = [], list[str]()
    (text,) = [block for block in blocks("text") if block.startswith("src/antiphon/\n")]
    for line in text.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        name, what = line.split(maxsplit=1)
        assert what, f"{name} is not explained"
        folders[depth:] = [name]
        found.append("".join(folders))
    return found


def test_the_map_of_files_is_the_tree() -> None:
    entries = mapped()
    assert len(entries) == len(set(entries))
    inner = {f"{Path(e).parent}/" for e in entries}  # folders whose files are listed
    data = tuple(e for e in entries if e.endswith("/") and e not in inner)
    files = [p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    there = {p.relative_to(PACKAGE).as_posix() for p in files}
    there = {f for f in there if not f.endswith("/__init__.py") and not f.startswith(data)}
    listed = {e for e in entries if not e.endswith("/")}
    assert listed == there, f"not there: {sorted(listed - there)}; not in the map: {sorted(there - listed)}"
    assert all((PACKAGE / e).is_dir() for e in entries if e.endswith("/") and e != "presets/nano/")


def test_every_command_of_the_readme_is_understood() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = set()
    for line in (line for line in lines() if line.startswith("antiphon ")):
        name, *arguments = shlex.split(re.split(r" [<|] ", line)[0])[1:]
        shown.add(name)
        commands[name].make_context(name, arguments)  # a wrong option or argument is an error
    assert shown == set(commands)


def test_every_target_and_recipe_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)\b(?=`|  )", README)) >= {"talk", "test", "test-slow", "test-gpu"}
    assert {line.split()[1] for line in lines() if line.startswith("make ")} <= targets
    recipes = re.findall(r"\b(recipes(?:\.\w+)+)", README)
    missing = [r for r in recipes if not (ROOT / f"{r.replace('.', '/')}.py").exists()]
    assert recipes and not missing
    files = re.findall(r"`((?:tests|examples|benches|\.ci)/[\w./-]+)`", README + (ROOT / "LAWS.md").read_text())
    assert files and not [f for f in files if not (ROOT / f).exists()]


def dependencies(group: str) -> set[str]:
    """The names in one list of pyproject.toml (its reader is not in Python 3.10)."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (found,) = re.findall(rf"^{group} = \[(.*?)\]$", text, re.M | re.S)
    return set(re.findall(r'"([\w-]+)', found))


def table(text: str, heading: str) -> dict[str, str]:
    """Rows of the table below a heading: the first cell to the rest."""
    part = text.split(f"\n## {heading}", 1)[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in part.splitlines() if line.startswith("| ")]
    return {row[0].strip("`"): row[1] for row in rows[1:]}


def test_every_dependency_is_explained_and_licensed() -> None:
    running = dependencies("dependencies")
    assert "torch" in running and "torchaudio" not in running
    assert set(table(README, "Dependencies, and why")) == running
    licensed = table(THIRD_PARTY, "Libraries")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = re.findall(r"^([\w-]+) = \[", text.split("[project.optional-dependencies]")[1].split("\n[")[0], re.M)
    assert {"dev", "faiss", "lancedb", "mcp"} <= set(names)
    extras = [dependencies(extra) for extra in names]
    assert set(licensed) == running.union(*extras)
    assert {name for name, rest in licensed.items() if rest.endswith("running")} == running


def test_every_voice_is_licensed() -> None:
    told = {voice: tuple(rest.split(" | ")) for voice, rest in table(THIRD_PARTY, "Speech that nano").items()}
    assert told == LICENCES
    assert not any("mbrola" in part for licence in LICENCES.values() for part in licence)


def test_every_engine_is_licensed() -> None:
    there = {(v.package, v.licence) for engine in catalogue.ENGINES.values() for v in engine.voices}
    told = {tuple(rest.split(" | ")) for rest in table(THIRD_PARTY, "Engines of").values()}
    assert told == there


def test_a_file_fits_in_the_head() -> None:
    long = []
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        long += [path.name] if text.count("\n") > 450 else []
        functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        long += [f"{path.name}: {n.name}" for n in functions if (n.end_lineno or 0) - n.lineno + 1 > 60]
    assert not long


def test_laws_name_ten() -> None:
    laws = re.findall(r"^(\d+)\. \*\*", (ROOT / "LAWS.md").read_text(encoding="utf-8"), re.M)
    assert laws == [str(n) for n in range(1, 11)]
    assert (ROOT / "LAWS.md").read_text(encoding="utf-8").count("*Enforced") == 10


@pytest.mark.slow
def test_the_readmes_python_and_the_examples_run(nano: Path, tmp_path: Path) -> None:
    from antiphon.audio.wave import Audio

    (tmp_path / "question.wav").write_bytes((nano / "question.wav").read_bytes())
    code, *others = blocks("python")
    for other in others:  # they need not print
        subprocess.run([sys.executable, "-c", other], cwd=tmp_path, check=True)
    runs = [
        ["-c", code],
        [str(ROOT / "examples/talk.py"), "question.wav", "example.wav"],
        [str(ROOT / "examples/migrate.py")],
    ]
    for arguments in runs:
        done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
    assert Audio.read(tmp_path / "answer.wav").rate == 24_000
    answer, example = ((tmp_path / name).read_bytes() for name in ("answer.wav", "example.wav"))
    assert answer == example  # the same answer, whoever asks
