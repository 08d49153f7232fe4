"""Processes that measure: their records count, their deaths are told."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from stylefaceuv.errors import StyleFaceUVError
from stylefaceuv.evaluation import workers
from stylefaceuv.evaluation.records import FaceRecord, RecordStore
from stylefaceuv.evaluation.workers import Run, measure_in_processes


def write_share(run: Run, indices: Sequence[int]) -> None:
    """Stands in for measuring."""
    store = RecordStore(run.folder, run.settings)
    for index in indices:
        store.write(FaceRecord(index, {"process": os.getpid()}, {"v": np.zeros(2, np.float32)}))


def die(run: Run, indices: Sequence[int]) -> None:
    """Ends as a process does that is killed."""
    os._exit(3)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(workers, "fetch_all", list)
    monkeypatch.setattr(workers, "get_context", lambda kind: get_context("fork"))
    return Run(tmp_path, {"seed": 1}, 1, 0.7, None)


def stand_in(monkeypatch: pytest.MonkeyPatch, function: Callable[[Run, Sequence[int]], None]) -> None:
    monkeypatch.setattr(workers, "_measure_share", function)


def test_every_missing_face_is_measured_once_by_its_process(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RecordStore(run.folder, run.settings)
    store.write(FaceRecord(1, {"process": 0}, {"v": np.zeros(2, np.float32)}))
    stand_in(monkeypatch, write_share)
    measure_in_processes(run, range(5), 2)
    owners = [store.read(index).figures["process"] for index in range(5)]
    assert owners[1] == 0
    assert owners[0] == owners[3] != owners[2] == owners[4]
    stand_in(monkeypatch, die)
    measure_in_processes(run, range(5), 2)  # nothing is missing: no process starts


def test_a_dead_process_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, die)
    with pytest.raises(StyleFaceUVError, match="exit code 3"):
        measure_in_processes(run, range(2), 2)
