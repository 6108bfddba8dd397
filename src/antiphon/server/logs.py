"""What a server writes down: one JSON object a line on standard error. No key, no word and no sound of anybody."""

import json
import logging
import sys
import time
from typing import Any

LOG = logging.getLogger("antiphon.server")


class JsonLines(logging.Formatter):
    """A record as JSON: time, level, what happened, and the fields it was given."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


def note(event: str, /, *, level: int = logging.INFO, failure: bool = False, **fields: object) -> None:
    """Write down that something happened; `failure` adds where the exception under way came from."""
    LOG.log(level, event, extra={"fields": fields}, exc_info=failure)


def to_stderr() -> None:
    """Lines go to standard error; for the command, which owns the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("antiphon.server", "antiphon.runtime", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if name == "antiphon.server" else logging.WARNING)
