"""Controls: is the answer an answer to what was heard, and is the sound made of the codes and the voice alone?

    python -m benches.controls [QUESTION.wav ANOTHER.wav] [--model nano] [--out FOLDER]

1. another question's sound brings another answer (the reply follows the sound, not the conversation's form)
2. the answer is rendered again from the emitted codes and the voice, by a model loaded anew: equal to the byte
3. the same codes shuffled are written beside it, to be judged: they must not be intelligible

Prints JSON; exit status 1 if 1 or 2 does not hold. The rates over many questions:

    python -m recipes.nano.evaluate controls
"""

import argparse
import json
import random
import sys
from pathlib import Path

import torch

from antiphon import Audio, AudioOut, End, Model, load
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.speech import render


def answer(model: Model, question: Audio, seed: int) -> tuple[Audio, End]:
    """The spoken answer and how it ended."""
    events = list(model.session(seed=seed).reply(question))
    end = events[-1]
    assert isinstance(end, End)
    parts = [event.samples for event in events if isinstance(event, AudioOut)]
    return Audio(torch.cat(parts)[None], SPOKEN_HZ), end


def again(name: str, codes: list[tuple[int, ...]], seed: int) -> Audio:
    """Sound from codes and the voice alone, with the mark: a model loaded anew that has heard nothing."""
    model = load(name)
    voice = model.voice
    assert voice is not None
    opened = model.opened(model.default_voice(), seed)
    return Audio(torch.cat([model.marking.begin()(render(voice, opened, part)) for part in codes])[None], SPOKEN_HZ)


def swapped(codes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The same codes in another order."""
    return [tuple(random.Random(1).sample(part, len(part))) for part in codes]


def main() -> None:
    """Run the three controls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("."))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path(__file__).parent.parent / "src/antiphon/presets/nano"
    model = load(asked.model)
    first, other = asked.questions or (folder / "question.wav", folder / "voice.wav")
    sound, end = answer(model, Audio.read(first), asked.seed)
    _, another = answer(model, Audio.read(other), asked.seed)
    codes = [utterance.codes for utterance in end.utterances]
    sound.write(asked.out / "answer.wav")
    rendered = again(asked.model, codes, asked.seed)
    rendered.write(asked.out / "again.wav")
    again(asked.model, swapped(codes), asked.seed).write(asked.out / "shuffled.wav")
    same = (asked.out / "answer.wav").read_bytes() == (asked.out / "again.wav").read_bytes()
    found = {
        "answer": end.text,
        "answer to another question": another.text,
        "another question brings another answer": end.text != another.text,
        "reproduced to the byte from codes and voice": same,
        "codes": sum(map(len, codes)),
        "written": [str(asked.out / name) for name in ("answer.wav", "again.wav", "shuffled.wav")],
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))
    sys.exit(0 if same and end.text != another.text else 1)


if __name__ == "__main__":
    main()
