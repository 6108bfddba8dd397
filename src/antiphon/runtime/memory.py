"""Freed memory, given back: what a burst of replies took is not held until the next one."""

import ctypes
import sys
from collections.abc import Callable
from functools import lru_cache


def give_back() -> bool:
    """Have the C library hand what is free back to the system; whether it can. Takes some milliseconds."""
    trim = _trim()
    return trim is not None and bool(trim(0))


@lru_cache(maxsize=1)
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim  # glibc's; other C libraries have none
    except (OSError, AttributeError):
        return None
    return trim
