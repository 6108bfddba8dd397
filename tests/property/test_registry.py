"""Nothing stateful escapes the laws: every class whose forward takes a state is registered, and so is every state."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import antiphon.nn.state as algebra
from tests.property.laws import COMPILE, LAWS, started
from tests.property.samples import PARTS, SAMPLES, class_of

PACKAGE = Path(algebra.__file__).parents[1]


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class of the package, found in its source so that nothing has to be imported."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield str(path.relative_to(PACKAGE)), node


def takes_state(node: ast.ClassDef) -> bool:
    """Whether the class has a `forward` with an argument named `state`."""
    forwards = [f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "forward"]
    return any(a.arg == "state" for f in forwards for a in [*f.args.args, *f.args.kwonlyargs])


def is_state(node: ast.ClassDef) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "state" for d in node.decorator_list)


SAMPLED = {class_of(name) for name in SAMPLES}
STATEFUL = {node.name: where for where, node in classes() if takes_state(node)}
STATES = {node.name: where for where, node in classes() if is_state(node)}


def test_the_walk_finds_what_is_there() -> None:
    assert {"CausalConv1d", "Decoder", "DecoderLayer", "SpeechLM", "Resampler"} <= set(STATEFUL)
    assert {"ConvState", "KVState", "ResampleState"} <= set(STATES)


@pytest.mark.parametrize("name", STATEFUL)
def test_every_class_that_takes_a_state_is_under_the_laws(name: str) -> None:
    assert (name in SAMPLED) != (name in PARTS), (
        f"{STATEFUL[name]} defines {name}, whose forward takes a state; add it to SAMPLES or, as a part, to PARTS."
    )


@pytest.mark.parametrize("name", sorted({*SAMPLED, *PARTS}))
def test_nothing_is_registered_that_is_gone(name: str) -> None:
    assert name in STATEFUL
    assert PARTS.get(name, name) in SAMPLED


@pytest.mark.parametrize("name", SAMPLES)
def test_exceptions_are_of_laws_that_exist_and_say_why(name: str) -> None:
    assert set(SAMPLES[name].excepted) <= {*LAWS, COMPILE}
    assert all(len(why) > 10 for why in [*SAMPLES[name].excepted.values(), *SAMPLES[name].silent.values()])


def test_every_class_of_state_is_carried_by_a_sample() -> None:
    carried: set[str] = set()

    def visit(value: Any) -> None:
        if isinstance(value, tuple):
            for part in value:
                visit(part)
        elif algebra.is_state(value):
            carried.add(type(value).__name__)
            for f in fields(value):
                visit(getattr(value, f.name))

    for sample in SAMPLES.values():
        visit(started(sample, sample.build(), 1))
    assert set(STATES) <= carried, f"no sample carries {set(STATES) - carried}"
