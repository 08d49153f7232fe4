"""Memory that is freed is kept, in processes that ask for it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

from stylefaceuv import allocator

PAGES = """
import json, resource, sys
import torch
from stylefaceuv.allocator import keep_freed_memory
listens = keep_freed_memory() if {asked} else None
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = lambda: [torch.ones(12 * 2**20) for _ in range(3)]  # 48 MB each: more than glibc ever keeps by itself
for _ in range(8):
    blocks()
before = faults()
for _ in range(8):
    blocks()
print(json.dumps([listens, faults() - before]))
"""


def pages(asked: bool) -> tuple[bool | None, int]:
    """What the process said, and the pages that the kernel handed out for 24 tensors after as many others."""
    command = [sys.executable, "-c", PAGES.format(asked=asked)]
    listens, count = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return listens, count


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_freed_memory_is_handed_out_again() -> None:
    (_, usual), (listens, kept) = pages(asked=False), pages(asked=True)
    assert listens is True
    assert kept < usual / 20


def test_other_allocators_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("asked for"))
    assert allocator.keep_freed_memory() is False
