"""The losses and figures of a run as one PNG, from its log. Needs matplotlib, which is an extra."""

from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError
from antiphon.train.log import flat, read_log

FILE = "losses.png"


def plot(folder: Path) -> Path:
    """Draw a run's log: a panel of the losses, the rest one each. Raises ConfigError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "found no matplotlib, which draws a run's losses; install it by: pip install 'antiphon[train]'."
        ) from error
    panels = curves(read_log(folder))
    figure = Figure(figsize=(7, 2.6 * max(1, len(panels))), layout="constrained")
    for number, (title, lines) in enumerate(panels.items()):
        axes = figure.add_subplot(len(panels), 1, number + 1)
        for name, points in lines.items():
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1, marker="." if len(points) < 30 else "")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    path = folder / FILE
    figure.savefig(path, dpi=110)
    return path


def curves(lines: list[dict[str, Any]]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Panel to curve to points (step, value): losses, gradient norms, figures of evaluation, samples."""
    panels: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for line in lines:
        for title in ("loss", "norm", "eval", "samples"):
            for name, value in flat(line.get(title, {})):
                panels.setdefault(title, {}).setdefault(name, []).append((line["step"], value))
    return panels
