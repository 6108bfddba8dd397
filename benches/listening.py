"""Files to listen to: can anybody hear the mark?  python -m benches.listening make DIR, then: ... score DIR

    01_reference.wav   what was said, without the mark
    01_a.wav  01_b.wav one of the two is the reference once more, the other bears the mark; which, only key.json knows
    answers.csv        to be filled in: which of the two differs (a or b), and how much it disturbs

Every fifth trial is a control, whose mark is sixteen decibels stronger: who misses those was not listening, or cannot.
The order is a function of the seed. `docs/listening.md` says how to listen. The scheme is that of ITU-R BS.1116, two
hidden samples against an open reference.
"""

import argparse
import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import Float

from antiphon.audio.wave import Audio
from antiphon.data import world
from antiphon.errors import InputError
from antiphon.marking.mark import mark
from antiphon.rates import SPOKEN_HZ

CONTROL_EVERY = 5  # trials
CONTROL_GAIN = 10 ** (16 / 20)
KEY, SHEET = "key.json", "answers.csv"
GRADES = ("1", "2", "3", "4", "5")
TRIALS = 10


@dataclass(frozen=True)
class Tally:
    """How often the marked one was named, and how likely so many or more are for one who only guesses."""

    right: int
    trials: int
    mean_grade: float

    @property
    def chance(self) -> float:
        """The probability of at least as many by guessing."""
        ways = sum(math.comb(self.trials, right) for right in range(self.right, self.trials + 1))
        return float(ways / 2**self.trials)


def sentences(count: int) -> list[str]:
    """So many that nano has the words for."""
    return [world.sentences(Random(f"0 listening {number}")) for number in range(count)]


def nano_says(texts: Sequence[str]) -> Iterator[Float[np.ndarray, " n"]]:
    """The model's own speech, before it is marked."""
    import antiphon

    model = antiphon.load("nano", marked=False)
    for number, text in enumerate(texts):
        said = (event.samples for event in model.speak(text, seed=number) if isinstance(event, antiphon.AudioOut))
        yield torch.cat(list(said)).numpy()


def make(folder: Path, clips: Iterable[Float[np.ndarray, " n"]], seed: int = 0) -> int:
    """Write a trial for each clip (24 kHz), the key and an empty answer sheet; how many trials there are.

    Raises InputError for a folder that already has a test in it.
    """
    if (folder / KEY).exists():
        raise InputError(f"{folder} already has a listening test; give another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    key = dict[str, dict[str, object]]()
    for number, plain in enumerate(clips, start=1):
        name, is_control = f"{number:02d}", number % CONTROL_EVERY == 0
        marked = mark(plain)[0]
        if is_control:
            marked = plain + CONTROL_GAIN * (marked - plain)
        which = Random(f"{seed} listening {number}").choice("ab")
        for label in "ab":
            _write(folder / f"{name}_{label}.wav", marked if label == which else plain)
        _write(folder / f"{name}_reference.wav", plain)
        key[name] = {"marked": which, "control": is_control}
    (folder / KEY).write_text(json.dumps({"seed": seed, "trials": key}, indent=1) + "\n", encoding="utf-8")
    with open(folder / SHEET, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("trial", "differs", "grade"), *((name, "", "") for name in key)])
    return len(key)


def score(folder: Path) -> dict[str, Tally]:
    """What the filled-in sheet says, for the mark and for the controls. Raises InputError for a sheet of no use."""
    try:
        trials = json.loads((folder / KEY).read_text(encoding="utf-8"))["trials"]
        with open(folder / SHEET, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} holds no listening test ({error}); make one first.") from error
    told = dict[str, list[tuple[bool, int]]](mark=[], control=[])
    for row in rows:
        trial, said, grade = (str(row.get(name) or "").strip().lower() for name in ("trial", "differs", "grade"))
        if trial not in trials or said not in ("a", "b") or grade not in GRADES:
            raise InputError(f"the sheet's line {trial!r} says {said!r}, {grade!r}; give a or b, and a grade 1 to 5.")
        kind = "control" if trials[trial]["control"] else "mark"
        told[kind].append((said == trials[trial]["marked"], int(grade)))
    return {
        kind: Tally(sum(right for right, _ in found), len(found), float(np.mean([grade for _, grade in found])))
        for kind, found in told.items()
        if found
    }


def _write(path: Path, samples: Float[np.ndarray, " n"]) -> None:
    Audio(torch.from_numpy(samples)[None], SPOKEN_HZ).write(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a test, or score its sheet."""
    parser = argparse.ArgumentParser(description="Files to listen to: can anybody hear the mark?")
    parser.add_argument("act", choices=("make", "score"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=Path, nargs="*", help="recordings to mark, in place of what nano says")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.act == "make":
        given = (Audio.read(clip).mean().at(SPOKEN_HZ).samples[0].numpy() for clip in options.clips or ())
        count = make(options.folder, given if options.clips else nano_says(sentences(TRIALS)), options.seed)
        print(f"{count} trials in {options.folder}")
        return
    for kind, tally in score(options.folder).items():
        by_chance = f"by guessing, so many or more: p = {tally.chance:.3f}"
        print(f"{kind}: {tally.right} of {tally.trials} named rightly ({by_chance}), mean grade {tally.mean_grade:.1f}")


if __name__ == "__main__":
    main()
