"""What a verification found: rows of a table, and the counts of its last line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One compared array, or one failure. `shape` and `found` are as shown."""

    array: str
    shape: str
    difference: float
    tolerance: float
    passed: bool
    note: str = ""

    def line(self, width: int) -> str:
        """The row as one line of the table."""
        verdict = "ok" if self.passed else "FAIL"
        if self.note:
            return f"{self.array:<{width}}  {self.shape:>18}  {'-':>10}  {'-':>10}  {verdict}  {self.note}"
        return f"{self.array:<{width}}  {self.shape:>18}  {self.difference:>10.2e}  {self.tolerance:>10.2e}  {verdict}"


@dataclass(frozen=True)
class Report:
    """Every row, and how many arrays were inputs or merely informative."""

    rows: tuple[Row, ...]
    num_inputs: int
    num_informative: int

    @property
    def num_failed(self) -> int:
        """Rows that did not pass."""
        return sum(not row.passed for row in self.rows)

    @property
    def num_compared(self) -> int:
        """Arrays that were compared, failed ones included."""
        return len({row.array for row in self.rows})

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something was compared."""
        return self.num_failed == 0 and self.num_compared > 0

    @property
    def summary(self) -> str:
        """The last line."""
        return (
            f"{self.num_compared} compared, {self.num_inputs} inputs, {self.num_informative} informative,"
            f" {self.num_failed} failed"
        )

    def table(self) -> str:
        """The rows under a heading, then the last line."""
        width = max((len(row.array) for row in self.rows), default=5)
        head = f"{'array':<{width}}  {'shape':>18}  {'difference':>10}  {'tolerance':>10}"
        return "\n".join([head, *(row.line(width) for row in self.rows), self.summary])
