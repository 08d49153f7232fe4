"""A GLB in Blender itself. Its package is large, so this runs on request: install ``bpy`` into any environment, then

STYLEFACEUV_BLENDER_PYTHON=ENVIRONMENT/bin/python python -m pytest -m slow tests/export/test_blender.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from scipy.spatial import cKDTree

from stylefaceuv import Face
from stylefaceuv.face_model.arkit import ARKIT_NAMES

pytestmark = pytest.mark.slow

NODES = ("face", "eye_left", "eye_right")
TOLERANCE_M = 1e-5


@pytest.fixture(scope="module")
def seen(face: Face, tmp_path_factory: pytest.TempPathFactory) -> dict[str, npt.NDArray[np.generic]]:
    """What Blender finds in the file."""
    folder = tmp_path_factory.mktemp("blender")
    source, target = face.export(folder / "head.glb", level=0, texture_size=64), folder / "seen.npz"
    python = os.environ.get("STYLEFACEUV_BLENDER_PYTHON", sys.executable)
    script = Path(__file__).parent / "blender" / "read_head.py"
    done = subprocess.run([python, str(script), str(source), str(target)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(target) as content:
        return dict(content)


def distance(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Hausdorff distance of two sets of points."""
    return max(float(cKDTree(a).query(b)[0].max()) for a, b in ((first, second), (second, first)))


@pytest.mark.parametrize("node", NODES)
def test_shape_keys_have_arkits_names(seen: dict[str, npt.NDArray[np.generic]], node: str) -> None:
    assert seen[f"{node}/names"].tolist() == ["Basis", *ARKIT_NAMES]


def test_vertices_are_where_ours_are(face: Face, seen: dict[str, npt.NDArray[np.floating]]) -> None:
    found = np.concatenate([seen[f"{node}/Basis"] for node in NODES])
    assert distance(found, face.mesh_at(0).vertices) < TOLERANCE_M


def test_an_open_jaw_is_that_of_the_obj(face: Face, seen: dict[str, npt.NDArray[np.floating]], tmp_path: Path) -> None:
    face.export(tmp_path / "head.obj", level=0, texture_size=64, one_per_expression=True)
    ours = trimesh.load(tmp_path / "head_jawOpen.obj", process=False, force="mesh").vertices
    found = np.concatenate([seen[f"{node}/jawOpen"] for node in NODES])
    assert distance(found, np.asarray(ours)) < TOLERANCE_M
    assert distance(found, face.mesh_at(0).vertices) > 0.005


def test_materials_are_separate(seen: dict[str, npt.NDArray[np.generic]]) -> None:
    assert seen["face/materials"].tolist() == ["skin", "mouth"]
    assert seen["eye_left/materials"].tolist() == ["eyes"]
