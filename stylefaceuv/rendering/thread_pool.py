"""Threads for compiled code that lets go of the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

_pool: tuple[int, ThreadPoolExecutor] | None = None


def thread_count() -> int:
    """Return how many threads to use: as many as torch, but no more than there are processors."""
    return max(min(os.cpu_count() or 1, torch.get_num_threads()), 1)


def run_parallel(work: Callable[..., object], jobs: Sequence[tuple[Any, ...]]) -> None:
    """Call ``work`` once for each tuple of arguments, the last in the calling thread, and wait for all.

    Args:
        work: must write to no memory that another call writes to.
        jobs: arguments of each call.
    """
    if not jobs:
        return
    waiting = [_workers().submit(work, *job) for job in jobs[:-1]]
    work(*jobs[-1])
    for done in waiting:
        done.result()


def _workers() -> ThreadPoolExecutor:
    """The pool of this process: threads do not survive a fork, so a child makes its own."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        _pool = (os.getpid(), ThreadPoolExecutor(max(os.cpu_count() or 1, 1), thread_name_prefix="stylefaceuv"))
    return _pool[1]
