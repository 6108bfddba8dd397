"""The report's first page and its folder.

    index.html      every figure with its interval, n, failures and signature, beside what was published; the gates
    BENCH.html      its items, to be listened to          items-BENCH.js, audio/    what that page shows
"""

import shutil
from collections import Counter
from html import escape
from pathlib import Path

from antiphon.eval.benchmark import Result
from antiphon.eval.folder import Folder, Run
from antiphon.eval.gates import GATED
from antiphon.eval.published import contradictions, figures
from antiphon.eval.report.charts import bars, confusion, radar
from antiphon.eval.report.gated import gated
from antiphon.eval.report.listening import write_listening
from antiphon.eval.report.words import SWITCH, labelled, word
from antiphon.eval.scoring import Report, Scored

__all__ = ["write_report"]

_HERE = Path(__file__).parent
_COMPARED = ("Step-Audio 2 mini", "GPT-4o Audio", "Kimi-Audio")  # those that a radar shows


def write_report(
    place: Path, folder: Folder, report: Report, *, source: str = "readme", with_audio: bool = True
) -> Path:
    """Write the folder; the path of its first page."""
    place.mkdir(parents=True, exist_ok=True)
    for name in ("style.css", "language.js", "listening.js"):
        shutil.copyfile(_HERE / name, place / name)
    for scored in report.values():
        write_listening(place, folder, scored, with_audio)
    run = folder.run
    links = "".join(_headline(name, scored) for name, scored in report.items())
    body = "".join(_section(name, scored, source) for name, scored in report.items())
    body += gated(folder.path / GATED)
    page = (f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{escape(run.model)}, measured</title><link rel=stylesheet href=style.css>"
            f"{SWITCH}<h1>{escape(run.model)} {word('measured')}</h1><p class=note>{_told(run)}</p>"
            f"<nav {labelled('benchmarks')}><table>{links}</table></nav><main>{body}</main>"
            "<script src=language.js></script></html>\n")  # fmt: skip
    index = place / "index.html"
    index.write_text(page, encoding="utf-8")
    return index


def _told(run: Run) -> str:
    """What run it is."""
    size = word("all items") if run.limit is None else f"{word('at most')} {run.limit} {word('items of each')}"
    named = {"model": run.fingerprint[:12], "seed": run.seed, "suite": escape(run.suite)}
    return ", ".join([*(f"{word(name)} {value}" for name, value in named.items()), size])


def _headline(name: str, scored: Scored) -> str:
    """One line of the list of benchmarks."""
    told = next((one for one in scored.results if one.is_headline), None)
    value = _value(told) if told else word("not evaluated")
    ends = "" if told is None or told.low is None else f"{told.low:.2f} to {told.high:.2f}"
    warned = word("look at its warnings") if scored.warned or scored.faults or scored.missing else ""
    cells = (escape(told.metric) if told else "", value, ends, warned)
    return f'<tr><th scope=row><a href="#{escape(name)}">{escape(name)}</a></th>' + "".join(
        f"<td>{cell}</td>" for cell in cells) + "</tr>"  # fmt: skip


def _value(one: Result) -> str:
    return word("not evaluated") if one.value is None else escape(f"{one.value:.2f} {one.unit}")


def _section(name: str, scored: Scored, source: str) -> str:
    warned = [f"{word(one.name)}: {escape(one.sentence)}" for one in scored.warned]
    warned += [f"{scored.faults} {word('items were lost in the data')}"] if scored.faults else []
    warned += [f"{scored.missing} {word('questions are not answered yet')}"] if scored.missing else []
    parts = [
        f'<section id="{escape(name)}"><h2>{escape(name)}</h2>',
        f'<p><a href="{escape(name)}.html">{word("listen to its items:")} {len(scored.rows)}</a></p>',
        *(f"<p class=warning role=alert>{text}</p>" for text in warned),
        *(f"<p class=note>{word('assumed:')} {escape(text)}</p>" for text in [scored.bench.assumption] if text),
        *_charts(name, scored, source),
        _table(scored),
        *(f"<p class=note>{word('contradiction:')} {escape(one['claim'])}; {escape(one['kind'])}</p>"
          for one in contradictions(name)),
    ]  # fmt: skip
    return "".join([*parts, "</section>"])


def _charts(name: str, scored: Scored, source: str) -> list[str]:
    found = [bars(one, figures(name, one.published, source)) for one in scored.results
             if one.is_headline and one.value is not None]  # fmt: skip
    if name == "stepeval_audio_paralinguistic":
        found += _radar(name, scored, source)
    if name == "stepeval_audio_toolcall":
        found.append(_called(scored))
    return found


def _radar(name: str, scored: Scored, source: str) -> list[str]:
    """The dimensions on axes, beside those of other systems."""
    told = [(one.metric, one.value) for one in scored.results if one.published not in ("", "avg")]
    axes = {metric: value for metric, value in told if value is not None}
    others = {system: {axis: figures(name, axis, source).get(system, 0.0) for axis in axes} for system in _COMPARED}
    return [radar(axes, others)] if len(axes) > 2 else []


def _called(scored: Scored) -> str:
    """Which tool was due and which was called first; of negatives, that of their own is not due."""
    counts = Counter[tuple[str, str]]()
    for row in scored.rows:
        if row.state == "ok":
            target, positive = str(row.item.fields["target"]), bool(row.item.fields["positive"])
            counts[target if positive else f"not {target}", (list(row.values["called"]) or ["no call"])[0]] += 1
    return confusion(counts, sorted({due for due, _ in counts}), sorted({came for _, came in counts}))


def _table(scored: Scored) -> str:
    titles = ("figure", "value", "95 %", "n", "errors", "unparsed", "not judged")
    head = "".join(word(title, "th scope=col") for title in titles) + "<td></td>"
    body = "".join(_row(one) for one in scored.results)
    signed = "".join(f"<li class=signature>{escape(one.signature)}</li>" for one in scored.results if one.is_headline)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{signed}</ul>"


def _row(one: Result) -> str:
    value = _value(one)
    ends = "" if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}"
    numbers = "".join(f"<td class=number>{cell}</td>" for cell in
                      (value, ends, one.n, one.errors, one.unparsed, one.skipped))  # fmt: skip
    name = f"<strong>{escape(one.metric)}</strong>" if one.is_headline else escape(one.metric)
    signed, note = escape(one.signature, quote=True), escape(one.note)
    return f'<tr title="{signed}"><th scope=row>{name}</th>{numbers}<td class=note>{note}</td></tr>'
