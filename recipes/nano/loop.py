"""One training loop for every part of nano: bf16 autocast, AdamW, a cosine over CPU-minutes, points to resume from.

A part hands over a model, a function step -> losses and a folder; the loop does the rest. A run is measured in
minutes of CPU time of its one thread, so that a busy machine changes how long it takes and not what comes out.
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


def one_thread() -> None:
    """Two threads beside a busy core are many times slower than one."""
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
    optimizer = torch.optim.AdamW(groups or model.parameters(), lr=lr, betas=betas, weight_decay=decay)
    for group in optimizer.param_groups:
        group.setdefault("peak", group["lr"])
        group["peak"] = group.get("peak", lr)
    step, spent, evaluated = 0, 0.0, 0.0
    if held := latest(folder):
        model.load_state_dict(held["model"])
        optimizer.load_state_dict(held["optimizer"])
        step, spent = held["step"], held["spent"]
        evaluated = spent
        print(f"resumed at step {step}, {spent:.1f} CPU-min", flush=True)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    log = (folder / "log.jsonl").open("a", encoding="utf8")
    saved, mean = spent, {}
    while spent < minutes:
        begun = time.process_time()
        model.train()
        share = min(1.0, spent / (horizon or minutes))
        rate = min(1.0, (step + 1) / warm_up) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            parts = losses(step)
        total = sum(parts.values())
        assert isinstance(total, Tensor)
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        step += 1
        for name, value in parts.items():
            mean[name] = 0.98 * mean.get(name, value.item()) + 0.02 * value.item()
        spent += (time.process_time() - begun) / 60
        if step % 50 == 0:
            line = {"step": step, "min": round(spent, 2), "norm": round(norm.item(), 2)}
            line |= {k: round(v, 4) for k, v in mean.items()}
            print(json.dumps(line), file=log, flush=True)
            print(json.dumps(line), flush=True)
        if spent - saved > 2.0 or spent >= minutes:
            save(
                folder, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent}
            )
            saved = spent
        if evaluate and (spent - evaluated > evaluate_every or spent >= minutes):
            model.eval()
            with torch.no_grad():
                line = {"step": step, "min": round(spent, 2), "eval": evaluate()}
            print(json.dumps(line), file=log, flush=True)
            print(json.dumps(line), flush=True)
            evaluated = spent
