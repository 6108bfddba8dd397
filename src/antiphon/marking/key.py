"""The key of a mark: whoever has it can find the mark, and could take it out.

The published key is the default, so that a mark made anywhere is found anywhere, by whoever looks. A key of one's own
($ANTIPHON_MARK_KEY names a file with it) is found by those who have that file.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from antiphon.errors import ConfigError

VARIABLE = "ANTIPHON_MARK_KEY"
SHORTEST, LONGEST = 16, 4096  # bytes


@dataclass(frozen=True)
class Key:
    """A secret, or the published one. `id` names it without telling it."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        return hashlib.sha256(b"antiphon key " + self.secret).hexdigest()[:8]

    def signs(self, rows: int, columns: int) -> Float[np.ndarray, "r c"]:
        """A table of +1 and -1 that looks random to whoever has not the key; the same on every machine, for ever."""
        count = rows * columns
        drawn = hashlib.shake_256(b"antiphon mark 1 " + self.secret).digest((count + 7) // 8)
        bits = np.unpackbits(np.frombuffer(drawn, np.uint8))[:count]
        return bits.reshape(rows, columns) * 2.0 - 1.0


PUBLISHED = Key(b"antiphon: this voice was made by a machine")


def read_key(path: Path) -> Key:
    """The key in a file. Raises ConfigError for a file that is not there or holds none."""
    try:
        with open(path, "rb") as file:
            secret = file.read(LONGEST + 1).strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the key {str(path)!r} cannot be read ({error}); check {VARIABLE}.") from error
    if not SHORTEST <= len(secret) <= LONGEST:
        raise ConfigError(f"the key {str(path)!r} has {len(secret)} bytes; give {SHORTEST} to {LONGEST} random ones.")
    return Key(secret)


def key_from(environment: Mapping[str, str]) -> Key:
    """The key to mark with: one's own, or else the published one."""
    path = environment.get(VARIABLE)
    return read_key(Path(path)) if path else PUBLISHED
