"""Measures the faces one by one and keeps what was measured, so that a killed run goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from stylefaceuv.evaluation.control_measures import measure_control
from stylefaceuv.evaluation.crowd_measures import measure_crowd
from stylefaceuv.evaluation.fidelity_measures import measure_fidelity
from stylefaceuv.evaluation.judges import Judges
from stylefaceuv.evaluation.records import FaceRecord, RecordStore
from stylefaceuv.evaluation.subject import Subject
from stylefaceuv.evaluation.tensors import to_picture
from stylefaceuv.evaluation.view_measures import measure_views
from stylefaceuv.files import atomic_path

OTHER_START = 1_000_000
"""Number of the first stylecode of the disjoint set that gives the floor of the Fréchet distance."""

SHOWN = 6
"""Faces whose pictures are kept for the report."""


def measure_faces(
    judges: Judges, store: RecordStore, indices: Sequence[int], seed: int, truncation: float
) -> Iterator[int]:
    """Measure all faces that the store does not hold yet.

    Args:
        judges: the networks.
        store: where records go.
        indices: numbers of the stylecodes; pictures are kept of those below :data:`SHOWN`.
        seed: of the stylecodes.
        truncation: psi.

    Yields:
        The number of each face once its record is kept.
    """
    model = judges.model
    for index in indices:
        if store.has(index):
            continue
        w = model.sample(1, seed, truncation, start=index)[0]
        other = model.sample(1, seed, truncation, start=OTHER_START + index)[0]
        subject = Subject(judges, w, other)
        record = measure_face(subject, index)
        if index < SHOWN:
            _keep_strips(subject, store.folder, index)
        store.write(record)
        yield index


def measure_face(subject: Subject, index: int) -> FaceRecord:
    """Measure one face.

    Args:
        subject: the face.
        index: number of its stylecode.

    Returns:
        Its record: sections "views", "fidelity", "control", "crowd".
    """
    with torch.inference_mode():
        crowd, vectors = measure_crowd(subject)
        figures = {
            "views": measure_views(subject),
            "fidelity": measure_fidelity(subject),
            "control": measure_control(subject),
            "crowd": crowd,
        }
    return FaceRecord(index, figures, vectors)


def strip_path(folder: Path, index: int, name: str) -> Path:
    """Where a face's pictures of one kind lie, side by side."""
    return folder / f"{index:06d}-{name}.png"


def _keep_strips(subject: Subject, folder: Path, index: int) -> None:
    from PIL import Image

    for name, images in subject.strips.items():
        with atomic_path(strip_path(folder, index, name)) as temporary:
            Image.fromarray(to_picture(torch.cat(list(images.split(1)), dim=3))).save(temporary)
