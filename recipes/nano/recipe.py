"""What `antiphon train recipes/nano` trains."""

from antiphon.train.export import Export
from antiphon.train.run import Run
from recipes.nano.codec import codec
from recipes.nano.curriculum import curriculum


def recipe(begin: str | None = None, codes: str = "kept") -> list[Run | Export]:
    """All of nano, one stage after another: what speaks, the language model, and the model that they are.

    `begin` is a model to go on from, with its `codes` kept, or with new ones.
    """
    return [*codec(begin, codes), *curriculum(begin, codes), Export(name="model", base="codec", lm="sft")]
