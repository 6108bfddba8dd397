"""What `antiphon train recipes/judge --folder runs/nano` trains: the character judge, on the data of nano's recipe.

It learns from an engine's speech only, never from sound that antiphon made, and shares no weights, features or seed
with nano.
"""

from antiphon.train.run import Optimizer, Run, Schedule
from recipes.judge.training import JudgeTraining


def recipe() -> Run:
    """Seven minutes of one thread."""
    options = JudgeTraining(
        data=("corpus/target",), held_out=("corpus/target_dev",), prepare="recipes.nano.data:prepare"
    )
    return Run(
        name="judge",
        stage="recipes.judge.training:stage",
        options=options,
        seed=7919,
        steps=1700,
        optimizer=Optimizer(betas=(0.9, 0.98), decay=0.02),
        schedule=Schedule(kind="cosine", warm_up=100, floor=0.05),
        micro_size=4096,
        longest=1280,
        dtype="auto",
        log_every=50,
        save_every=500,
        eval_every=850,
    )
