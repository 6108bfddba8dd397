"""Changes of voice in mid-utterance:  python -m benches.switching --clips FOLDER --out benches/results/switching.json

FOLDER holds recordings of voices, such as the clips of `python -m recipes.voices`. An utterance with a pause is said
from its codes; in its first second another voice is asked for. Of every change: is what follows nearer to the new voice
than to the old one, by the model's own speaker net? How long after the boundary is the first sound of the new voice
there, by the clock and by CPU time? Is there a click (`metrics.signal`)?

The voices are all that a model can make of the clips: what it was not trained to imitate, it does not.
"""

import argparse
import json
import platform
import random
import subprocess
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from antiphon import Audio, Model, load
from antiphon.metrics.interval import wilson
from antiphon.metrics.signal import check_seams
from antiphon.metrics.speaker import cosine
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.wardrobe import Speaker, Wardrobe

PAUSE_S, LEAD_S, BEHIND_S = 0.5, 1.2, 3.0  # of the utterance: the pause, what is before it, what is behind it


def utterance(model: Model) -> list[int]:
    """Codes of speech with a pause in it."""
    own = model.default_voice().mean().at(SPOKEN_HZ).samples
    lead, behind = round(LEAD_S * SPOKEN_HZ), round((LEAD_S + BEHIND_S) * SPOKEN_HZ)
    parts = [own[:, :lead], torch.zeros(1, round(PAUSE_S * SPOKEN_HZ)), own[:, lead:behind]]
    assert model.voice is not None
    return [int(code) for code in model.voice.prepare(Audio(torch.cat(parts, 1), SPOKEN_HZ)).codes[0]]


def change(model: Model, codes: list[int], old: Audio, new: Audio) -> dict[str, float | bool | None]:
    """One change from an old to a new voice; `nearer` is None where there was no pause to change in."""
    assert model.voice is not None and model.voice.speaker is not None
    wardrobe = Wardrobe(model, old, 0)
    speaker, waves, times = Speaker(wardrobe), list[torch.Tensor](), list[tuple[int, float, float]]()
    begin = time.perf_counter()
    wardrobe.wear(new).done.result()
    ready_s = time.perf_counter() - begin
    for wave in chain(speaker.push(codes), _rest(speaker)):
        waves.append(wave)
        times.append((len(speaker.changes), time.perf_counter(), time.process_time()))
    said = torch.cat(waves)
    if not speaker.changes:
        return {"nearer": None, "ready_s": ready_s}
    (at,) = speaker.changes
    vectors = [
        model.voice.speaker(Audio(wave, rate).heard)[0].numpy()
        for wave, rate in ((said[None, at:], SPOKEN_HZ), (new.samples, new.rate), (old.samples, old.rate))
    ]
    to_new, to_old = cosine(vectors[0], vectors[1]), cosine(vectors[0], vectors[2])
    (seam,) = check_seams(said.numpy(), SPOKEN_HZ, [at])
    return {
        "nearer": to_new > to_old, "to_new": to_new, "to_old": to_old, "ready_s": ready_s,
        "clicks": seam.is_audible, **_first_sound(times),
    }  # fmt: skip


def _rest(speaker: Speaker) -> Iterator[torch.Tensor]:
    yield from speaker.finish()  # of whatever voice speaks by then


def _first_sound(times: list[tuple[int, float, float]]) -> dict[str, float]:
    """From the end of the old voice's last sound to the new one's first, by the clock and by CPU."""
    first = next(n for n in range(len(times)) if times[n][0] == 1)
    _, clock, cpu = times[first]
    _, before, cpu_before = times[first - 1] if first else times[first]
    return {"first_s": clock - before, "first_cpu_s": cpu - cpu_before}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Changes of voice within an utterance.")
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, chance = load(arguments.model), random.Random("changes of voice")
    voices = [Audio.read(path) for path in sorted(arguments.clips.iterdir())]
    codes = utterance(model)
    found = [change(model, codes, *chance.sample(voices, 2)) for _ in range(arguments.changes)]
    done = [one for one in found if one["nearer"] is not None]
    nearer = wilson(sum(bool(one["nearer"]) for one in done), len(done))
    quantiles = {
        name: np.quantile([float(one[name] or 0.0) for one in done], (0.5, 0.95)).round(3).tolist()
        for name in ("first_s", "first_cpu_s", "ready_s", "to_new", "to_old")
    }
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    figures = {
        "commit": commit,
        "python": platform.python_version(),
        "model": arguments.model,
        "voices": len(voices),
        "changes": len(found),
        "changed": len(done),
        "nearer to the new voice": {"rate": nearer.value, "95 %": [nearer.low, nearer.high]},
        "clicks": sum(bool(one["clicks"]) for one in done),
        "median and 95 %": quantiles,
    }
    print(json.dumps(figures, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
