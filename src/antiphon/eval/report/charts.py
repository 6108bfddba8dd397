"""Pictures of figures as inline SVG, in colours of the page, each with words for those who do not see it.

Colours are classes (`ours`, `theirs`, `grid`), so light and dark are the page's business.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape

from antiphon.eval.benchmark import Result
from antiphon.eval.report.words import word

__all__ = ["bars", "confusion", "radar"]

_WIDTH, _LEFT, _ROW = 640, 190, 22


def bars(one: Result, published: Mapping[str, float]) -> str:
    """Our figure with its interval, above those that others are said to have reached."""
    assert one.value is not None
    values = [one.value, one.high or one.value, *published.values()]
    top = max([*values, 1e-9]) * 1.08
    rows = [("this run", one.value, "ours"), *((name, value, "theirs") for name, value in published.items())]
    parts, own = list[str](), ' data-word="this run"'
    for place, (name, value, kind) in enumerate(rows):
        y, end = 4 + place * _ROW, _across(value, top)
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 13}" class="name"{own if kind == "ours" else ""}>{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{y + 3}" width="{end - _LEFT:.1f}" height="12" class="{kind}"/>',
            f'<text x="{_across(max(value, one.high or 0.0) if kind == "ours" else value, top) + 6:.1f}" y="{y + 13}"'
            f' class="value">{value:.2f}</text>',
        ]
        if kind == "ours" and one.low is not None and one.high is not None:
            low, high = _across(one.low, top), _across(one.high, top)
            ends = f"M{low:.1f} {y + 4}v10M{high:.1f} {y + 4}v10"
            parts.append(f'<path d="M{low:.1f} {y + 9}H{high:.1f}{ends}" class="whisker"/>')
    told = f"{one.metric}: this run {one.value:.2f}; " + "; ".join(f"{n} {v:g}" for n, v in published.items())
    return _svg(_WIDTH, 8 + len(rows) * _ROW, told, parts)


def radar(axes: Mapping[str, float], published: Mapping[str, Mapping[str, float]]) -> str:
    """Shares of 100 on as many axes, ours over those of others."""
    size, middle, reach = 420, 210, 150
    names = list(axes)

    def point(place: int, share: float) -> tuple[float, float]:
        angle = 2 * math.pi * place / len(names) - math.pi / 2
        return middle + reach * share / 100 * math.cos(angle), middle + reach * share / 100 * math.sin(angle)

    def outline(values: Mapping[str, float], kind: str) -> str:
        corners = " ".join("{:.1f},{:.1f}".format(*point(i, values.get(name, 0.0))) for i, name in enumerate(names))
        return f'<polygon points="{corners}" class="{kind}"/>'

    parts = [outline(dict.fromkeys(names, float(ring)), "grid") for ring in (25, 50, 75, 100)]
    parts += [outline(values, "web theirs") for values in published.values()] + [outline(axes, "web ours")]
    for place, name in enumerate(names):
        x, y = point(place, 118.0)
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="axis">{escape(name)} {axes[name]:.0f}</text>')
    told = "; ".join(f"{name} {value:.0f}" for name, value in axes.items())
    return _svg(size, size, told, parts)


def confusion(counts: Mapping[tuple[str, str], int], rows: Sequence[str], columns: Sequence[str]) -> str:
    """A table of what was due against what came, darker where more did."""
    most = max([*counts.values(), 1])
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in columns)
    body = ""
    for due in rows:
        cells = [(counts.get((due, came), 0), due == came) for came in columns]
        told = "".join(f'<td class="{"right" if same else "wrong"}" style="--share:{n / most:.2f}">{n or ""}</td>'
                       for n, same in cells)  # fmt: skip
        body += f"<tr><th scope=row>{escape(due)}</th>{told}</tr>"
    told = word("due (rows) and called (columns)", "caption")
    return f"<table class=confusion>{told}<tr><td></td>{head}</tr>{body}</table>"


def _across(value: float, top: float) -> float:
    return _LEFT + max(0.0, value) / top * (_WIDTH - _LEFT - 60)


def _svg(width: int, height: int, told: str, parts: Sequence[str]) -> str:
    return (f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
            f'aria-label="{escape(told, quote=True)}">{"".join(parts)}</svg>')  # fmt: skip
