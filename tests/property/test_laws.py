"""One test over all stateful modules: the laws of a stream; and their mutation, so that they are known to bite."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.utils._pytree as pytree
from torch import Tensor

from antiphon.errors import AntiphonError
from antiphon.nn.state import fork, leaves
from tests.property.laws import COMPILE, LAWS, Stream, exact, run, started
from tests.property.samples import SAMPLES

CLAIMS = [(name, law) for name, sample in SAMPLES.items() for law in LAWS if law not in sample.excepted]


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@cache
def built(name: str) -> Any:
    return SAMPLES[name].build()


@pytest.mark.parametrize(("name", "law"), CLAIMS)
def test_law(name: str, law: str) -> None:
    LAWS[law](SAMPLES[name], built(name))


def mutated(state: Any, target: str) -> Any:
    """A fork of the state with one tensor moved in every place."""
    copy = fork(state)
    names = iter(leaves(copy))
    flat, spec = pytree.tree_flatten(copy)

    def move(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        path, tensor = next(names)
        assert tensor is leaf
        return leaf + 1 if path == target else leaf

    return pytree.tree_unflatten([move(leaf) for leaf in flat], spec)


def is_heard(name: str, target: str) -> bool:
    """Whether a stream goes on differently, or is refused, once one tensor of its state has been moved."""
    sample, module = SAMPLES[name], built(name)
    state, after = started(sample, module, 1), Stream(sample, 3, 3).chunks
    expected, _ = run(module, after, fork(state), ends=True)
    exact(run(module, after, fork(state), ends=True)[0], expected)  # unchanged, it is not heard
    try:
        got, _ = run(module, after, mutated(state, target), ends=True)
        exact(got, expected)
    except (AntiphonError, AssertionError, IndexError):
        return True
    return False


TENSORS = [
    (name, path, path in sample.silent)
    for name, sample in SAMPLES.items()
    for path, _ in leaves(started(sample, built(name), 1))
    if "mutation" not in sample.excepted
]


@pytest.mark.parametrize(("name", "target", "is_silent"), TENSORS)
def test_a_mutation_of_any_tensor_of_any_state_is_heard(name: str, target: str, is_silent: bool) -> None:
    assert is_heard(name, target) != is_silent


def test_exceptions_name_tensors_that_exist() -> None:
    for name, sample in SAMPLES.items():
        assert set(sample.silent) <= {path for path, _ in leaves(started(sample, built(name), 1))}


def test_every_module_compiles_into_one_graph_for_fifty_steps() -> None:
    names = [name for name, sample in SAMPLES.items() if COMPILE not in sample.excepted]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.property.compiling", *names]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.stdout.splitlines() == [f"ok {name}" for name in names], done.stdout + done.stderr[-2000:]
