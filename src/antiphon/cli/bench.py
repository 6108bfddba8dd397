"""Measure speed, as JSON:  antiphon bench   of many conversations:  antiphon bench streams   of training:  ... train"""

import json
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.options import Consent, Device, Dtype, Name, Seed, VoiceClip, load_model, permitted, read

TRAIN, STREAMS = "train", "streams"  # a recording of this name is ./train


def bench(
    audio: Annotated[Path | None, typer.Argument(help="A question, nano's own by default; or: streams, train.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Answers to measure, after one to warm up.")] = 3,
    model: Name = "nano",
    voice: VoiceClip = None,
    consent: Consent = "",
    seed: Seed = 0,
    device: Device = "cpu",
    dtype: Dtype = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 1,
    streams: Annotated[int, typer.Option(min=1, max=64, help="Conversations of `bench streams`.")] = 8,
) -> None:
    """Measure the whole answer: real-time factor, time to the first sound, tokens a second, peak memory.

    `streams` measures many conversations instead, in minutes: held in real time by recorded users, all at once beside
    one by one, and the price of determinism; `train` the training loop: its time beside a bare loop's, and the share of
    the matmul peak.
    """
    if str(audio) == TRAIN:
        _bench_training(device, dtype or "float32", threads)
        return
    from antiphon.runtime.measure import measure
    from antiphon.runtime.measure_live import measure_live
    from antiphon.runtime.measure_streams import measure_streams
    from antiphon.weights.find import PRESETS

    is_many = str(audio) == STREAMS
    question = read(PRESETS / "nano" / "question.wav" if audio is None or is_many else audio)
    loaded = load_model(model, device, dtype, threads)
    if is_many:
        figures = measure_live(loaded, question, streams=streams)
        figures.update(measure_streams(loaded, question, streams=streams))
    else:
        figures = measure(loaded, question, repeats=repeats, voice=permitted(voice, consent), seed=seed)
    print(json.dumps({"model": model, "device": device, "threads": threads, **figures}, indent=2))


def _bench_training(device: str, dtype: str, threads: int) -> None:
    from antiphon.train.measure import measure_training

    figures = measure_training(device=device, dtype=dtype, threads=threads)
    print(json.dumps({"device": device, "dtype": dtype, "threads": threads, **figures}, indent=2))
