"""The figures of a corpus as one page of HTML that needs nothing else: tables, bars and histograms as inline SVG."""

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h2 { margin-top: 2rem; font-size: 1.1rem } svg { display: block } text { font: 12px system-ui, sans-serif; fill: #222 }
rect { fill: #4878a8 }
"""
WIDTH, LABEL, ROW, VALUE = 900, 300, 18, 90  # px
HEIGHT, AXIS = 160, 20


def page(name: str, figures: Mapping[str, Any]) -> str:
    """A page about a corpus of that name, from the figures of `stats.count`."""
    parts = [
        f"<h1>{escape(name)}</h1>",
        f"<p>{figures['hours']:.2f} hours in {figures['clips']} clips of {figures['mean_s']:.2f} s on average, "
        f"by {figures['speakers']} speakers.</p>",
        "<h2>Clips by seconds</h2>" + histogram(figures["clips_by_seconds"]),
        "<h2>Clips by characters of their text</h2>" + histogram(figures["clips_by_characters"]),
    ]
    for what, hours in figures["hours_by"].items():
        parts.append(f"<h2>Hours by {escape(what)}</h2>" + bars(hours, "{:.3f} h"))
    for title, what in (("Events that are heard", "events"), ("Clips refused, by reason", "refused")):
        parts.append(f"<h2>{title}</h2>" + (bars(figures[what], "{:.0f}") if figures[what] else "<p>None.</p>"))
    body = "\n".join(parts)
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
            f"<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n")  # fmt: skip


def bars(values: Mapping[str, int | float], form: str) -> str:
    """One bar a line, with its name and its value."""
    most = max(values.values()) or 1
    lines = []
    for number, (name, value) in enumerate(values.items()):
        top, length = number * ROW, (WIDTH - LABEL - VALUE) * value / most
        lines.append(
            f'<text x="{LABEL - 8}" y="{top + 13}" text-anchor="end">{escape(_short(name))}'
            f"<title>{escape(name)}</title></text>"
            f'<rect x="{LABEL}" y="{top + 3}" width="{length:.1f}" height="{ROW - 6}"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{top + 13}">{form.format(value)}</text>'
        )
    return _svg(len(values) * ROW, lines)


def histogram(values: Mapping[str, int]) -> str:
    """One column a bin, named by its lower end."""
    most, width = max(values.values()) or 1, (WIDTH - 20) / len(values)
    every = max(1, len(values) // 20)
    lines = []
    for number, (name, value) in enumerate(values.items()):
        tall = (HEIGHT - AXIS) * value / most
        lines.append(f'<rect x="{10 + number * width:.1f}" y="{HEIGHT - AXIS - tall:.1f}" width="{width * 0.9:.1f}" '
                     f'height="{tall:.1f}"><title>{name}: {value}</title></rect>')  # fmt: skip
        if number % every == 0:
            lines.append(f'<text x="{10 + number * width:.1f}" y="{HEIGHT - 5}">{name}</text>')
    return _svg(HEIGHT, lines)


def _short(name: str) -> str:
    return name if len(name) <= 42 else name[:41] + "…"


def _svg(height: int, lines: list[str]) -> str:
    return f'<svg width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">{"".join(lines)}</svg>'
