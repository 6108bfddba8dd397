"""What a measurement of nano found, with what it was measured: as JSON that can be gone on with, and as a page.

    measured = Measured.now("nano", fingerprint, folder_of_sets, limit, ears, judge)
    record = Record.begin(measured, Path("nano.json"))      lines that are there, of the same model and sets, are kept
    record.lines["asr"] = figures
    record.write()

The page is Markdown, made by the command alone: the day, the commit and the model's fingerprint stand above its table.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from antiphon import __version__
from antiphon.eval.figures import Figure, figure_of, table
from antiphon.eval.rows import write_whole

__all__ = ["Measured", "Record", "commit_of"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured, and by what. All but the day and the commit decide the figures."""

    model: str
    fingerprint: str  # of the model's files
    sets: str
    limit: int | None
    ears: str
    judge: str
    day: str
    commit: str

    @classmethod
    def now(cls, model: str, fingerprint: str, sets: Path, limit: int | None, ears: str, judge: str) -> "Measured":
        """Today, at the commit that this code is of."""
        today = datetime.now(timezone.utc).date().isoformat()
        return cls(model=model, fingerprint=fingerprint, sets=sets.name, limit=limit, ears=ears, judge=judge,
                   day=today, commit=commit_of(Path(__file__).parent))  # fmt: skip

    def decides(self) -> Mapping[str, object]:
        """What two measurements must share before the lines of one are lines of the other."""
        return {name: value for name, value in asdict(self).items() if name not in ("day", "commit")}


@dataclass
class Record:
    """The lines that were measured so far."""

    measured: Measured
    output: Path | None = None
    page: Path | None = None
    lines: dict[str, list[Figure]] = field(default_factory=dict)

    @classmethod
    def begin(cls, measured: Measured, output: Path | None = None, page: Path | None = None) -> "Record":
        """Begin a record, or go on with the one that `output` holds, if the same was measured at the same commit."""
        record = cls(measured, output, page)
        try:
            told = json.loads(output.read_text(encoding="utf-8")) if output else {}
            if Measured(**told["measured"]).decides() == measured.decides():
                if told["measured"]["commit"] == measured.commit:
                    record.lines = {name: [figure_of(row) for row in found] for name, found in told["lines"].items()}
        except (OSError, ValueError, KeyError, TypeError):  # no record, or one of another kind
            pass
        return record

    def write(self) -> None:
        """Write what there is so far, each file whole or not at all."""
        if self.output is not None:
            write_whole(self.output, json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n")
        if self.page is not None:
            write_whole(self.page, self.to_markdown())

    @property
    def figures(self) -> list[Figure]:
        """Of all lines."""
        return [figure for found in self.lines.values() for figure in found]

    @property
    def fallen(self) -> list[Figure]:
        """Those that do not reach their bar."""
        return [figure for figure in self.figures if figure.holds is False]

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        told = {name: [figure.to_json() for figure in found] for name, found in self.lines.items()}
        return {"measured": asdict(self.measured), "lines": told}

    def to_markdown(self) -> str:
        """The page: what was measured, then every figure with its interval, n and bar."""
        m, barred = self.measured, sum(figure.bar is not None for figure in self.figures)
        size = "all conversations" if m.limit is None else f"at most {m.limit} conversations of each set"
        told = [
            f"# {m.model}, measured on {m.day}",
            f"By `antiphon eval nano`, at commit `{m.commit}`, with the model of fingerprint `{m.fingerprint[:16]}`; "
            f"sets of `{m.sets}`, {size}. Translations aloud are heard by {m.ears}, texts read aloud by {m.judge}.",
            f"{barred - len(self.fallen)} of {barred} bars hold. Lines: {', '.join(self.lines)}.",
            table(self.figures),
        ]
        return "\n\n".join(told) + "\n"


def commit_of(folder: Path) -> str:
    """The commit that a folder is of, marked where files of it differ; the version where it is of none."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return f"version {__version__}"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/src")
    return f"{commit}{' with changes' if changed else ''}"
