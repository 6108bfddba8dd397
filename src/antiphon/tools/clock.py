"""The one tool of the first nano: date and time.

The result is one line in a fixed form, `Friday 20 November 2026 14:35`, whatever was asked; saying it is the model's
part.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from antiphon.errors import ToolError

NAME = "clock"
ASKED = ("time", "day", "date")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
FUNCTION = {
    "name": NAME,
    "description": "Tell the date and the time.",
    "parameters": {
        "type": "object",
        "properties": {"what": {"type": "string", "enum": list(ASKED)}},
        "required": ["what"],
    },
}
SCHEMA = json.dumps([{"type": "function", "function": FUNCTION}], ensure_ascii=False)


def clock_says(moment: datetime) -> str:
    """The line that the tool returns, in English whatever the locale."""
    return f"{DAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]} {moment.year} {moment:%H:%M}"


def run(arguments: Mapping[str, Any], moment: datetime | None = None) -> str:
    """Answer a call; `moment` is now unless it is given. Raises ToolError for arguments that break the schema."""
    if set(arguments) != {"what"} or arguments["what"] not in ASKED:
        raise ToolError(f"clock was called with {dict(arguments)!r}; it takes one argument, what: {', '.join(ASKED)}.")
    return clock_says(moment or datetime.now())
