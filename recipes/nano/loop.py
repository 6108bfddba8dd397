"""One training loop for every part of nano: bf16 autocast, AdamW, a cosine over CPU-minutes, points to resume from.

A part hands over a model, a function step -> losses and a folder; the loop does the rest. A run is measured in
minutes of CPU time of its one thread, so that a busy machine does not shorten it by much. How many steps fit into a
minute still depends on the machine: two runs of one recipe are alike, not equal to the bit.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Losses = dict[str, Tensor]
PATIENCE = 20  # steps in a row whose gradient is not finite, before the run gives up


def one_thread() -> None:
    """Two threads beside a busy core are many times slower than one; kernels of all shapes met are kept."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def latest(folder: Path) -> dict[str, Any] | None:
    """The last complete checkpoint of a run, or None."""
    path = folder / "last.pt"
    return torch.load(path, weights_only=False) if path.exists() else None


def save(folder: Path, held: dict[str, Any]) -> None:
    """Replace the checkpoint in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(held, folder / "tmp.pt")
    os.replace(folder / "tmp.pt", folder / "last.pt")


def train(
    folder: Path,
    model: nn.Module,
    losses: Callable[[int], Losses],
    *,
    minutes: float,
    lr: float,
    horizon: float | None = None,
    groups: Iterable[dict[str, Any]] | None = None,
    decay: float = 0.02,
    warm_up: int = 100,
    floor: float = 0.05,
    evaluate: Callable[[], dict[str, float]] | None = None,
    evaluate_every: float = 3.0,
    betas: tuple[float, float] = (0.9, 0.98),
) -> None:
    """Train `model` until `minutes` CPU-minutes are spent in this run, resuming from its checkpoint if there is one.

    The rate falls along a cosine that ends at `horizon` (`minutes` by default), so that a run can be made in stretches.
    """
    one_thread()
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(groups or model.parameters(), lr=lr, betas=betas, weight_decay=decay, fused=True)
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    step, spent = resume(folder, model, optimizer)
    evaluated = saved = spent
    mean: dict[str, float] = {}
    skipped = 0
    while spent < minutes:
        begun = time.process_time()
        rate = rate_at(step, spent / (horizon or minutes), warm_up, floor)
        parts, norm = take_step(model, optimizer, losses, step, rate)
        step += 1
        skipped = 0 if math.isfinite(norm) else skipped + 1
        if skipped == PATIENCE:
            raise SystemExit(f"the gradient was not finite for {PATIENCE} steps, at step {step}; lower the rate.")
        for name, value in parts.items():
            mean[name] = 0.98 * mean.get(name, value) + 0.02 * value
        spent += (time.process_time() - begun) / 60
        done = spent >= minutes
        if step % 50 == 0:
            rounded = {k: round(v, 4) for k, v in mean.items()}
            report(folder, {"step": step, "min": round(spent, 2), "norm": round(norm, 2), **rounded})
        if spent - saved > 2.0 or done:
            held = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent}
            save(folder, held)
            saved = spent
        if evaluate and (spent - evaluated > evaluate_every or done):
            model.eval()
            with torch.no_grad():
                report(folder, {"step": step, "min": round(spent, 2), "eval": evaluate()})
            evaluated = spent


def resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Take up the last checkpoint of a run, if there is one; its steps and CPU-minutes."""
    held = latest(folder)
    if held is None:
        return 0, 0.0
    model.load_state_dict(held["model"])
    if "optimizer" in held:  # weights alone begin a new run
        optimizer.load_state_dict(held["optimizer"])
    print(f"resumed at step {held['step']}, {held['spent']:.1f} CPU-min", flush=True)
    return held["step"], held["spent"]


def rate_at(step: int, share: float, warm_up: int, floor: float) -> float:
    """The learning rate as a part of its peak: a warm-up over steps, a cosine over the share of the horizon."""
    return min(1.0, (step + 1) / warm_up) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


def take_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, losses: Callable[[int], Losses], step: int, rate: float
) -> tuple[dict[str, float], float]:
    """One update; what each loss was, and the norm of the gradient. A gradient that is not finite updates nothing."""
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * rate
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parts = losses(step)
    total = sum(parts.values())
    assert isinstance(total, Tensor)
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0).item()
    if math.isfinite(norm):
        optimizer.step()
    return {name: value.item() for name, value in parts.items()}, norm


def report(folder: Path, line: dict[str, Any]) -> None:
    """One line for the eye and for the log of the run."""
    text = json.dumps(line)
    print(text, flush=True)
    with (folder / "log.jsonl").open("a", encoding="utf8") as log:
        print(text, file=log)
