"""What is written comes back through trimesh: corners, texture coordinates, textures; and twice the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from PIL import Image

from stylefaceuv import Face
from stylefaceuv.types import FaceMesh

Corners = npt.NDArray[np.float64]


def corners_of(mesh: FaceMesh) -> Corners:
    """(F, 3, 5): position and texture coordinates of each corner, in the mesh's own order; v upwards, as in trimesh."""
    upward = np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], axis=1)
    table = np.concatenate([mesh.vertices, upward], axis=1).astype(np.float64)
    return table[mesh.faces]


def loaded_corners(path: Path) -> tuple[Corners, list[Image.Image]]:
    """The same from a file, over all its meshes, with the diffuse map of each."""
    scene = trimesh.load(path, process=False)
    meshes = scene.dump() if isinstance(scene, trimesh.Scene) else [scene]
    tables, images = [], []
    for mesh in meshes:
        table = np.concatenate([mesh.vertices, mesh.visual.uv], axis=1)
        tables.append(table[mesh.faces])
        material = mesh.visual.material
        images.append(material.baseColorTexture if hasattr(material, "baseColorTexture") else material.image)
    return np.concatenate(tables), images


def in_order(corners: Corners) -> Corners:
    """Triangles sorted by what they hold, so that files may group them; corners keep their cyclic order."""
    turn = np.lexsort(np.round(corners, 4).transpose(2, 0, 1)[::-1], axis=-1)[:, 0]
    turned = np.stack([np.roll(triangle, -first, axis=0) for triangle, first in zip(corners, turn, strict=True)])
    flat = np.round(turned.reshape(len(turned), -1), 4)
    return turned[np.lexsort(flat.T[::-1])]


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_corners_and_textures_come_back(face: Face, tmp_path: Path, suffix: str) -> None:
    options = {"texture_format": "png", "morphs": False} if suffix == ".glb" else {}
    path = face.export(tmp_path / f"head{suffix}", level=0, texture_size=face.diffuse.shape[0], **options)
    corners, images = loaded_corners(path)
    wanted = corners_of(face.mesh_at(0))
    assert corners.shape == wanted.shape
    np.testing.assert_allclose(in_order(corners), in_order(wanted), atol=2e-5)
    for image in images:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), face.diffuse)


def test_triangles_keep_their_front(face: Face, tmp_path: Path) -> None:
    mesh = face.mesh_at(0)
    swapped = corners_of(mesh)[:, ::-1]
    corners, _ = loaded_corners(face.export(tmp_path / "head.obj", level=0, texture_size=64))
    assert not np.allclose(in_order(corners), in_order(swapped), atol=2e-5)


def test_ply_comes_back(face: Face, tmp_path: Path) -> None:
    mesh = face.mesh_at(0)
    loaded = trimesh.load(face.export(tmp_path / "head.ply", level=0), process=False)
    np.testing.assert_allclose(loaded.vertices, mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(loaded.faces, mesh.faces)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
def test_the_same_call_writes_the_same_bytes(face: Face, tmp_path: Path, suffix: str) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        face.export(folder / f"head{suffix}", level=0, texture_size=128)
    first, second = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders)
    assert len(first) == (5 if suffix == ".obj" else 1)
    assert first == second
