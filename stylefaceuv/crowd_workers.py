"""Heads made side by side, each on one core: two at once on two cores take less time than one after the other.

Much of a head is many small steps, for which several cores wait for each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")

_lock = threading.Lock()
_crowds, _threads = 0, 0
"""Crowds that are being made now, and torch's number of threads before the first of them."""


def side_by_side(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int, at_a_time: int) -> Iterator[Result]:
    """Run jobs in threads of which each uses one core; torch's number of threads is what it was afterwards.

    Args:
        work: called with each job, in any thread.
        jobs: taken one by one as there is room.
        workers: threads.
        at_a_time: jobs that are begun and whose results are not taken, at most.

    Yields:
        Results in the order of the jobs. What a job raises is raised in its place; jobs not begun then never are.
    """
    waiting: deque[Future[Result]] = deque()
    with _one_thread_each(), _pool(workers) as pool:
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) >= at_a_time:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads with one thread of torch each; what they have not begun at the end they never will."""
    pool = ThreadPoolExecutor(workers, "head", initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Give torch its number of threads back when the last of several crowds has ended: new threads ask for it."""
    global _crowds, _threads
    with _lock:
        _threads = _threads if _crowds else torch.get_num_threads()
        _crowds += 1
    try:
        yield
    finally:
        with _lock:
            _crowds -= 1
            if not _crowds:
                torch.set_num_threads(_threads)
