"""The whole evaluation: measure each face, summarise, write the report."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import stylefaceuv
from stylefaceuv.evaluation.records import RecordStore
from stylefaceuv.evaluation.report import write_report
from stylefaceuv.evaluation.summary import summarise
from stylefaceuv.evaluation.workers import Run, measure_in_processes
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.pipeline import StyleFaceUV

FORMAT = 1
"""Raised when records change their meaning, so that old ones are not taken up."""


def evaluate(
    out: Path,
    count: int = 64,
    seed: int = 3000,
    truncation: float = 0.7,
    bundle: str | None = None,
    cost_repeats: int = 0,
    workers: int = 2,
) -> Path:
    """Judge a bundle and write the report.

    Args:
        out: folder; a run that was killed goes on in it.
        count: faces, at least 2.
        seed: of the stylecodes.
        truncation: psi.
        bundle: as in :meth:`StyleFaceUV.from_pretrained`.
        cost_repeats: repetitions of the section on cost; 0 leaves it out.
        workers: processes that measure faces, of one thread each.

    Returns:
        The path of ``report.md``; ``report.json`` and pictures lie beside it.

    Raises:
        WeightsError: a judging network cannot be fetched.
        InvalidArgumentError: the folder holds a run of other settings.
        StyleFaceUVError: a process ended early.
    """
    model = StyleFaceUV.from_pretrained(bundle)
    settings = _settings(model, seed, truncation)
    store = RecordStore(out / "faces", settings)
    measure_in_processes(Run(store.folder, settings, seed, truncation, bundle), range(count), workers)
    records = [store.read(index) for index in range(count)]
    figures = {"settings": settings | {"count": count}, **summarise(records)}
    atomic_write_bytes(out / "report.json", json.dumps(figures, indent=1, sort_keys=True).encode())
    cost = _cost(model, cost_repeats)
    if cost is not None:
        atomic_write_bytes(out / "cost.json", json.dumps(cost, indent=1).encode())
    return write_report(out, records, figures, cost)


def _settings(model: StyleFaceUV, seed: int, truncation: float) -> dict[str, Any]:
    weights = dict(model.bundle.hashes) if model.bundle else {}
    return {
        "format": FORMAT,
        "version": stylefaceuv.__version__,
        "seed": seed,
        "truncation": truncation,
        "weights": weights,
    }


def _cost(model: StyleFaceUV, repeats: int) -> dict[str, Any] | None:
    """The section on cost; None without repeats or where it is not installed."""
    if repeats < 1 or importlib.util.find_spec("stylefaceuv.evaluation.cost") is None:
        return None
    module = importlib.import_module("stylefaceuv.evaluation.cost")
    result: dict[str, Any] = asdict(module.measure_cost(model, repeats=repeats))
    return result
