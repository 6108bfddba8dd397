"""What was once computed is not computed again: answers, transcripts of answers, verdicts, by the hash of their cause.

    FOLDER/answers/3f/3f9a...json     a value                FOLDER/sounds/a0/a01c...wav     bytes, named by their hash

Runs share it, so another shard count, another run folder or a killed run pays for nothing twice.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from antiphon.eval.rows import write_whole

__all__ = ["Cache", "default_folder"]


def default_folder() -> Path:
    """`ANTIPHON_EVAL_CACHE`, or a folder of its own in the user's cache."""
    given = os.environ.get("ANTIPHON_EVAL_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "antiphon" / "eval"


class Cache:
    """A folder of values; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """A value, if it is there and whole."""
        path = self._path(kind, key)
        try:
            found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path else None
            return found
        except (OSError, ValueError):
            return None

    def put(self, kind: str, key: str, value: dict[str, Any]) -> None:
        """Keep a value."""
        if path := self._path(kind, key):
            write_whole(path, json.dumps(value, ensure_ascii=False))

    def explain(self, kind: str, key: str) -> str:
        """Where a value lies, or would."""
        path = self._path(kind, key)
        return f"{kind} {key[:12]}: {'kept in' if path and path.exists() else 'not in'} {path or 'no cache'}"

    def _path(self, kind: str, key: str) -> Path | None:
        return self.folder / kind / key[:2] / f"{key}.json" if self.folder else None


def keep_sound(folder: Path, data: bytes) -> str:
    """Write a recording under its own hash; its path relative to the folder."""
    name = hashlib.sha256(data).hexdigest()
    path = folder / name[:2] / f"{name}.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(path)
    return f"{name[:2]}/{name}.wav"
