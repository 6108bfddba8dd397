"""Make what nano's skills are learnt from, and what they are measured with.

    python -m recipes.nano.skills make FOLDER --part P [--clips N]     part P of the corpus, resumable
    python -m recipes.nano.skills records FOLDER                       records of all parts that are there
    python -m recipes.nano.skills evaluation FOLDER                    the sets of `antiphon eval`, with fixed seeds

FOLDER is the data folder of a training: sounds lie in FOLDER/corpus/skills-P and FOLDER/corpus/skills-dev (held out),
records in FOLDER/skills-*.jsonl. Each part is a corpus of its own, so parts may be made by as many machines.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.data.corpus import synthesise
from antiphon.data.queue import Done
from antiphon.data.skills.catalogue import TASKS
from antiphon.data.skills.spec import SkillSpec
from antiphon.train.records import write_records
from recipes.nano import skill_records

CLIPS = 16_000  # conversations of a part where nothing else is said: some twenty hours of sound
VOICES = ("age", "timbre", "pitch", "speed", "emotion")  # what nobody but who is asked about it tells plainly
RARE = ("event", "scene", "vocal", "emotion", "rhythm", "style")  # of whose classes everything else has few
WRITTEN: dict[str, Any] = {"presets": 0.0, "aloud": False}
MORE: tuple[dict[str, Any], ...] = (  # after a part of everything, what was measured to need more examples
    {**WRITTEN, "tasks": {"hear": 0.85, "react": 0.15}},
    {**WRITTEN, "tasks": {"hear": 1.0}, "only": RARE},
    {**WRITTEN, "tasks": {"hear": 1.0}, "only": VOICES, "clips": 12_000},
    {**WRITTEN, "tasks": {"translate": 0.45, "call": 0.3, "talk": 0.25}},
    {"presets": 0.0, "tasks": {"interpret": 0.45, "think": 0.4, "react": 0.15}, "clips": 12_000},
    {**WRITTEN, "tasks": {"transcribe": 0.8, "talk": 0.2}, "around": {"hard": 0.7, "noise": 0.2, "clean": 0.1},
     "clips": 12_000},
    {"presets": 0.0, "tasks": {"manner": 1.0}, "clips": 8000},
)
WHOLE = 1
PARTS = WHOLE + len(MORE)
MANNERS = PARTS - 1
DEV, DEV_CLIPS = "skills-dev", 160
DEV_SETS = (f"{DEV}-slots", f"{DEV}-template")
SEED, SMALL = 40, 48


def part(number: int, clips: int | None = None) -> SkillSpec:
    """One part of the corpus that nano learns its skills from, at its own size or at another."""
    whole = SkillSpec(name=f"skills-{number}", clips=CLIPS, seed=SEED, presets=0.1)
    found = whole if number < WHOLE else replace(whole, **MORE[number - WHOLE])
    return found if clips is None else replace(found, clips=clips)


def dev(clips: int) -> list[SkillSpec]:
    """What is watched while it learns: wordings and fillings that were held out, by voices that were not."""
    whole = SkillSpec(name=DEV, clips=clips, seed=SEED, around={"clean": 1.0}, split="slots")
    return [replace(whole, name=name, split=split) for name, split in zip(DEV_SETS, ("slots", "template"), strict=True)]


def make_small(folder: Path) -> None:
    """A few conversations of every task, by an engine that starts at once."""
    quick = dict(tasks=dict.fromkeys(TASKS, 1.0), engines={"espeak": 1.0}, presets=0.3)
    manners = replace(part(MANNERS), tasks={"manner": 1.0}, engines=quick["engines"], clips=4)
    for spec in (replace(part(0, SMALL), **quick), manners, *(replace(one, **quick) for one in dev(4))):
        tell(spec.name, synthesise(spec, folder / "corpus" / spec.name, 1))


def make(folder: Path, number: int, clips: int | None, workers: int) -> None:
    """Make a part, and with the first one what is watched."""
    for spec in [part(number, clips), *(dev(min(clips or CLIPS, DEV_CLIPS)) if number == 0 else [])]:
        tell(spec.name, synthesise(spec, folder / "corpus" / spec.name, workers))


def tell(name: str, done: Done) -> None:
    speed = done.audio_s / max(done.cpu_s, 1e-9)
    print(f"{name}: {done.clips} conversations, {done.audio_s / 3600:.3f} hours, {done.refused} refused; "
          f"{done.cpu_s:.0f} s of CPU time, {speed:.0f} hours per CPU hour.", flush=True)  # fmt: skip


def records(folder: Path, written: int) -> None:
    """Write the records of every part that is finished."""
    made = sorted(path.parent.name for path in (folder / "corpus").glob("skills-*/manifest.jsonl"))
    held = [name for name in made if name.startswith(DEV)]
    parts = [name for name in made if name not in held]
    for name, found in skill_records.all_records(folder / "corpus", parts, held, written).items():
        print(f"{name}: {write_records(folder / name, found)} records", flush=True)


def ctc_judge() -> Callable[[Audio, str], str]:
    """The character judge of English of `recipes.judge`, for `antiphon eval --judge recipes.nano.skills:ctc_judge`."""
    from recipes.judge.model import CtcJudge
    from recipes.judge.score import WEIGHTS

    judge = CtcJudge.load(WEIGHTS)
    return lambda sound, language: judge.transcribe(sound.first().samples[0].numpy(), sound.rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--part", type=int, default=0)
    making.add_argument("--clips", type=int, help="so many conversations instead of its own number")
    making.add_argument("--workers", type=int, default=1)
    writing = commands.add_parser("records")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--written", type=int, default=skill_records.WRITTEN)
    measuring = commands.add_parser("evaluation")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--limit", type=int, help="at most so many conversations of each set")
    measuring.add_argument("--only", nargs="*", default=[], help="sets, by the beginnings of their names")
    measuring.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    if args.command == "make":
        make(args.folder, args.part, args.clips, args.workers)
    elif args.command == "records":
        records(args.folder, args.written)
    else:
        from antiphon.eval.sets import build

        for name, done in build(args.folder, args.limit, args.only, args.workers):
            tell(name, done)


if __name__ == "__main__":
    main()
