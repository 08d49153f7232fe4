"""Heads side by side: in order, bounded, and with torch left as it was."""

from __future__ import annotations

import threading
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


def test_nothing_to_do() -> None:
    assert list(side_by_side(lambda job: job, [], 2, 2)) == []
