"""The one loop: every part of the model is trained by it, on one rank or many, and it goes on from wherever it was.

A step is a pure function of the parameters, the optimizers' states, and (seed, step): what a checkpoint holds besides
is counters. Losses are sums; they are divided by their targets counted over all ranks and micro-batches, so that
neither accumulation nor packing nor the number of ranks changes what is learned:

    n micro-batches of b  ==  b of n  ==  one of n·b

An update happens on all ranks or on none: whether everything is finite is asked of all of them before it. A step with
something infinite in it, or with no target at all, is skipped and counted; `Run.patience` such steps in a row end it.
"""

import hashlib
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from antiphon.errors import ConfigError
from antiphon.nn.precision import precision
from antiphon.train.checkpoint import Checkpoints, Facts
from antiphon.train.folder import CHECKPOINTS, claimed, is_finished
from antiphon.train.log import Log
from antiphon.train.optim import adamw, fill_gradients, gradient_norm, parameters_of, rate_at, set_rate
from antiphon.train.pack import Micro, micro_batches, share
from antiphon.train.plot import plot
from antiphon.train.ranks import TIE, Ranks, Whole, gathered, shard
from antiphon.train.run import Run, find
from antiphon.train.stage import Batch, Item, Place, Stage
from antiphon.train.tally import Tally
from antiphon.train.weights import write_weights


def train(run: Run, folder: Path, ranks: Ranks | None = None) -> None:
    """Do a run in its folder, from its last checkpoint if there is one, to its end: `folder/model.safetensors`.

    Raises the errors of `folder.claimed`, of the stage, and CapacityError on a full disk; ConfigError when too many
    steps in a row cannot be used.
    """
    ranks = ranks or Ranks()
    with claimed(folder, run, ranks):
        if not is_finished(folder):
            Trainer(run, folder, ranks).finish()


class Trainer:
    """A run under way."""

    def __init__(self, run: Run, folder: Path, ranks: Ranks) -> None:
        self.run, self.folder, self.ranks = run, folder, ranks
        place = Place(
            device=ranks.device, folder=folder, runs=folder.parent, rank=ranks.rank, num_ranks=ranks.size
        )
        self.checkpoints = Checkpoints(folder=folder / CHECKPOINTS, ranks=ranks, keep=run.keep)
        if ranks.is_first:
            self.checkpoints.clear()
        ranks.agree(None)  # none looks for checkpoints before that
        held = self.checkpoints.steps()
        self.step, self.tally = 0, Tally()
        self._seed("start")
        self.stage: Stage = find(run.stage, f"the stage of run {run.name!r}")(run, place)
        if run.init_from and not held:
            self.stage.start_from(place.weights(run.init_from))
        self.whole: Whole = shard(self.stage, ranks)
        self.learning = [p for p in self.stage.model.parameters() if p.requires_grad]
        self.optimizers = {turn.name: adamw(turn, run.optimizer) for turn in self.stage.turns()}
        self.names = sorted(self.stage.weights)
        if held:
            self._take(self.checkpoints.load(held[-1], self.tensors()))

    def finish(self) -> None:
        """Train to the last step, and write the weights."""
        run, speaks = self.run, self.ranks.is_first
        self.log = Log(self.folder, name=run.name, step=self.step, steps=run.steps, speaks=speaks)
        try:
            while self.step < run.steps:
                self.take_step()
                self._tell()
            tensors = self._full_weights()
            if speaks:
                write_weights(self.folder, tensors)
                self._plot()
        finally:
            self.log.close()

    def take_step(self) -> None:
        """One step: every turn's update, or none where something is not finite or there is nothing to learn."""
        items = self._fitting(self.stage.items(self.step))
        micros, batches, counts = self._load(items)
        used = any(counts.values())
        if not used:
            self.tally.empty += 1
        rate = rate_at(self.step, self.run.steps, self.run.schedule)
        for turn, optimizer in self.optimizers.items():
            set_rate(optimizer, rate)
            used = used and self._take_turn(turn, optimizer, micros, batches, counts)
        self.tally.used(used)
        self.step += 1
        if self.tally.in_a_row >= self.run.patience:
            raise ConfigError(
                f"{self.tally.in_a_row} steps in a row, to step {self.step} of run {self.run.name!r}, had a loss or "
                "gradient that is not finite, or nothing to learn; lower the learning rate, or look at the data."
            )

    def _fitting(self, items: Sequence[Item]) -> list[Item]:
        """A step's examples without those that are too long, of which the first is told."""
        longest = self.run.longest
        fit = [item for item in items if longest is None or item.size <= longest]
        if len(fit) < len(items) and not self.tally.dropped and self.ranks.is_first:
            long = next(item for item in items if item not in fit)
            warnings.warn(
                f"example {long.id} has size {long.size}, more than {longest}: such examples are left out, and counted "
                "in the log.",
                stacklevel=2,
            )
        self.tally.saw([item.id for item in fit], dropped=len(items) - len(fit))
        return fit

    def _load(self, items: Sequence[Item]) -> tuple[list[Micro], list[Batch], dict[str, float]]:
        """This rank's micro-batches, loaded, and the targets of each loss over all ranks."""
        groups = micro_batches(items, self.run.micro_size)
        micros = share(groups, self.ranks.rank, self.ranks.size) if groups else []
        batches = [self.stage.batch(micro.items) for micro in micros]
        mine = dict.fromkeys(self.names, 0.0)
        for micro, batch in zip(micros, batches, strict=True):
            for name, count in self.stage.counts(batch).items():
                mine[self._known(name)] += count * micro.counted
        counts = dict(zip(self.names, self.ranks.total(list(mine.values())), strict=True))
        return micros, batches, counts

    def _take_turn(
        self,
        turn: str,
        optimizer: torch.optim.Optimizer,
        micros: Sequence[Micro],
        batches: Sequence[Batch],
        counts: dict[str, float],
    ) -> bool:
        """Losses, gradients and, if all is finite on all ranks, the update; whether it was made."""
        moved = parameters_of(optimizer)
        self.whole.train()
        for p in self.learning:
            p.grad = None
        sums, told = [0.0] * len(self.names), [False] * len(self.names)
        with self._only(moved):
            for number, (micro, batch) in enumerate(zip(micros, batches, strict=True)):
                self._seed(turn, self.ranks.rank, number)
                for name, value in self._backward(turn, batch, counts, micro.counted).items():
                    sums[self.names.index(name)] += value
                    told[self.names.index(name)] = True
        fill_gradients(moved)
        norm = gradient_norm(moved)
        size = norm.item()
        is_fine = math.isfinite(size) and all(map(math.isfinite, sums))
        wrong, *totals = self.ranks.total([float(not is_fine), *sums, *map(float, told)])
        if wrong:
            return False
        if self.run.optimizer.clip:
            torch.nn.utils.clip_grads_with_norm_(moved, self.run.optimizer.clip, norm)
        optimizer.step()
        self.tally.norms[turn] = size
        for name, value, was_told in zip(self.names, totals, totals[len(self.names) :], strict=False):
            if was_told and counts[name]:
                self.tally.add(name, value, counts[name])
        return True

    def _backward(self, turn: str, batch: Batch, counts: dict[str, float], counted: bool) -> dict[str, float]:
        """Add one micro-batch's gradient; its losses, as sums."""
        with self._autocast():
            losses = self.whole(batch, turn, self.step)
        total: Tensor | None = None
        for name, loss in losses.items():
            # ranks average their gradients, and these are to be summed
            by = 0.0 if name == TIE else self.stage.weights[self._known(name)] / (counts[name] or 1.0)
            part = loss * (by * self.ranks.size * counted)
            total = part if total is None else total + part
        if total is not None and total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
        return {name: loss.item() * counted for name, loss in losses.items() if name != TIE}

    @contextmanager
    def _only(self, moved: Sequence[Tensor]) -> Iterator[None]:
        """Within, no gradient is made for what this turn does not move; shards need to be alike, and make them all."""
        mine = {id(p) for p in moved}
        others = [p for p in self.learning if id(p) not in mine] if self.ranks.size == 1 else []
        for p in others:
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in others:
                p.requires_grad_(True)

    def _tell(self) -> None:
        """After a step: the log, figures, samples and a checkpoint, where they are due."""
        run, step = self.run, self.step
        last = step == run.steps
        self.log.advance()
        if step % run.log_every == 0 or last:
            self.log.write(step, {**self.tally.line(), "rate": rate_at(step - 1, run.steps, run.schedule)})
        figures: dict[str, float] = {}
        if last or (run.eval_every and step % run.eval_every == 0):
            with self._looking():
                figures = self.stage.evaluate(step)
            if figures:
                self.log.write(step, {"eval": figures})
        if run.sample_every and (last or step % run.sample_every == 0):
            with self._looking():
                samples = self.stage.sample(step)
            self.log.write_samples(step, samples)
        if figures and run.best:
            self._compare(figures)
        if last or step % run.save_every == 0:
            self.save()

    def save(self) -> None:
        """A checkpoint of this step; older ones go when it is there."""
        self.checkpoints.save(self.step, self.tensors(), {"step": self.step, **self.tally.facts()})
        self.checkpoints.prune(self.tally.best_step)

    def tensors(self) -> dict[str, Tensor]:
        """All that changes in a run and is a tensor: parameters, buffers, what the optimizers hold of each."""
        model = self.stage.model
        held = {f"model.{name}": t for name, t in model.state_dict().items() if isinstance(t, Tensor)}
        names = {id(p): name for name, p in model.named_parameters()}
        for turn, optimizer in self.optimizers.items():
            for p in parameters_of(optimizer):
                held |= {f"{turn}.{names[id(p)]}.{key}": t for key, t in optimizer.state[p].items()}
        return held

    def _take(self, facts: Facts) -> None:
        self.step = facts["step"]
        self.tally = Tally.of(facts)

    def _compare(self, figures: dict[str, float]) -> None:
        """Remember the best checkpoint; figures of a step without one count for the next that is saved."""
        if self.run.best not in figures:
            known = ", ".join(sorted(figures))
            raise ConfigError(f"best is {self.run.best!r}, and evaluation tells of {known}; name one of them.")
        value = figures[self.run.best]
        self.tally.offer(value if self.run.best_is_low else -value, self._next_save())

    def _next_save(self) -> int:
        every = self.run.save_every
        return min(self.run.steps, -(-self.step // every) * every)

    def _full_weights(self) -> dict[str, Tensor]:
        """The model's tensors, whole on every rank."""
        from torch.distributed.tensor import DTensor

        held = self.stage.model.state_dict()
        return {name: t.full_tensor() if isinstance(t, DTensor) else t for name, t in held.items()}

    def _known(self, name: str) -> str:
        if name not in self.stage.weights:
            known = ", ".join(self.names)
            raise ConfigError(f"a stage tells of loss {name!r}, and its weights name {known}; give it a weight.")
        return name

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """The whole model, without gradients, dropout or luck."""
        self._seed("look")
        self.whole.eval()
        with torch.no_grad(), gathered(self.whole), self._autocast():
            yield

    def _autocast(self) -> Any:
        if precision(self.run.dtype, self.ranks.device) == "float32":
            return nullcontext()
        return torch.autocast(self.ranks.device.type, torch.bfloat16)

    def _seed(self, *what: object) -> None:
        """Make torch's own generator a function of the run's seed, the step and what is drawn for."""
        text = " ".join(map(str, (self.run.seed, self.step, *what)))
        torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1)

    def _plot(self) -> None:
        try:
            plot(self.folder)
        except ConfigError as error:  # matplotlib is an extra: say so once, at the end
            self.log.bar.write(f"antiphon: {error}")
