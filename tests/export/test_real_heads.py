"""Exports of a generated head, judged by the tools that users have."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh

from stylefaceuv import Face, InvalidArgumentError
from stylefaceuv.face_model.arkit import ARKIT_NAMES

HERE = Path(__file__).parent
JSON_CHUNK = 12


def validator_report(path: Path) -> dict[str, object]:
    """Khronos' own report; a missing validator is a failure."""
    node = shutil.which("node")
    assert node, "node is needed: make test installs it"
    done = subprocess.run([node, str(HERE / "validate.mjs"), str(path)], capture_output=True, text=True, cwd=HERE)
    assert done.returncode == 0, done.stderr
    issues = json.loads(done.stdout)[str(path)]["issues"]
    assert isinstance(issues, dict)
    return issues


def glb_json(path: Path) -> dict[str, object]:
    """The JSON chunk of a GLB."""
    data = path.read_bytes()
    length = int.from_bytes(data[JSON_CHUNK : JSON_CHUNK + 4], "little")
    content = json.loads(data[JSON_CHUNK + 8 : JSON_CHUNK + 8 + length])
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize(
    "options",
    [
        {"level": 0},
        {"level": 1},
        {"level": 2, "morphs": False, "texture_size": 256},
        {"level": 0, "morphs": False, "texture_format": "png", "texture_size": 256},
        {"level": 0, "texture_format": "webp", "texture_size": 128},
        {"level": 0, "morph_normals": True, "texture_size": 128},
    ],
)
def test_khronos_finds_no_error_and_no_warning(face: Face, tmp_path: Path, options: dict[str, object]) -> None:
    issues = validator_report(face.export(tmp_path / "head.glb", **options))
    assert issues["numErrors"] == 0, issues["messages"]
    assert issues["numWarnings"] == 0, issues["messages"]


def test_the_validator_would_see_a_broken_file(face: Face, tmp_path: Path) -> None:
    path = face.export(tmp_path / "head.glb", level=0, morphs=False, texture_size=64)
    data = path.read_bytes().replace(b'"VEC3"', b'"VEC4"', 1)
    path.write_bytes(data)
    assert validator_report(path)["numErrors"] != 0


def test_morph_targets_are_arkits_by_name_and_in_order(face: Face, tmp_path: Path) -> None:
    content = glb_json(face.export(tmp_path / "head.glb", level=0, texture_size=64))
    meshes = content["meshes"]
    assert isinstance(meshes, list)
    assert meshes[0]["extras"]["targetNames"] == list(ARKIT_NAMES)
    assert len(meshes[0]["primitives"][0]["targets"]) == 52


def test_provenance_travels_with_the_file(face: Face, tmp_path: Path) -> None:
    asset = glb_json(face.export(tmp_path / "head.glb", level=0, morphs=False, texture_size=64))["asset"]
    assert isinstance(asset, dict)
    assert "stylefaceuv" in asset["generator"]
    assert asset["copyright"]
    text = json.dumps(asset["extras"])
    assert "NVIDIA" in text
    assert "CC0" in text


def test_same_call_same_bytes(face: Face, tmp_path: Path) -> None:
    first = face.export(tmp_path / "a.glb", level=0).read_bytes()
    assert face.export(tmp_path / "b.glb", level=0).read_bytes() == first


def test_level_0_with_morphs_is_small(face: Face, tmp_path: Path) -> None:
    assert face.export(tmp_path / "head.glb", level=0).stat().st_size <= 2_500_000


def test_glb_round_trip_through_trimesh(face: Face, tmp_path: Path) -> None:
    mesh = face.mesh_at(0)
    scene = trimesh.load(face.export(tmp_path / "head.glb", level=0, morphs=False, texture_format="png"))
    assert isinstance(scene, trimesh.Scene)
    triangles = np.concatenate([part.triangles for part in scene.dump()])
    expected = mesh.vertices[mesh.faces]
    assert len(triangles) == len(expected)
    key = lambda corners: np.sort(np.round(corners.mean(axis=1), 5).view([("", corners.dtype)] * 3).ravel())  # noqa: E731
    loaded, wanted = (key(np.ascontiguousarray(part, np.float32)) for part in (triangles, expected))
    np.testing.assert_allclose(loaded["f0"], wanted["f0"], atol=2e-5)


def test_obj_round_trip_and_its_files(face: Face, tmp_path: Path) -> None:
    mesh = face.mesh_at(0)
    path = face.export(tmp_path / "head.obj", level=0, texture_size=128)
    names = {file.suffix for file in tmp_path.iterdir()}
    assert {".obj", ".mtl", ".png"} <= names
    lines = path.read_text().splitlines()
    vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    assert np.abs(vertices.max(axis=0) - mesh.vertices.max(axis=0)).max() < 1e-5
    assert sum(line.startswith("f ") for line in lines) == len(mesh.faces)


def test_ply_round_trip(face: Face, tmp_path: Path) -> None:
    mesh = face.mesh_at(0)
    loaded = trimesh.load(face.export(tmp_path / "head.ply", level=0), process=False)
    np.testing.assert_allclose(loaded.vertices, mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(loaded.faces, mesh.faces)


@pytest.mark.parametrize(
    "options", [{"texture_size": 1000}, {"texture_format": "bmp"}, {"level": 7}, {"colour": "red"}]
)
def test_bad_options_leave_no_file(face: Face, tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        face.export(tmp_path / "head.glb", **options)
    assert not list(tmp_path.iterdir())
