"""How fast the loop trains: against a bare PyTorch loop of the same model, and against what the machine multiplies.

Both loops train nano's language model on the same made-up rows, by turns, in one process, so that whatever else the
machine does slows both; figures are medians over steps. On a CPU the time is this process's own.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from antiphon.config import ModelConfig, from_dict, read_json
from antiphon.model.speech_lm import SpeechLM
from antiphon.train.loop import Trainer
from antiphon.train.loss import cross_entropy
from antiphon.train.ranks import joined
from antiphon.train.run import Run
from antiphon.train.stage import Group, Item, Losses, Place, Stage, Turn
from antiphon.weights.find import PRESETS

LENGTH, ROWS, MICRO_BATCHES = 256, 8, 2  # of a step
RATE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of made-up ids."""

    id: str
    size: int = LENGTH


def nats(model: nn.Module, ids: Tensor) -> Tensor:
    """The loss of every next id, summed; what both loops compute."""
    assert isinstance(model, SpeechLM)
    hidden, _ = model.model(model.model.embed_tokens(ids))
    return cross_entropy(hidden[:, :-1].flatten(0, 1), model.head, ids[:, 1:].flatten()).sum()


class ReadingStage(Stage):
    """nano's decoder, reading rows that are made up."""

    def __init__(self, run: Run, place: Place) -> None:
        config = from_dict(ModelConfig, read_json(PRESETS / "nano" / "nano.json"))
        self.model = SpeechLM(config.lm)
        self.model.encoder.requires_grad_(False)
        self.model.adapter.requires_grad_(False)
        self.weights = {"text": 1.0}
        self.place, self.vocabulary = place, config.lm.decoder.vocab_size

    def turns(self) -> Sequence[Turn]:
        """One, of all that learns."""
        return [Turn(name="all", groups=[Group(parameters=learning(self.model), lr=RATE)])]

    def items(self, step: int) -> Sequence[Item]:
        """As many rows as make the micro-batches."""
        return [Row(id=f"{step}-{n}") for n in range(ROWS * MICRO_BATCHES)]

    def batch(self, items: Sequence[Item]) -> Tensor:
        """Ids that depend on the first row's name."""
        generator = torch.Generator().manual_seed(int(items[0].id.replace("-", "")))
        ids = torch.randint(0, self.vocabulary, (len(items), LENGTH), generator=generator)
        return ids.to(self.place.device)

    def counts(self, batch: Tensor) -> dict[str, float]:
        """All but the first id of each row."""
        return {"text": float(batch[:, 1:].numel())}

    def losses(self, batch: Tensor, turn: str, step: int) -> Losses:
        """Of the text."""
        return {"text": nats(self.model, batch)}


def learning(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that are trained."""
    return [p for p in model.parameters() if p.requires_grad]


class Bare:
    """The loop that anybody would write: no counts, no checks, no log."""

    def __init__(self, stage: ReadingStage, run: Run) -> None:
        self.stage, self.run, self.step = stage, run, 0
        self.optimizer = torch.optim.AdamW(learning(stage.model), lr=RATE, fused=True)

    def take_step(self) -> None:
        """Forward, backward, clip, update."""
        device = self.stage.place.device.type
        items = self.stage.items(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        for at in range(0, len(items), ROWS):
            ids = self.stage.batch(items[at : at + ROWS])
            with torch.autocast(device, torch.bfloat16, enabled=self.run.dtype == "bfloat16"):
                loss = nats(self.stage.model, ids) / (len(items) * (LENGTH - 1))
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learning(self.stage.model), 1.0)
        self.optimizer.step()
        self.step += 1


def measure_training(
    *, device: str = "cpu", dtype: str = "float32", threads: int = 1, steps: int = 8
) -> dict[str, Any]:
    """Time of a step of our loop and of a bare one, their ratio, and the share of the measured matrix-product peak."""
    run = Run(
        name="measure",
        stage=f"{__name__}:{ReadingStage.__name__}",
        steps=steps + 2,
        micro_size=LENGTH * ROWS,
        dtype=dtype,
    )
    torch.set_num_threads(threads)
    with joined(device) as ranks, TemporaryDirectory(prefix="antiphon-measure-") as folder:
        ours = Trainer(run, Path(folder) / run.name, ranks)
        place = Place(device=ranks.device, folder=Path(folder), runs=Path(folder))
        stage = ReadingStage(run, place)
        stage.model.to(ranks.device)
        bare = Bare(stage, run)
        ours.take_step()  # kernels are made
        with FlopCounterMode(display=False) as counter:
            bare.take_step()
        times = [(timed(bare.take_step, device), timed(ours.take_step, device)) for _ in range(steps)]
        peak = matmul_peak(device, dtype)
    bare_s, ours_s = (median(t) for t in zip(*times, strict=True))
    flops = counter.get_total_flops()
    return {
        "steps": steps,
        "tokens_per_step": LENGTH * ROWS * MICRO_BATCHES,
        "bare_step_s": round(bare_s, 5),
        "step_s": round(ours_s, 5),
        "ratio": round(median(o / b for b, o in times), 3),
        "tokens_per_s": round(LENGTH * ROWS * MICRO_BATCHES / ours_s, 1),
        "matmul_peak_gflops": round(peak / 1e9, 1),
        "share_of_peak": round(flops / ours_s / peak, 3),
        "share_of_peak_bare": round(flops / bare_s / peak, 3),
    }


def timed(do: Callable[[], object], device: str) -> float:
    """Seconds that something takes."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    if device == "cuda":
        torch.cuda.synchronize()
    begun = clock()
    do()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - begun


def matmul_peak(device: str, dtype: str) -> float:
    """Floating-point operations a second in a large matrix product of this dtype: the best of several."""
    size = 8192 if device == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    times = [timed(lambda: torch.mm(one, other), device) for _ in range(10)]
    return 2 * size**3 / min(times)
