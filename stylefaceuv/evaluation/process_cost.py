"""Processor time, wall time and peak memory of a call."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
_RESET_PEAK = "5"


@dataclass(frozen=True)
class CallCost:
    """What one call takes.

    Attributes:
        cpu_seconds: processor time of the whole process, all threads, median of the repeats.
        wall_seconds: median of the repeats.
        peak_mb: highest resident memory during the calls above that before them, megabytes; NaN where the system does
            not tell.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run with so many threads of torch, and of this package's compiled code; the earlier number comes back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cost_of(call: Callable[[], object], repeats: int, warm_up: bool = True) -> CallCost:
    """Measure a call.

    Args:
        call: the work.
        repeats: calls that are counted, at least 1.
        warm_up: whether to make one call before that is not counted.

    Returns:
        Its cost.
    """
    if warm_up:
        call()
    before = _restart_peak()
    busy, waited = [], []
    for _ in range(repeats):
        work, clock = time.process_time(), time.perf_counter()
        call()
        busy.append(time.process_time() - work)
        waited.append(time.perf_counter() - clock)
    peak = max(_memory_mb("VmHWM") - before, 0.0) if before == before else before
    return CallCost(statistics.median(busy), statistics.median(waited), peak)


def _restart_peak() -> float:
    """Set the process's peak of memory back to the present; return the present, or NaN where that cannot be done."""
    _give_back_freed_memory()
    try:
        _CLEAR.write_text(_RESET_PEAK)
        return _memory_mb("VmRSS")
    except OSError:
        return float("nan")


def _give_back_freed_memory() -> None:
    """Freed memory that the C library keeps would hide what a call takes, since the call finds room in it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)


def _memory_mb(field: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024
