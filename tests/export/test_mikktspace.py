"""Tangents against the reference implementation of MikkTSpace."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stylefaceuv import Face
from stylefaceuv.export.tangents import compute_tangents
from stylefaceuv.types import FaceMesh

HERE = Path(__file__).parent


def reference(mesh: FaceMesh, folder: Path) -> npt.NDArray[np.float32]:
    """(F, 3, 4) tangents of the corners, on (u, 1 - v)."""
    node = shutil.which("node")
    assert node, "node is needed: make test installs it"
    upright = mesh.uv * np.float32([1, -1]) + np.float32([0, 1])
    corners = [values[mesh.faces].astype(np.float32).ravel() for values in (mesh.vertices, mesh.normals, upright)]
    np.concatenate(corners).tofile(folder / "in.f32")
    command = [node, str(HERE / "tangents.mjs"), str(folder / "in.f32"), str(folder / "out.f32")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "out.f32", np.float32).reshape(-1, 3, 4)


@pytest.mark.parametrize("level", [0, 1])
def test_tangents_are_mikktspaces(face: Face, tmp_path: Path, level: int) -> None:
    mesh = face.mesh_at(level)
    theirs = reference(mesh, tmp_path)
    ours = compute_tangents(mesh.vertices, mesh.normals, mesh.uv, mesh.faces)
    tangents = ours.tangents[ours.faces]
    cosine = (tangents[..., :3] * theirs[..., :3]).sum(axis=-1)
    assert np.percentile(cosine, 0.1) > 0.9999
    assert (cosine < 0.99).mean() < 1e-4, "corners of slivers without area aside"
    assert (tangents[..., 3] == theirs[..., 3]).mean() > 0.9999
