"""Strict loading: a module is laid out on the meta device, checked against a checkpoint, then given its tensors.

Nothing is allocated before names and shapes agree; then each tensor is read, cast and moved one at a time, so that the
peak is the model itself plus one tensor. Missing, extra and misshapen tensors are one error that names them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from tqdm import tqdm

from antiphon.errors import WeightsError
from antiphon.weights.tensors import Store

M = TypeVar("M", bound=nn.Module)
DRAWS = (
    "normal_",
    "uniform_",
    "trunc_normal_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "xavier_normal_",
    "xavier_uniform_",
)
PATIENCE_S = 1.0  # a load that takes longer shows a bar
SHOWN = 3  # names given per kind of disagreement


class _NoDraws(TorchFunctionMode):
    """Leave initial values undrawn and norms unmeasured: on the meta device each of them imports half a compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in DRAWS:
            return args[0] if args else kwargs["tensor"]
        if func is torch.norm_except_dim:
            direction, _, axis = args
            return direction.new_empty([n if i == axis else 1 for i, n in enumerate(direction.shape)])
        if func is torch._weight_norm:
            return torch.empty_like(args[0])
        return func(*args, **(kwargs or {}))


def skeleton(make: Callable[[], M]) -> M:
    """The module with every size and no memory."""
    with torch.device("meta"), _NoDraws():
        return make()


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that a checkpoint of this module holds."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def check(store: Store, expected: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Raise one WeightsError that names what is missing, extra or of another shape."""
    missing = [name for name in expected if name not in store]
    extra = [name for name in store if name not in expected]
    odd = [
        f"{name} is {list(store[name].shape)} instead of {list(shape)}"
        for name, shape in expected.items()
        if name in store and store[name].shape != tuple(shape)
    ]
    found = [_several(missing, "missing"), _several(extra, "not known"), _several(odd, "misshapen")]
    if any(found):
        raise WeightsError(
            f"{store.where} does not fit the {what} of its configuration, which has {len(expected)} tensors: "
            f"{'; '.join(f for f in found if f)}; use the files that belong together."
        )


def _several(names: list[str], how: str) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {how} ({', '.join(names[:SHOWN])}{more})" if names else ""


def _shown(names: Iterable[str], what: str) -> Iterable[str]:
    """The names again, with a bar on a terminal's standard error once they take over a second."""
    return tqdm(names, desc=f"loading the {what}", unit=" tensors", delay=PATIENCE_S, leave=False, disable=None)


def build(
    make: Callable[[], M],
    store: Store,
    *,
    what: str,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = torch.float32,
) -> M:
    """A module in evaluation mode with the tensors of `store`; floating ones become `dtype` (None: as stored)."""
    module = skeleton(make)
    expected = shapes(module)
    check(store, expected, what)

    def fetch(name: str) -> Tensor:
        tensor = store[name].read()
        wanted = dtype if tensor.is_floating_point() else None
        return tensor.to(device=device, dtype=wanted).contiguous()

    module.load_state_dict({name: fetch(name) for name in _shown(expected, what)}, strict=True, assign=True)
    unset = [name for name, tensor in (*module.named_parameters(), *module.named_buffers()) if tensor.is_meta]
    assert not unset, f"{what} computes {unset[:SHOWN]} at construction; such values must be computed when used"
    return module.eval()
