"""A dry run: what each stage of a curriculum would train, from its sizes alone, on the meta device.

The model is built without memory, its parts frozen and grouped by the code that trains; nothing is read, so it takes
seconds for 8 billion parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.errors import ConfigError
from antiphon.text.layout import OFFICIAL
from antiphon.train.learner import Learner
from antiphon.train.options import SpeechOptions, total
from antiphon.train.run import Run
from antiphon.train.speech import PREFIXES, freeze, groups, part_of
from antiphon.weights.build import skeleton


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One stage in numbers: parameters of each part and the rate of those that learn; tokens in all and of a step."""

    name: str
    sizes: dict[str, int]
    rates: dict[str, float]
    tokens_per_step: int
    steps: int
    mixture: dict[str, float]  # billions
    longest: int

    @property
    def trainable(self) -> int:
        """How many parameters learn."""
        return sum(self.sizes[part] for part in self.rates)

    @property
    def frozen(self) -> int:
        """How many do not."""
        return sum(self.sizes.values()) - self.trainable


def plan(run: Run) -> Plan:
    """The numbers of a stage of the speech LM. Raises ConfigError for a run that does not hold together."""
    options = run.options
    if not isinstance(options, SpeechOptions):
        raise ConfigError(f"run {run.name!r} is no training of the speech LM; there is no dry run for it.")
    config = options.sizes()
    model = skeleton(lambda: Learner(config.lm, OFFICIAL.pad, options.helps))
    freeze(model, options.rates)
    sizes = dict.fromkeys(PREFIXES, 0)
    for name, parameter in model.named_parameters():
        sizes[part_of(name)] += parameter.numel()
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert learning == sum(p.numel() for group in groups(model, options.rates) for p in group.parameters)
    if (run.longest or 0) > config.lm.decoder.max_positions:
        room = config.lm.decoder.max_positions
        raise ConfigError(f"run {run.name!r} has sequences of {run.longest}; the model has {room} positions.")
    mixture: dict[str, float] = {}
    for part in options.parts:
        mixture[part.task] = mixture.get(part.task, 0.0) + part.tokens
    assert abs(sum(mixture.values()) - total(options.parts)) < 1e-9
    return Plan(
        name=run.name,
        sizes=sizes,
        rates=dict(options.rates.moving()),
        tokens_per_step=options.batch,
        steps=run.steps,
        mixture=mixture,
        longest=run.longest or config.lm.decoder.max_positions,
    )


def report(runs: Sequence[Run]) -> str:
    """The plans of a curriculum, to be read."""
    lines = []
    for run in runs:
        p = plan(run)
        rates = ", ".join(f"{part} {rate:g}" for part, rate in p.rates.items())
        tokens = ", ".join(f"{task} {amount:g}" for task, amount in p.mixture.items())
        lines += [
            f"{p.name}: {p.trainable:,} parameters learn ({rates}), {p.frozen:,} are frozen",
            f"    {p.steps:,} steps of {p.tokens_per_step:,} tokens, sequences of {p.longest:,}",
            f"    {sum(p.mixture.values()):g} billion tokens: {tokens}",
        ]
    return "\n".join(lines)
