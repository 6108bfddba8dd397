"""What `antiphon train recipes/mini` trains; `recipes/mini/recipe.py:lite` aligns with 3 billion tokens, not 100."""

from antiphon.train.run import Run
from recipes.mini import curriculum


def recipe() -> list[Run]:
    """The report's stages A to F."""
    return curriculum.curriculum()


def lite() -> list[Run]:
    """The same with the short alignment."""
    return [curriculum.align_lite(), *curriculum.curriculum()[1:]]
