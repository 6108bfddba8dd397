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
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

import antiphon
from antiphon.audio.wave import Audio
from antiphon.data import world
from antiphon.data.record import dialogue_from_json
from antiphon.data.store import read_shard, shard_numbers
from antiphon.data.world import Dialogue, Turn
from antiphon.metrics.interval import wilson
from antiphon.metrics.wer import wer
from antiphon.model.voice import VoicePrompt
from antiphon.rates import HEARD_HZ, SPOKEN_HZ
from antiphon.runtime.events import AudioOut, End, Event
from antiphon.runtime.model import Model
from antiphon.tools.tool import CLOCK, Tool

CORPUS = Path("runs/corpus")
SETS = {
    "template, seen voices": "dialogue_test_template",
    "slots, seen voices": "dialogue_test_slots",
    "template, unseen voices": "dialogue_test_template_unseen",
    "slots, unseen voices": "dialogue_test_slots_unseen",
}


def dialogues(name: str, limit: int | None) -> Iterator[tuple[Dialogue, list[Audio]]]:
    """Dialogues of a test set with the recording of each user turn."""
    items = (item for shard in shard_numbers(CORPUS / name) for item in read_shard(CORPUS / name, shard))
    for item in islice(items, limit):
        wave = torch.from_numpy(item.audio)[None]
        dialogue = dialogue_from_json(item.row["dialogue"])
        yield dialogue, [Audio(wave[:, a:b], HEARD_HZ) for a, b in item.row["spans"]]


def told(turns: tuple[Turn, ...]) -> Tool:
    """A clock that says what the dialogue's clock says."""
    results = [t.tool_result for t in turns if t.tool_call]
    return replace(CLOCK, run=lambda arguments: results[0] if results else "")


def last_reply(model: Model, dialogue: Dialogue, sounds: list[Audio], aloud: bool = False) -> End:
    """Hold the conversation; the end of its last reply."""
    session = model.session(tools=[told(dialogue.turns)])
    end: End | None = None
    for sound in sounds:
        for event in session.reply(sound, speech=aloud):
            end = event if isinstance(event, End) else end
    assert end is not None
    return end


def share(right: list[bool]) -> dict[str, Any]:
    """A rate with its count and 95 % interval."""
    found = wilson(sum(right), len(right))
    return {"rate": found.value, "low": found.low, "high": found.high, "n": len(right)}


def answers(model: Model, limit: int | None, sets: Sequence[str] = tuple(SETS)) -> dict[str, Any]:
    """Held-out questions: word error rate of hearing, and the share of right answers, aloud."""
    out: dict[str, Any] = {}
    for title, name in ((title, SETS[title]) for title in sets):
        said, heard, right, by_task = [], [], [], dict[str, list[bool]]()
        for dialogue, sounds in dialogues(name, limit):
            for turn, sound in zip(dialogue.turns, sounds, strict=True):
                if turn.user:
                    said.append(turn.user)
                    heard.append(model.transcribe(sound))
            text = last_reply(model, dialogue, sounds, aloud=True).text
            right.append(world.right_answer(dialogue.turns[-1], final_words(text, dialogue.turns[-1])))
            by_task.setdefault(dialogue.task, []).append(right[-1])
        out[title] = {"heard": wer(said, heard).to_json(), "right": share(right)}
        out[title]["tasks"] = {task: share(r) for task, r in sorted(by_task.items())}
        print(title, json.dumps(out[title]), flush=True)
    return out


def final_words(text: str, turn: Turn) -> str:
    """What was said after the tool answered: the filler is not part of the answer."""
    return text.removeprefix(turn.filler).strip() if turn.filler else text


def say(model: Model, limit: int | None) -> dict[str, Any]:
    """Random words, said after the speaker: exact word strings."""
    right = [world.right_answer(d.turns[-1], last_reply(model, d, s, aloud=True).text)
             for d, s in dialogues("dialogue_test_say", limit)]  # fmt: skip
    return {"exact": share(right)}


def spoken(events: Iterator[Event]) -> tuple[np.ndarray, End]:
    """The sound of a reply, float32 at 24 kHz, and its end."""
    parts, end = [np.zeros(0, np.float32)], None
    for event in events:
        if isinstance(event, AudioOut):
            parts.append(event.samples.numpy())
        end = event if isinstance(event, End) else end
    assert end is not None
    return np.concatenate(parts), end


def speech(model: Model, limit: int | None) -> dict[str, Any]:
    """Held-out texts by the engine and by nano, through both judges."""
    from recipes.judge.model import CtcJudge, PocketsphinxJudge
    from recipes.judge.score import WEIGHTS

    judges = {"ctc": CtcJudge.load(WEIGHTS), "pocketsphinx": PocketsphinxJudge()}
    texts, waves = [], {"engine": list[np.ndarray](), "nano": list[np.ndarray](), "codes": list[np.ndarray]()}
    for text, clip in held_out(limit or 200):
        texts.append(text)
        waves["engine"].append(clip)
        waves["nano"].append(spoken(model.speak(text))[0])
        waves["codes"].append(rendered(model, prepared(model, clip).codes))
    out: dict[str, Any] = {"n": len(texts)}
    for judge_name, judge in judges.items():
        for speaker, sounds in waves.items():
            heard = [judge.transcribe(torch.from_numpy(w).numpy(), SPOKEN_HZ) for w in sounds]
            out[f"{speaker} by {judge_name}"] = wer(texts, heard).to_json()
            print(speaker, judge_name, wer(texts, heard), flush=True)
    out["seconds"] = {k: float(sum(map(len, v)) / SPOKEN_HZ) for k, v in waves.items()}
    return out


def held_out(wanted: int) -> Iterator[tuple[str, np.ndarray]]:
    """Held-out texts of every kind, evenly, as the engine says them: float32 at 24 kHz."""
    folder = CORPUS / "target_dev"
    for shard in shard_numbers(folder):
        items = list(read_shard(folder, shard))
        for item in [items[i * len(items) // wanted] for i in range(min(wanted, len(items)))]:
            yield item.row["text"], item.audio


def prepared(model: Model, clip: np.ndarray) -> VoicePrompt:
    """The codes of a clip, among the rest of what makes a voice of it."""
    assert model.voice is not None
    return model.voice.prepare(Audio(torch.from_numpy(clip)[None], SPOKEN_HZ))


def rendered(model: Model, codes: torch.Tensor) -> np.ndarray:
    """Codes as sound, in nano's own voice: with an engine's codes, what the codec alone loses."""
    assert model.voice is not None
    wave, _ = model.voice(codes, model.voice.open(model.voice.prepare(model.default_voice())))
    return wave[0].numpy()


def controls(model: Model, limit: int | None) -> dict[str, Any]:
    """The answer follows the audio: each question is asked with the sound of another one."""
    held = [d for d in dialogues("dialogue_test_slots", limit) if d[0].task in ("fact", "arithmetic")]
    right = []
    for (dialogue, _), (_, sounds) in zip(held, held[7:] + held[:7], strict=True):
        right.append(world.right_answer(dialogue.turns[-1], last_reply(model, dialogue, sounds, aloud=False).text))
    return {"right with another question's sound": share(right), "shuffled codes by ctc": shuffled(model, limit)}


def shuffled(model: Model, limit: int | None) -> dict[str, Any]:
    """The sound follows the codes: the engine's own, in another order, must not be understood (word error rate)."""
    from recipes.judge.model import CtcJudge
    from recipes.judge.score import WEIGHTS

    judge, texts, heard = CtcJudge.load(WEIGHTS), [], []
    for text, clip in held_out(min(limit or 40, 40)):
        prompt = prepared(model, clip)
        order = torch.from_numpy(np.random.default_rng(len(texts)).permutation(prompt.codes.shape[-1]))
        texts.append(text)
        heard.append(judge.transcribe(rendered(model, prompt.codes[..., order]), SPOKEN_HZ))
    return wer(texts, heard).to_json()


PARTS = {"answers": answers, "say": say, "speech": speech, "controls": controls}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; all by default")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS), help="which questions, for `answers`")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = antiphon.load(args.model)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    report: dict[str, Any] = {"commit": commit, "model": args.model}
    if unknown := [part for part in args.parts if part not in PARTS]:
        parser.error(f"{unknown[0]} is no part; the parts are {', '.join(PARTS)}.")
    for part in args.parts or PARTS:
        report[part] = answers(model, args.limit, args.sets) if part == "answers" else PARTS[part](model, args.limit)
        print(part, json.dumps(report[part]), flush=True)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
