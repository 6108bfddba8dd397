"""Which addresses of the network a tool may talk to: those of the open network, and what the operator named.

A name is resolved once and the connection goes to the address that was looked at, so that a name that means another
machine a moment later (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

from antiphon.errors import ToolError

Resolve: TypeAlias = Callable[..., Sequence[Any]]  # as socket.getaddrinfo
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_open(address: str) -> bool:
    """Whether an address belongs to the open network: not private, local, reserved, nor one with such a one inside."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_open(str(inner))
    return ip.is_global and not ip.is_multicast


def parsed(url: str, may_be_plain: bool = False) -> SplitResult:
    """An address of the web, taken apart. Raises ToolError (`denied`) for what no tool may open."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ToolError("an address cannot be read.", code="denied") from None
    is_plain = parts.scheme == "http" and may_be_plain
    if not (parts.scheme == "https" or is_plain) or not parts.hostname or parts.username or parts.password:
        raise ToolError("an address is not https, or holds a name and password.", code="denied")
    if any(ord(c) <= 32 or ord(c) == 127 for c in url) or (port is not None and not 0 < port < 65536):
        raise ToolError("an address holds what no address holds.", code="denied")
    return parts


def place(parts: SplitResult) -> tuple[str, int]:
    """Host and port."""
    return (parts.hostname or "").rstrip(".").lower(), parts.port or PORTS[parts.scheme]


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """What cookies and keys belong to."""
    return (parts.scheme, *place(parts))


def look_up(host: str, port: int, is_trusted: bool, resolve: Resolve = socket.getaddrinfo) -> str:
    """The address to connect to; of a host that was not named by the operator, one of the open network.

    Raises ToolError: `offline` for a name that nobody knows, `denied` where any of its addresses may not be used.
    """
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ToolError(f"the name {host[:80]!r} cannot be found.", code="offline", retryable=True) from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise ToolError(f"the name {host[:80]!r} has no address.", code="offline", retryable=True)
    if not is_trusted and not all(is_open(address) for address in addresses):
        raise ToolError(f"{host[:80]!r} is a machine of a private network.", code="denied")
    return addresses[0]
