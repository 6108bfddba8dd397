"""A starter library of synthetic voices:  python -m recipes.voices FOLDER

Every voice is an engine's, shaped: higher or lower, faster or slower, breathy or rough. The engines are those whose
licences permit publishing what they say (`THIRD_PARTY.md`); voices of engines that are not here are left out. What is
written is a manifest with its clips, to be brought in as any other:

    antiphon voices import FOLDER/voices.jsonl --consent synthetic
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from antiphon.audio.wave import Audio
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Controls, Utterance
from antiphon.data.shaping import asked, finished, whispered
from antiphon.voices.attributes import parse

RATE, PEAK, LONGEST_S = 24_000, 0.5, 14.0
SAYS = {
    "en": "The harbour was quiet that morning, and somebody far away was singing about the long way home.",
    "zh": "今天早上港口很安静，远处有人在唱歌，唱的是回家的路。",
}


@dataclass(frozen=True)
class Shaped:
    """A voice of the starter library."""

    name: str
    description: str
    engine: str
    voice: str
    controls: Controls = Controls()
    language: str = "en"
    whispers: bool = False


VOICES = (
    Shaped("Old salt", "an old sailor, deep and hoarse, slow", "flite", "rms",
           Controls(pitch=0.8, speed=0.85, rough=0.6, tract=0.95)),
    Shaped("Harbour master", "a middle-aged man, calm and deep", "flite", "rms", Controls(pitch=0.9)),
    Shaped("News at nine", "a female newsreader, clear, formal", "flite", "slt", Controls(speed=1.05)),
    Shaped("Grandmother", "an old woman, warm and soft, telling a story slowly", "flite", "slt",
           Controls(pitch=0.85, speed=0.85, breath=0.2, rough=0.2)),
    Shaped("Whisper", "a young woman who whispers", "flite", "slt", whispers=True),
    Shaped("Child", "a child with a high, sweet voice, happy", "flite", "slt",
           Controls(pitch=1.35, tract=1.25, speed=1.05)),
    Shaped("Scotsman", "an adult man with a Scottish accent, casual", "flite", "awb"),
    Shaped("Robot", "a robot, a neutral male voice without emotion", "flite", "kal16", Controls(range=0.3)),
    Shaped("Captain", "a furious man, fast and rough", "espeak", "en-us", Controls(speed=1.2, rough=0.5, pitch=0.9)),
    Shaped("Teacher", "a calm woman with a British accent", "espeak", "en-gb", Controls(pitch=1.6, tract=1.15)),
    Shaped("小明", "年轻的男声，普通话，明亮", "espeak", "cmn", language="zh"),
    Shaped("奶奶", "慈祥的老奶奶，普通话，语速慢，温暖", "espeak", "cmn",
           Controls(pitch=1.3, speed=0.8, tract=1.1, rough=0.2), "zh"),
)  # fmt: skip


def made(one: Shaped) -> Audio | None:
    """Its clip; None where the engine is not here."""
    engine, voice = catalogue.find(one.engine), catalogue.voice(one.engine, one.voice)
    if not engine.installed() or not engine.has(voice):
        return None
    wish, faster, tilt = asked(one.controls, voice)
    (speech,) = engine.speak([Utterance(text=SAYS[one.language], voice=one.voice, controls=wish)])
    speech = finished(speech, RATE, faster, tilt, PEAK, (0.1, 0.1))
    sound = whispered(speech.audio, RATE, np.random.default_rng(0)) if one.whispers else speech.audio
    return Audio(torch.from_numpy(np.asarray(sound, np.float32))[None], RATE).cut(LONGEST_S)


def write(folder: Path) -> int:
    """The clips and the manifest; how many voices."""
    clips, lines = folder / "clips", list[str]()
    clips.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(VOICES):
        sound = made(one)
        if sound is None:
            continue
        name = f"clips/{number:02d}.flac"
        sound.write(folder / name)
        attributes: dict[str, list[str]] = {"language": [one.language]}
        for key, value in parse(one.description).filters:
            attributes.setdefault(key, []).append(value)
        said = {"name": one.name, "description": one.description, "transcript": SAYS[one.language],
                "attributes": attributes, "source": f"{one.engine} {one.voice}, recipes/voices.py"}  # fmt: skip
        lines.append(json.dumps({"clip": name, **said}, ensure_ascii=False))
    (folder / "voices.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return len(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A starter library of synthetic voices.")
    parser.add_argument("folder", type=Path)
    print(f"{write(parser.parse_args().folder)} voices; bring them in with antiphon voices import.")
