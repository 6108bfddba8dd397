"""Teach a model to say what your recordings say, in its own codes:

    antiphon train examples/finetune.py --set data=recordings
    antiphon talk question.wav --model runs/finetune/model -o answer.wav

    recordings/bread.wav            bread.txt              what shall be said, and its words
    recordings/bread.question.wav   bread.question.txt     what is asked before it, if anything

All is learned to be read aloud, and what has a question to be answered. Every tenth recording is held out, and what the
model makes of it can be heard in `runs/finetune/words/samples`. What a model has learned before it forgets unless it is
rehearsed: add more parts to the mixture.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon.audio.wave import Audio
from antiphon.data.store import Row, has_shard, write_shard
from antiphon.rates import HEARD_HZ, SPOKEN_HZ
from antiphon.train.export import Export
from antiphon.train.options import PRESETS, Part, Rates, SpeechOptions
from antiphon.train.records import Heard, Spoken, write_records
from antiphon.train.run import Run, Schedule
from antiphon.train.tasks import make

ASKED = ".question"


@dataclass(frozen=True)
class Recording:
    """A sound and its words."""

    sound: Path
    text: str

    def row(self, rate: int) -> tuple[Row, np.ndarray]:
        """What the store holds of it: mono, at this rate."""
        audio = Audio.read(self.sound).mean().at(rate)
        return {"text": self.text, "voice": "own"}, audio.samples[0].numpy()


def recordings(folder: Path) -> list[tuple[Recording, Recording | None]]:
    """What shall be said, and what is asked before it, in the order of their names."""
    found = []
    for sound in sorted(p for p in folder.glob("*.wav") if not p.stem.endswith(ASKED)):
        asked = sound.with_name(f"{sound.stem}{ASKED}.wav")
        found.append((recording(sound), recording(asked) if asked.exists() else None))
    return found


def recording(sound: Path) -> Recording:
    return Recording(sound, sound.with_suffix(".txt").read_text(encoding="utf-8").strip())


def prepare(folder: Path, small: bool) -> None:
    """Shards of sound, and records of them, beside the recordings. A smoke run has what comes with nano."""
    found, shipped = recordings(folder), PRESETS / "nano"
    if small and not found:
        question = Recording(shipped / "question.wav", "what is the capital of france?")
        found = [(Recording(shipped / "voice.wav", "one, two, three."), question)]
    questions = [asked for _, asked in found if asked]
    for name, some, rate in (("said", [said for said, _ in found], SPOKEN_HZ), ("asked", questions, HEARD_HZ)):
        if some and not has_shard(folder / "corpus" / name, 0):
            write_shard(folder / "corpus" / name, 0, [each.row(rate) for each in some], rate)
    read, answered = [], []
    for n, (said, asked) in enumerate(found):
        speech = Spoken(text=said.text, codes=f"said/00000:{n}")
        read.append(make("tts", f"read {said.sound.stem}", said.text, speech))
        if asked:
            heard = Heard(audio=f"asked/00000:{len(answered)}", said=asked.text)
            answered.append(make("talk", f"answered {said.sound.stem}", heard, speech))
    write_records(folder / "dev.jsonl", [*read[::10], *answered[::10]])
    write_records(folder / "tts.jsonl", [r for n, r in enumerate(read) if n % 10] or read)
    write_records(folder / "talk.jsonl", [r for n, r in enumerate(answered) if n % 10] or answered)


def recipe(data: str = "recordings", begin: str = "nano", steps: int = 400) -> list[Run | Export]:
    """The language model goes on from `begin`; its ears, and all that turns codes to sound, stay as they are."""
    answers = any(Path(data).glob(f"*{ASKED}.wav"))
    options = SpeechOptions(
        model=begin,
        data=data,
        prepare=f"{__name__}:prepare",
        parts=tuple(Part(task=t, records=f"{t}.jsonl", tokens=1.0) for t in ("tts", *(["talk"] if answers else []))),
        rates=Rates(llm=2e-4, embed=1e-4, head=2e-4),
        coder=begin,
        voice=begin,
        dev="dev.jsonl",
    )
    words = Run(
        name="words",
        stage="antiphon.train.speech:speech",
        options=options,
        steps=steps,
        schedule=Schedule(warm_up=20),
        micro_size=options.batch,
        longest=options.batch,
        init_from=begin,
        eval_every=100,
        sample_every=100,
    )
    return [words, Export(name="model", base=begin, lm="words")]
