"""The gates of a run on the report's first page, where `antiphon eval gate` has looked at its spoken answers."""

import json
from html import escape
from pathlib import Path

from antiphon.errors import InputError
from antiphon.eval.gates import Passed
from antiphon.eval.report.words import word

__all__ = ["gated"]

_STATE = {True: "open", False: "shut", None: "not measured"}


def gated(path: Path) -> str:
    """A section with one row a gate, from `gates.json`; "" where nobody has looked.

    Raises InputError for a file that holds something else.
    """
    if not path.exists():
        return ""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = [Passed(**row | {"failed": tuple(row["failed"])}) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} holds no gates; make it again with `antiphon eval gate`.") from error
    head = "".join(word(title, "th scope=col") for title in ("gate", "state", "failed", "looked at")) + "<td></td>"
    body = "".join(_row(one) for one in found)
    return (f'<section id=gates><h2>{word("sound of the answers")}</h2><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></section>")  # fmt: skip


def _row(one: Passed) -> str:
    state = word(_STATE[one.is_open], "td class=warning" if one.is_open is False else "td")
    numbers = "".join(f"<td class=number>{cell}</td>" for cell in (len(one.failed), one.looked_at))
    return f"<tr>{word(one.gate, 'th scope=row')}{state}{numbers}<td class=note>{escape(one.told)}</td></tr>"
