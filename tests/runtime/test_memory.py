"""What the C library keeps after a conversation goes back to the system."""

import ctypes
import os
from pathlib import Path

import pytest

from antiphon.runtime.memory import give_back
from tests.soak.test_soak import resident_mb

BLOCK, COUNT = 64 * 1024, 1600  # a hundred megabytes, in pieces that malloc does not map


def glibc() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libc.so.6")
        library.malloc_trim  # noqa: B018
    except (OSError, AttributeError):
        pytest.skip("malloc_trim is glibc's")
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    return library


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_freed_memory_between_what_is_held_goes_back() -> None:
    library = glibc()
    blocks = [library.malloc(BLOCK) for _ in range(COUNT)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    for block in blocks[::2]:
        library.free(block)
    kept = resident_mb(os.getpid())
    give_back()
    assert resident_mb(os.getpid()) < kept - 40
    for block in blocks[1::2]:
        library.free(block)
