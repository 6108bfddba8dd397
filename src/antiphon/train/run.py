"""A run: everything that decides what a training does, as one frozen value. Loads no torch.

A recipe is a Python function that returns a `Run`, or a list of them (a curriculum). What a stage itself needs is a
frozen dataclass of its own, in `options`; JSON names its class beside the values:

    run.to_json()  <->  Run.from_json(text)          exact both ways
    override(run, ["steps=100", "optimizer.clip=0.5", "options.width=64"])
"""

import dataclasses
import json
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from antiphon.errors import ConfigError

T = TypeVar("T")
CLASS = "class"  # the key that names an options class in JSON


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """AdamW. Learning rates belong to the stage's groups."""

    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    decay: float = 0.01
    clip: float = 1.0  # the gradient's norm is cut to this; 0: never


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The learning rate as a part of its peak, by step."""

    kind: str = "cosine"  # cosine, linear or constant, after a linear warm-up
    warm_up: int = 100
    floor: float = 0.05  # at the last step

    def __post_init__(self) -> None:
        if self.kind not in ("cosine", "linear", "constant"):
            raise ConfigError(f"schedule.kind is {self.kind!r}; it is one of cosine, linear and constant.")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of one stage."""

    name: str  # its folder, and what later runs call it
    stage: str  # module:factory
    options: Any = None  # a frozen dataclass of the stage
    seed: int = 0
    steps: int
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    micro_size: int = 4096  # padded size of a micro-batch, in the unit of Item.size
    longest: int | None = None  # items beyond this size are dropped, and counted
    dtype: str = "float32"  # or bfloat16, by autocast; auto: what the device is fast in
    init_from: str | None = None  # an earlier run of the recipe, or a path; its finished weights
    patience: int = 20  # steps in a row that may be skipped because something is not finite or has no target
    log_every: int = 10
    save_every: int = 500
    eval_every: int = 500  # 0: never but at the end
    sample_every: int = 0  # 0: never
    keep: int = 2  # checkpoints, besides the best
    best: str = ""  # the figure of `evaluate` by which a checkpoint is the best
    best_is_low: bool = True

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("micro_size", 1), ("log_every", 1), ("save_every", 1), ("keep", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} of run {self.name!r} is {getattr(self, name)}; at least {least} is needed.")
        if self.dtype not in ("float32", "bfloat16", "auto"):
            raise ConfigError(f"dtype of run {self.name!r} is {self.dtype!r}; it is float32, bfloat16 or auto.")
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ConfigError(f"a run is called {self.name!r}; a name that can be a folder was expected.")

    def to_json(self) -> str:
        """Everything, as text."""
        return json.dumps(plain(self), indent=2, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "Run":
        """The run that was written. Raises ConfigError for an unknown key or a value of the wrong type."""
        return build(Run, json.loads(text), "run")

    def smoke(self, steps: int = 3) -> "Run":
        """The same run for a few steps: everything happens once. `options.smoke()` makes options small, if there."""
        small = getattr(self.options, "smoke", None)
        return dataclasses.replace(
            self,
            steps=steps,
            options=small() if small else self.options,
            log_every=1,
            save_every=max(1, steps - 1),
            eval_every=steps,
            sample_every=steps if self.sample_every else 0,
        )


def find(path: str, what: str) -> Any:
    """The object at `module:name`. Raises ConfigError."""
    module, _, name = path.partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{what} is {path!r}, and there is no module {error.name}; give module:name.") from error
    if not hasattr(found, name):
        hint = nearest(name, [n for n in vars(found) if not n.startswith("_")])
        raise ConfigError(f"{what} is {path!r}, and {module} has no {name!r}{hint}; give module:name.")
    return getattr(found, name)


def plain(value: Any) -> Any:
    """A dataclass tree as JSON values; a value whose field has no class of its own says which it is."""
    if not dataclasses.is_dataclass(value):
        return [plain(v) for v in value] if isinstance(value, tuple | list) else value
    hints = get_type_hints(type(value))
    out = {}
    for f in dataclasses.fields(value):
        inner = getattr(value, f.name)
        named = dataclasses.is_dataclass(inner) and hints[f.name] is Any
        mark = {CLASS: f"{type(inner).__module__}:{type(inner).__qualname__}"} if named else {}
        out[f.name] = mark | plain(inner) if named else plain(inner)
    return out


def build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """A dataclass from JSON values, each checked against its field. Raises ConfigError."""
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise ConfigError(f"{where} has no field {key!r}{nearest(key, hints)}.")
    try:
        return kind(**{key: convert(value, hints[key], f"{where}.{key}") for key, value in values.items()})
    except TypeError as error:  # a field without a default is missing
        raise ConfigError(f"{where} is incomplete ({error}); give all of its fields.") from error


def convert(value: Any, hint: Any, where: str) -> Any:
    """A JSON value as what a field holds. Raises ConfigError naming the field."""
    if hint is Any:
        if isinstance(value, dict) and CLASS in value:
            rest = {k: v for k, v in value.items() if k != CLASS}
            return build(find(value[CLASS], f"{where}.{CLASS}"), rest, where)
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return build(hint, value, where)
    if get_origin(hint) in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        (hint,) = (h for h in get_args(hint) if h is not type(None))
        return convert(value, hint, where)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        kinds: Sequence[Any] = get_args(hint)
        kinds = [kinds[0]] * len(value) if len(kinds) == 2 and kinds[1] is Ellipsis else kinds
        if len(kinds) == len(value):
            return tuple(convert(v, k, f"{where}[{i}]") for i, (v, k) in enumerate(zip(value, kinds, strict=True)))
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", None) if get_origin(hint) is None else None
    raise ConfigError(f"{where} is {value!r}; a value of type {name or hint} was expected.")


def override(run: T, settings: Iterable[str]) -> T:
    """A run or an export with other values: `a.b=1`, read as JSON where it is JSON, else as a word.

    Raises ConfigError.
    """
    for setting in settings:
        path, value = read_setting(setting)
        run = _with(run, path.split("."), value, "run")
    return run


def read_setting(setting: str) -> tuple[str, Any]:
    """Path and value of `a.b=1`. Raises ConfigError if there is none."""
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {setting} has no value; write it as name=value, as in --set steps=100.")
    try:
        return path, json.loads(text)
    except json.JSONDecodeError:
        return path, text


def _with(held: T, path: list[str], value: Any, where: str) -> T:
    """A dataclass with one value, deep inside, replaced."""
    if not dataclasses.is_dataclass(held):
        raise ConfigError(f"{where} has no fields; {path[0]!r} cannot be set in it.")
    hints = get_type_hints(type(held))
    name, rest = path[0], path[1:]
    if name not in hints:
        raise ConfigError(f"{where} has no field {name!r}{nearest(name, hints)}.")
    inside = f"{where}.{name}"
    new = _with(getattr(held, name), rest, value, inside) if rest else convert(value, hints[name], inside)
    return dataclasses.replace(held, **{name: new})  # type: ignore[type-var]


def nearest(word: str, known: Iterable[str]) -> str:
    """What was probably meant, as the end of a clause; nothing if nothing is near."""
    close = get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]!r}" if close else ""


def differences(one: Any, other: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    """Where two trees of JSON values differ: the path, and both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = list(dict.fromkeys([*one, *other]))
        return [d for k in keys for d in differences(one.get(k), other.get(k), f"{where}.{k}" if where else k)]
    return [] if one == other else [(where, one, other)]
