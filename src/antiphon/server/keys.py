"""Keys: who may come in. Only their SHA-256 is held; short-lived ones (`ek_...`) are drawn for browsers.

A key is compared with all that there are, each in constant time, so that the time taken tells nothing of them.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from antiphon.errors import ConfigError
from antiphon.server.protocol.refusal import Refusal

NOBODY = "local"  # the name of whoever comes where no key is asked for
SHORT_LIVED = "ek_"
MOST_SHORT_LIVED = 4096  # at a time, of all keys
SHA256 = "sha256:"


@dataclass(frozen=True)
class Key:
    """A key by its name and its digest; the key itself is nowhere."""

    name: str
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str, number: int = 1) -> "Key":
        """`KEY`, `NAME=KEY` or `NAME=sha256:HEX`; one without a name is called by its number."""
        name, found, secret = text.strip().partition("=")
        if not found:
            name, secret = f"key-{number}", text.strip()
        if not name or not secret or any(c.isspace() or not c.isprintable() for c in secret):
            raise ConfigError("a key is empty or holds blanks; give KEY, NAME=KEY or NAME=sha256:HEX.")
        if not secret.startswith(SHA256):
            return cls(name, digest(secret))
        try:
            hashed = bytes.fromhex(secret.removeprefix(SHA256))
        except ValueError:
            hashed = b""
        if len(hashed) != hashlib.sha256().digest_size:
            raise ConfigError(f"the key {name!r} is no SHA-256 in hexadecimal; give its 64 digits.")
        return cls(name, hashed)


def read_keys(texts: Iterable[str]) -> tuple[Key, ...]:
    """Keys from what was given; commas and line ends separate several. Two of one name are an error."""
    given = [part for text in texts for part in text.replace("\n", ",").split(",") if part.strip()]
    keys = tuple(Key.of(text, number) for number, text in enumerate(given, 1))
    if len({key.name for key in keys}) != len(keys):
        raise ConfigError("two keys bear the same name; give each its own.")
    return keys


def digest(secret: str) -> bytes:
    """What is held of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True)
class Lease:
    """A short-lived key: whose it is, until when it holds, and the session that it opens."""

    owner: str
    digest: bytes = field(repr=False)
    expires_at: float
    session: dict[str, Any]


@dataclass
class Keyring:
    """All keys; `now` is the time of day in seconds."""

    keys: tuple[Key, ...]
    now: Callable[[], float]
    leases: list[Lease] = field(default_factory=list)

    def lend(self, owner: str, seconds: float, session: dict[str, Any]) -> tuple[str, Lease]:
        """A short-lived key of `owner`, and what is held of it."""
        self._forget()
        if len(self.leases) >= MOST_SHORT_LIVED:
            raise Refusal("Too many short-lived keys are in use; wait for some to end.", code=None, status=429)
        secret = SHORT_LIVED + secrets.token_urlsafe(24)
        lease = Lease(owner, digest(secret), self.now() + seconds, session)
        self.leases.append(lease)
        return secret, lease

    def owner(self, secret: str | None) -> tuple[str, Lease | None]:
        """The name of a key's owner, and the lease if it was a short-lived one.

        Raises:
            Refusal: no key where one is needed, or none that is known.
        """
        self._forget()
        if secret is None:
            if not self.keys:
                return NOBODY, None
            raise Refusal("No key was sent; send 'Authorization: Bearer KEY'.", code="invalid_api_key", status=401)
        given = digest(secret)
        names = [key.name for key in self.keys if secrets.compare_digest(key.digest, given)]
        leases = [lease for lease in self.leases if secrets.compare_digest(lease.digest, given)]
        if leases:
            return leases[0].owner, leases[0]
        if names:
            return names[0], None
        if not self.keys and not secret.startswith(SHORT_LIVED):
            return NOBODY, None
        raise Refusal("The key is not known here; check it.", code="invalid_api_key", status=401)

    def _forget(self) -> None:
        self.leases = [lease for lease in self.leases if lease.expires_at > self.now()]
