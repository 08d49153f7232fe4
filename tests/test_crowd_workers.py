"""Heads side by side: in order, bounded, and with torch left as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from stylefaceuv.crowd_workers import side_by_side


def test_results_come_in_the_order_of_the_jobs() -> None:
    second_is_done = threading.Event()

    def work(job: int) -> int:
        if job == 0:
            assert second_is_done.wait(10)
        if job == 1:
            second_is_done.set()
        return job * job

    assert list(side_by_side(work, range(7), 2, 3)) == [job * job for job in range(7)]


def test_jobs_run_at_the_same_time_with_one_thread_of_torch_each() -> None:
    before, both = torch.get_num_threads(), threading.Barrier(2, timeout=10)

    def work(_: int) -> int:
        both.wait()  # breaks unless two jobs are there
        return torch.get_num_threads()

    assert list(side_by_side(work, range(4), 2, 2)) == [1] * 4
    assert torch.get_num_threads() == before


def test_jobs_are_taken_as_there_is_room() -> None:
    taken: list[int] = []

    def jobs() -> Iterator[int]:
        for job in range(100):
            taken.append(job)
            yield job

    results = side_by_side(lambda job: job, jobs(), 2, 3)
    assert next(results) == 0
    assert len(taken) == 3
    results.close()  # type: ignore[attr-defined]
    assert len(taken) == 3


def test_what_a_job_raises_comes_in_its_place_and_torch_is_left_as_it_was() -> None:
    before = torch.get_num_threads()

    def work(job: int) -> int:
        if job == 2:
            raise ValueError("job 2")
        return job

    results = side_by_side(work, range(100), 2, 4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="job 2"):
        next(results)
    assert torch.get_num_threads() == before


def test_no_more_run_at_a_time_than_there_are_workers() -> None:
    running: list[int] = []
    most, lock = 0, threading.Lock()

    def work(job: int) -> int:
        nonlocal most
        with lock:
            running.append(job)
            most = max(most, len(running))
        time.sleep(0.02)
        with lock:
            running.remove(job)
        return job

    assert list(side_by_side(work, range(12), 2, 6)) == list(range(12))
    assert most == 2


def test_jobs_not_begun_never_are() -> None:
    begun: list[int] = []
    may_end = threading.Event()

    def work(job: int) -> int:
        begun.append(job)
        if job == 0:
            raise ValueError("job 0")
        assert may_end.wait(10)
        return job

    results = side_by_side(work, range(100), 1, 8)
    threading.Timer(0.2, may_end.set).start()
    with pytest.raises(ValueError, match="job 0"):
        next(results)
    assert len(begun) <= 2


def test_crowds_at_the_same_time_leave_torch_as_it_was() -> None:
    """New threads get as many threads of torch as were asked for last."""
    first, second = (side_by_side(lambda job: job, range(4), 2, 2) for _ in range(2))
    before = _threads_of_a_new_thread()
    assert (next(first), next(second)) == (0, 0)
    assert list(first) == [1, 2, 3]
    assert list(second) == [1, 2, 3]
    assert _threads_of_a_new_thread() == before


def _threads_of_a_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_nothing_to_do() -> None:
    assert list(side_by_side(lambda job: job, [], 2, 2)) == []
