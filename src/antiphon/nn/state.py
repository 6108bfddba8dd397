"""The algebra of states: stack, row, select, fork, to, save, load, written once for every stream state.

A state is a frozen dataclass made by the `state` decorator. Its tensors are batch-first, so joining a batch is a
concatenation and leaving it is a slice; a state nested in a state, or a tuple of states, follows its parent. A class
whose tensors are not all batch-first (a cache pool shared by many streams) answers the same verbs itself by defining
`_stack`, `_row`, `_select`, `_fork`.

    state = module.init_state(batch=1)
    y, state = module(x, state)            # the old state is still good: going back is keeping it
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
import torch.utils._pytree as pytree
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from typing_extensions import dataclass_transform

from antiphon.errors import InputError

S = TypeVar("S")
T = TypeVar("T")


def static(default: Any) -> Any:
    """A field of a state that is no tensor and never changes while the stream runs."""
    return field(default=default, metadata={"static": True})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(static,))
def state(cls: type[T]) -> type[T]:
    """Make `cls` a stream state: a frozen, keyword-only dataclass that is also a pytree."""
    made = cast(Any, dataclass(frozen=True, kw_only=True)(cls))
    dynamic = tuple(f.name for f in fields(made) if not f.metadata.get("static"))
    fixed = tuple(f.name for f in fields(made) if f.metadata.get("static"))

    def flatten(value: Any) -> tuple[list[Any], Any]:
        return [getattr(value, n) for n in dynamic], tuple(getattr(value, n) for n in fixed)

    def unflatten(leaves: Any, context: Any) -> Any:
        return made(**dict(zip(dynamic, leaves, strict=True)), **dict(zip(fixed, context, strict=True)))

    name = f"{made.__module__}.{made.__qualname__}"
    pytree.register_pytree_node(made, flatten, unflatten, serialized_type_name=name)
    return cast(type[T], made)


def is_state(value: Any) -> bool:
    """Whether `value` is a stream state (and not a tensor or a tuple of them)."""
    return is_dataclass(value) and not isinstance(value, type)


def _map(verb: Callable[..., Tensor], own: str, *values: Any, **options: Any) -> Any:
    """Apply `verb` to the tensors at the same place of every value; a class with its own answer gives it."""
    first = values[0]
    if isinstance(first, Tensor):
        return verb(*values, **options)
    if isinstance(first, tuple):
        return tuple(_map(verb, own, *items, **options) for items in zip(*values, strict=True))
    if first is None:
        assert all(v is None for v in values), "a part of a state is there in one stream and missing in another"
        return None
    assert is_state(first), f"a state holds tensors, states, tuples or static fields, not {type(first).__name__}"
    if hasattr(first, own):
        return getattr(type(first), own)(*values, **options)
    return replace(first, **{n: _map(verb, own, *[getattr(v, n) for v in values], **options) for n in _names(first)})


def _names(state: Any) -> list[str]:
    """The fields of a state that change while the stream runs."""
    return [] if state is None else [f.name for f in fields(state) if not f.metadata.get("static")]


def stack(states: Sequence[S]) -> S:
    """Several streams become one batch, in order. Caches of one pool are joined without copying a byte."""
    if not states:
        raise InputError("no state was given to stack; give at least one.")
    return cast(S, _map(lambda *t: torch.cat(t), "_stack", *states))


def row(state: S, index: int) -> S:
    """Stream `index` of a batch, as a batch of one; -1 is the last, a missing one is an IndexError."""
    return cast(S, _map(lambda t, index: t[index][None], "_row", state, index=index))


def select(mask: Tensor, new: S, old: S) -> S:
    """Per stream: the new state where `mask` (bool [b]) is true, else the old one: silent streams wait."""

    def pick(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask.view(-1, *[1] * (a.dim() - 1)), a, b)

    return cast(S, _map(pick, "_select", new, old, mask=mask))


def fork(state: S) -> S:
    """A copy that shares no memory with the original: two futures from one past."""
    return cast(S, _map(lambda t: t.clone(), "_fork", state))


def to(state: S, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> S:
    """The state on another device or, for its floating tensors, in another dtype."""

    def move(t: Tensor) -> Tensor:
        return t.to(device=device, dtype=dtype if t.is_floating_point() else None)

    return cast(S, pytree.tree_map_only(Tensor, move, state))


def leaves(state: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a state with its dotted path, in the order of the pytree."""
    if isinstance(state, Tensor):
        yield path, state
        return
    if isinstance(state, tuple):
        parts = [(str(i), part) for i, part in enumerate(state)]
    else:
        parts = [(n, getattr(state, n)) for n in _names(state)]
    for name, part in parts:
        yield from leaves(part, f"{path}.{name}" if path else name)


def save(state: Any, path: Path | str) -> None:
    """Write a state to one safetensors file; of a shared cache only its own rows."""
    save_file({name: tensor.detach().contiguous() for name, tensor in leaves(fork(state))}, str(path))


def load(path: Path | str, like: S) -> S:
    """Read a state back; `like` (a fresh `init_state`) says its class and dtypes, the file says every size.

    Raises InputError for a file that is no state, or the state of another kind of module.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            held = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} could not be read as a saved state ({error}); save one with `save`.") from error
    wanted = dict(leaves(like))
    for name in sorted(set(wanted) ^ set(held)) or [n for n in wanted if _kind(wanted[n]) != _kind(held[n])]:
        raise InputError(f"{path} holds another kind of state ({name} differs); load it with the module that saved it.")
    flat, spec = pytree.tree_flatten(like)
    names = iter(wanted)
    return cast(S, pytree.tree_unflatten([_home(leaf, held, names) for leaf in flat], spec))


def _kind(tensor: Tensor) -> tuple[torch.dtype, int]:
    return tensor.dtype, tensor.dim()


def _home(leaf: Any, held: dict[str, Tensor], names: Iterator[str]) -> Any:
    return held[next(names)].to(leaf.device) if isinstance(leaf, Tensor) else leaf
