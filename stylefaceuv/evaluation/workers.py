"""Measures faces in several processes: small networks gain more from two processes than from two threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from stylefaceuv.errors import StyleFaceUVError
from stylefaceuv.evaluation.judges import fetch_all, load_judges
from stylefaceuv.evaluation.per_face import measure_faces
from stylefaceuv.evaluation.records import RecordStore
from stylefaceuv.pipeline import StyleFaceUV

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Run:
    """What every process has to know.

    Attributes:
        folder: of the records.
        settings: that they depend on.
        seed: of the stylecodes.
        truncation: psi.
        bundle: to judge, as in :meth:`StyleFaceUV.from_pretrained`.
    """

    folder: Path
    settings: dict[str, Any]
    seed: int
    truncation: float
    bundle: str | None


def measure_in_processes(run: Run, indices: Sequence[int], workers: int) -> None:
    """Measure all faces that have no record yet, and show progress. Each process computes with one thread.

    Args:
        run: what to measure.
        indices: numbers of the stylecodes.
        workers: processes, at least 1.

    Raises:
        WeightsError: a judging network cannot be fetched.
        StyleFaceUVError: a process ended early; what it printed is on stderr.
    """
    store = RecordStore(run.folder, run.settings)
    missing = [index for index in indices if not store.has(index)]
    if not missing:
        return
    fetch_all()  # here, where a failure is an error of one line
    context = get_context("spawn")  # threads do not survive a fork
    shares = [missing[first::workers] for first in range(min(workers, len(missing)))]
    processes = [context.Process(target=_measure_share, args=(run, share), daemon=True) for share in shares]
    for process in processes:
        process.start()
    try:
        _watch(processes, store, missing, len(indices) - len(missing))
    finally:
        for process in processes:
            process.terminate()


def _watch(processes: Sequence[BaseProcess], store: RecordStore, missing: Sequence[int], before: int) -> None:
    """Show progress until every process is done."""
    with tqdm(total=len(missing), unit="face", desc=f"{before} done before") as bar:
        while any(process.is_alive() for process in processes):
            if any(process.exitcode for process in processes):
                break
            time.sleep(_POLL_SECONDS)
            bar.update(sum(store.has(index) for index in missing) - bar.n)
        bar.update(sum(store.has(index) for index in missing) - bar.n)
    failed = [process.exitcode for process in processes if process.exitcode]
    if failed:
        raise StyleFaceUVError(f"evaluation: expected every process to end well, got exit code {failed[0]}")


def _measure_share(run: Run, indices: Sequence[int]) -> None:
    """One process."""
    torch.set_num_threads(1)
    store = RecordStore(run.folder, run.settings)
    judges = load_judges(StyleFaceUV.from_pretrained(run.bundle))
    for _ in measure_faces(judges, store, indices, run.seed, run.truncation):
        pass
