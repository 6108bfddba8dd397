"""Memory that an ended conversation leaves is given back.

Tensors of all sizes come and go in several threads, and the C library keeps what they free, in pieces, for itself: a
server of short conversations then grows by what lies between them. A trim costs milliseconds, and gives it back.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    """The function of the C library; None where it has none, as on other systems than Linux with glibc."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        function: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
    return function


def give_back() -> None:
    """Free memory that is kept by the C library goes back to the system. Any thread may call it."""
    trim = _trim()
    if trim is not None:
        trim(0)
