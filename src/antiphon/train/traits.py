"""How things sound: classes that are known of a recording besides its words, and a head that learns to tell them.

    traits.jsonl    {"audio": "heard/00000:3", "span": [0, 48000], "is": {"event": "none", "scene": "rain"}}
                    {"audio": "heard/00000:3", "span": [0, 48000], "at": [6400, 30000], "is": {"gender": "female"}}

A conversation asks for one trait of one sound, which is little to learn from; here every sound tells all that is known
of it. A sound may have several lines; `at` (samples at 16 kHz from where the span begins) is the stretch of it that a
line tells of, such as where one of two people speaks. A dimension that a line leaves out is not known. The head looks
at the rows of a stretch, those that tell of each dimension by themselves; and how one speaks, every row of the stretch
shall tell alone, so that the language model finds it wherever it looks. The head is thrown away after the training.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from antiphon.errors import ConfigError
from antiphon.rates import rows_of
from antiphon.train.lexicon import UNKNOWN
from antiphon.train.records import Heard

Span = tuple[int, int]
Place = tuple[str, Span | None]


@dataclass(frozen=True)
class Told:
    """What is known of a stretch of a sound: of every dimension the class, UNKNOWN where nobody has told."""

    at: Span | None  # samples; None: the whole sound
    classes: tuple[int, ...]

    def rows(self, count: int) -> slice:
        """Its rows, at least one, of the `count` of the whole sound."""
        return slice(0, count) if self.at is None else rows_of(*self.at, count)


@dataclass(frozen=True)
class Traits:
    """Of each dimension its classes, in order, and what each weighs (rare ones more); of each sound what is told."""

    classes: Mapping[str, tuple[str, ...]]
    weights: Mapping[str, tuple[float, ...]]
    known: Mapping[Place, tuple[Told, ...]]

    @classmethod
    def load(cls, path: Path) -> "Traits":
        """Read a file of traits. Raises ConfigError with its line for one that cannot be read."""
        counted, rows = dict[str, Counter[str]](), list[tuple[Place, Span | None, dict[str, str]]]()
        if not path.exists():
            raise ConfigError(f"found no traits at {path}; write them, or leave the help `traits` away.")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                place = (str(row["audio"]), _span(row.get("span")))
                at = _span(row.get("at"))
                told = {str(name): str(value) for name, value in row["is"].items()}
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                raise ConfigError(f"{path}:{number} is no line of traits; expected audio, span and is.") from error
            rows.append((place, at, told))
            for name, value in told.items():
                counted.setdefault(name, Counter())[value] += 1
        classes = {name: tuple(sorted(counted[name])) for name in sorted(counted)}
        weights = {name: _weights([counted[name][value] for value in classes[name]]) for name in classes}
        known = dict[Place, tuple[Told, ...]]()
        for place, at, named in rows:
            one = Told(at, tuple(_class(kinds, named.get(name)) for name, kinds in classes.items()))
            known[place] = (*known.get(place, ()), one)
        return cls(classes, weights, known)

    def told(self, heard: Heard) -> tuple[Told, ...]:
        """What is known of a sound, a line for each stretch; nothing for a sound without a line."""
        return self.known.get((heard.audio, heard.span), ())


def _span(found: Sequence[int] | None) -> Span | None:
    return (int(found[0]), int(found[1])) if found else None


def _weights(counts: Sequence[int]) -> tuple[float, ...]:
    """By the root of how rare a class is; 1 on the mean over what there is."""
    raw = [count**-0.5 for count in counts]
    mean = sum(w * count for w, count in zip(raw, counts, strict=True)) / sum(counts)
    return tuple(w / mean for w in raw)


def _class(classes: Sequence[str], value: str | None) -> int:
    return UNKNOWN if value is None else classes.index(value)


class TraitHead(nn.Module):
    """Tells the traits of a sound from its rows. Carries no state."""

    def __init__(self, width: int, weights: Sequence[Sequence[float]]) -> None:
        """`weights` are those of each class, dimension by dimension."""
        super().__init__()
        self.look = nn.Linear(width, len(weights))
        self.tell = nn.ModuleList(nn.Linear(width, len(some)) for some in weights)
        for n, some in enumerate(weights):
            self.register_buffer(f"weight_{n}", torch.tensor(some), persistent=False)

    def forward(self, rows: Sequence[Float[Tensor, "_ d"]]) -> list[Float[Tensor, "b c"]]:
        """Scores of each dimension's classes, for each stretch of sound."""
        return self._looked(*_padded(rows))

    def _looked(self, x: Float[Tensor, "b t d"], real: Bool[Tensor, "b t"]) -> list[Float[Tensor, "b c"]]:
        looks = self.look(x).float().masked_fill(~real[..., None], float("-inf")).softmax(1)  # b t dimensions
        found = looks.mT @ x  # b dimensions d
        return [tell(found[:, n]).float() for n, tell in enumerate(self.tell)]

    def loss(self, rows: Sequence[Float[Tensor, "_ d"]], told: Sequence[Told]) -> Float[Tensor, ""]:
        """Cross-entropy, summed over what is known of each stretch; rare classes weigh more.

        Where a line tells of a part of a sound, the mean over the rows of that part, each by itself, is added.
        """
        x, real = _padded(rows)
        total, is_part = x.new_zeros(()), torch.tensor([line.at is not None for line in told], device=x.device)
        for n, scores in enumerate(self._looked(x, real)):
            due = torch.tensor([line.classes[n] for line in told], device=x.device)
            weight = self.get_buffer(f"weight_{n}")[due.clamp(min=0)]
            if (due != UNKNOWN).any():
                each = F.cross_entropy(scores, due, ignore_index=UNKNOWN, reduction="none")
                total = total + (each * weight).sum()
            some = is_part & (due != UNKNOWN)
            if some.any():
                alone = self.tell[n](x[some]).float().mT  # b c t
                each = F.cross_entropy(alone, due[some, None].expand(-1, alone.shape[-1]), reduction="none")
                total = total + ((each * real[some]).sum(1) / real[some].sum(1) * weight[some]).sum()
        return total


def _padded(rows: Sequence[Float[Tensor, "_ d"]]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
    """Normalised rows, padded, and which of them are there."""
    x = nn.utils.rnn.pad_sequence([F.layer_norm(r.float(), r.shape[-1:]) for r in rows], batch_first=True)
    lengths = torch.tensor([len(r) for r in rows], device=x.device)
    return x, torch.arange(x.shape[1], device=x.device)[None] < lengths[:, None]
