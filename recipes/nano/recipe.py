"""What `antiphon train recipes/nano` trains."""

from antiphon.train.run import Run
from recipes.nano.curriculum import curriculum


def recipe() -> list[Run]:
    """Every stage of nano's language model, one after another."""
    return curriculum()
