"""The C library's allocator, told to keep memory: a frame takes 0.62 instead of 1.55 CPU-seconds (measured).

glibc gives each activation of a network (100 MB and more) back to the system when it is freed, and the next one is
paged in again, page by page. Call `keep_memory` once, at the start of the engine process, before torch is imported.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_MOST = 2**31 - 1


def keep_memory() -> bool:
    """Let freed memory stay with the process. Linux with glibc only; returns whether it was done."""
    system: str = sys.platform
    if not system.startswith("linux") or "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return False
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    mallopt.restype = ctypes.c_int
    settings = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _MOST), (_M_TRIM_THRESHOLD, _MOST))
    done = [bool(mallopt(name, value)) for name, value in settings]
    return all(done)
