"""The example that welds a head to a body leaves no gap."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stylefaceuv import Face, StyleFaceUV

EXAMPLE = Path(__file__).parents[1] / "examples" / "attach_to_makehuman_body.py"
BODY_ROWS = 19158


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("attach_to_makehuman_body", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tube(model: StyleFaceUV) -> tuple[np.ndarray, np.ndarray]:
    """A body that is a tube below a neck of another size and place, with MakeHuman's numbers at its upper edge."""
    face_model = model.components.face_model
    ring = face_model.neck_ring.numpy()
    rows = face_model.makehuman_index.numpy()
    points = np.zeros((BODY_ROWS, 3))
    edge = face_model.mean.numpy()[ring] * 0.1 * (1.1, 1, 0.9) + (0.01, 0.3, -0.02)
    free = np.setdiff1d(np.arange(BODY_ROWS), rows)[: 2 * len(ring)].reshape(2, -1)
    points[rows[ring]] = edge
    for step, below in enumerate(free, start=1):
        points[below] = edge - (0, 0.1 * step, 0)
    levels = [rows[ring], *free]
    quads = [
        np.stack([upper, lower, np.roll(lower, -1), np.roll(upper, -1)], axis=1)
        for upper, lower in itertools.pairwise(levels)
    ]
    return points, np.concatenate(quads)


def open_edges(faces: np.ndarray) -> np.ndarray:
    """(E, 2) edges that belong to one face only."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def test_the_gap_is_zero_and_the_neck_is_closed(
    example: ModuleType, model: StyleFaceUV, face: Face, tube: tuple[np.ndarray, np.ndarray]
) -> None:
    points, quads = tube
    vertices, faces, head_faces = example.attach(face, model, points, quads)
    ring = model.components.face_model.neck_ring.numpy()
    mesh = face.mesh_at(0)
    first_row = np.unique(mesh.geometry_index, return_index=True)[1]
    assert np.array_equal(vertices[ring], mesh.vertices[first_row][ring].astype(np.float64))
    alone = np.isin(open_edges(faces[:head_faces]), ring).all(axis=1).sum()
    welded = np.isin(open_edges(faces), ring).all(axis=1).sum()
    assert alone == len(ring)
    assert welded == 0


def test_the_body_bends_near_the_neck_only(example: ModuleType, tube: tuple[np.ndarray, np.ndarray]) -> None:
    points, quads = tube
    rows = quads[: len(quads) // 2, 0]
    ring = points[rows] * (0.9, 1, 1.1) + (0, 0.2, 0)
    moved = example.meet(points, rows, ring)
    assert np.array_equal(moved[rows], ring)
    far = quads[len(quads) // 2 :, 1]
    shift = moved[far] - points[far]
    assert np.allclose(shift, shift[0], atol=1e-9)


def test_base_mesh_is_read_by_its_groups(example: ModuleType, tmp_path: Path) -> None:
    lines = ["v 0 0 0", "v 10 0 0", "v 10 10 0", "v 0 10 5", "g body", "f 1/1 2/2 3/3 4/4", "g joint-neck", "f 4 3 2 1"]
    path = tmp_path / "base.obj"
    path.write_text("\n".join(lines))
    points, quads = example.read_body(path)
    assert np.allclose(points[3], (0, 1, 0.5))
    assert quads.tolist() == [[0, 1, 2, 3]]
