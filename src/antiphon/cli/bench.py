"""Measure speed, as JSON:  antiphon bench --threads 1"""

import json
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Device, Dtype, Name, Seed, VoiceClip, load_model, read


def bench(
    audio: Annotated[Path | None, typer.Argument(help="A question; the one that ships with nano by default.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Answers to measure, after one to warm up.")] = 3,
    model: Name = "nano",
    voice: VoiceClip = None,
    seed: Seed = 0,
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
) -> None:
    """Measure the whole answer: real-time factor, time to the first sound, tokens a second, peak memory."""
    from antiphon.runtime.measure import measure
    from antiphon.weights.find import PRESETS

    question = read(audio or PRESETS / "nano" / "question.wav")
    loaded = load_model(model, device, dtype, threads)
    figures = measure(loaded, question, repeats=repeats, voice=voice, seed=seed)
    print(json.dumps({"model": model, "device": device, "threads": threads, **figures}, indent=2))
