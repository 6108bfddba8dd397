"""Measure nano on what it was never trained on, through the public interface: what the README's table shows.

    python -m recipes.nano.evaluate [answers] [say] [speech] [controls] [--model nano] [--limit N] [--out FILE]

answers   held-out questions (whole wordings, and fillings of known ones), by seen and unseen voices: heard and answered
say       random words said after the speaker
speech    200 held-out texts read aloud by nano and by the engine, through two judges that know nothing of nano
controls  the answer follows the audio (another question's sound), the sound follows the codes (shuffled codes)

Each figure comes with its count and its 95 % interval.
"""

import argparse
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import antiphon
from antiphon.audio.wave import Audio
from antiphon.data import world
from antiphon.data.record import dialogue_from_json
from antiphon.data.world import Dialogue, Turn
from antiphon.metrics.interval import wilson
from antiphon.metrics.wer import wer
from antiphon.rates import HEARD_HZ, SPOKEN_HZ
from antiphon.runtime.events import End
from antiphon.runtime.model import Model
from recipes.nano.features import CORPUS, rows_of, shards

SETS = {
    "template, seen voices": "dialogue_test_template",
    "slots, seen voices": "dialogue_test_slots",
    "template, unseen voices": "dialogue_test_template_unseen",
    "slots, unseen voices": "dialogue_test_slots_unseen",
}


def dialogues(name: str, limit: int | None) -> Iterator[tuple[Dialogue, list[Audio]]]:
    """Dialogues of a test set with the recording of each user turn."""
    count = 0
    for index in shards(name):
        sound = np.load(index.with_suffix(".npy"), mmap_mode="r")
        for row in rows_of(index):
            clip = sound[row["offset"] : row["offset"] + row["length"]].astype(np.float32) / 32768
            yield dialogue_from_json(row["dialogue"]), [Audio(clip[None, a:b], HEARD_HZ) for a, b in row["spans"]]
            count += 1
            if count == limit:
                return


def told(turns: list[Turn]) -> Any:
    """A clock that says what the dialogue's clock says."""
    from dataclasses import replace

    from antiphon.runtime.model import TOOLS

    results = [t.tool_result for t in turns if t.tool_call]
    return replace(TOOLS["clock"], run=lambda arguments: results[0] if results else "")


def last_reply(model: Model, dialogue: Dialogue, sounds: list[Audio], aloud: bool = False) -> End:
    """Hold the conversation; the end of its last reply."""
    session = model.session(tools=[told(list(dialogue.turns))])
    end: End | None = None
    for sound in sounds:
        for event in session.reply(sound, speech=aloud):
            if isinstance(event, End):
                end = event
    assert end is not None
    return end


def share(right: list[bool]) -> dict[str, Any]:
    """A rate with its count and interval."""
    return {"rate": sum(right) / len(right), "n": len(right), "interval": list(wilson(sum(right), len(right)))}
