"""Keeps memory that was freed for the next step: without that every large tensor is handed out by the kernel anew.

glibc gives blocks of 32 MB and more back at once, and the top of the heap when it grows. A head is hundreds of such
blocks, a hundred thousand pages in all, whose clearing takes a tenth of its time.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
_KEPT_BYTES, _LARGEST_BYTES = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Tell this process's allocator to keep what is freed, for the rest of its life.

    It is for programs that do little else than make heads; the command line calls it. The most memory that the process
    takes stays about the same, but it is not given back before the end.

    Returns:
        Whether the allocator listens: glibc's does; elsewhere nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_THRESHOLD, _LARGEST_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES))
    return all(mallopt(ctypes.c_int(name), ctypes.c_int(value)) == 1 for name, value in settings)
