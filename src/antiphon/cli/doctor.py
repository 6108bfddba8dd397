"""Say what is installed and whether it works:  antiphon doctor"""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import typer

from antiphon.cli.options import Device, Name

LIBRARIES = ("torch", "numpy", "safetensors", "tokenizers", "soundfile", "onnxruntime")


def doctor(model: Name = "nano", device: Device = "cpu") -> None:
    """Print versions, what the machine offers and which model is found, then check a few things; 1 if one fails."""
    import torch

    from antiphon.cli.accelerator import accelerator

    print(f"antiphon     {_version('antiphon')}")
    print(f"python       {platform.python_version()} ({sys.executable})")
    for name in LIBRARIES:
        print(f"{name:<12} {_version(name)}")
    print(f"machine      {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch")
    print(f"accelerator  {accelerator() or 'none'}")
    checks = {"resampler": _resampler, "chance": _chance, f"model {model}": lambda: _model(model, device)}
    failed = 0
    for name, check in checks.items():
        verdict = _judge(check)
        failed += not verdict.startswith("ok")
        print(f"{name:<12} {verdict}")
    if failed:
        raise typer.Exit(1)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _judge(check: object) -> str:
    from antiphon.errors import AntiphonError

    assert callable(check)
    try:
        return f"ok  {check()}".rstrip()
    except AntiphonError as error:
        return f"FAIL  {error}"


def _resampler() -> str:
    """A tone keeps its level from 48 to 16 kHz."""
    import torch

    from antiphon.audio.wave import Audio
    from antiphon.errors import InputError

    tone = Audio(torch.sin(torch.arange(48_000) * 0.05)[None], 48_000).at(16_000).samples
    level = float(tone.square().mean().sqrt()) * 2**0.5
    if abs(level - 1) > 0.01:
        raise InputError(f"a tone of level 1 came out at {level:.3f}; reinstall torch.")
    return ""


def _chance() -> str:
    """Seeded noise is the same on every machine."""
    from antiphon.errors import InputError
    from antiphon.runtime.sample import uniform

    if f"{uniform(1, 2):.12f}" != "0.965655670414":
        raise InputError(f"the seeded number {uniform(1, 2):.12f} differs from the one expected; reinstall torch.")
    return ""


def _model(name: str, device: str) -> str:
    """The model is found, loads, and reads and continues a prompt."""
    from antiphon.runtime.events import End
    from antiphon.runtime.model import load

    model = load(name, device=device)
    events = list(model.session(tools=()).reply("hello", speech=False, max_tokens=4))
    assert isinstance(events[-1], End)
    size = sum(p.numel() for p in model.parts.lm.parameters())
    voice = "speaks" if model.speaks else "answers in text"
    return f"{size / 1e6:.1f} M parameters, {voice}, from {model.parts.folder}"
