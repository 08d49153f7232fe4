"""Exports of a generated head, judged by the tools that users have."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from stylefaceuv import Face, InvalidArgumentError, StyleFaceUV
from stylefaceuv.face_model.arkit import ARKIT_NAMES

HERE = Path(__file__).parent
JSON_CHUNK = 12


@pytest.fixture(scope="module")
def crowd(model: StyleFaceUV, face: Face) -> list[Face]:
    """Three heads of different seeds, one of them painted by the UV generator alone."""
    lifted = model.generate(model.sample(1, seed=2)[0], seed=2, start=0, truncation=0.7)
    painted = model.generate(model.sample(1, seed=3, truncation=1.0)[0], detail="generator")
    assert isinstance(lifted, Face)
    assert isinstance(painted, Face)
    return [face, lifted, painted]


def validator_reports(*paths: Path) -> dict[str, dict[str, object]]:
    """Khronos' own reports; a missing validator is a failure."""
    node = shutil.which("node")
    assert node, "node is needed: make test installs it"
    command = [node, str(HERE / "validate.mjs"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    assert done.returncode == 0, done.stderr
    return {path: report["issues"] for path, report in json.loads(done.stdout).items()}


def glb_json(path: Path) -> dict[str, object]:
    """The JSON chunk of a GLB."""
    data = path.read_bytes()
    length = int.from_bytes(data[JSON_CHUNK : JSON_CHUNK + 4], "little")
    content = json.loads(data[JSON_CHUNK + 8 : JSON_CHUNK + 8 + length])
    assert isinstance(content, dict)
    return content


OPTIONS = (
    {"level": 0},
    {"level": 0, "morphs": False, "texture_format": "png", "texture_size": 256},
    {"level": 0, "texture_format": "webp", "texture_size": 128},
    {"level": 0, "morph_normals": True, "texture_size": 128},
    {"level": 1},
    {"level": 1, "morphs": False, "texture_format": "webp", "texture_size": 64},
    {"level": 2, "texture_size": 64},
    {"level": 2, "morphs": False, "texture_size": 256},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_khronos_finds_no_error_and_no_warning(crowd: list[Face], tmp_path: Path, options: dict[str, object]) -> None:
    paths = [one.export(tmp_path / f"{row}.glb", **options) for row, one in enumerate(crowd)]
    for path, issues in validator_reports(*paths).items():
        assert issues["numErrors"] == 0, (path, issues["messages"])
        assert issues["numWarnings"] == 0, (path, issues["messages"])


def test_the_validator_would_see_a_broken_file(face: Face, tmp_path: Path) -> None:
    path = face.export(tmp_path / "head.glb", level=0, morphs=False, texture_size=64)
    data = path.read_bytes().replace(b'"VEC3"', b'"VEC4"', 1)
    path.write_bytes(data)
    assert validator_reports(path)[str(path)]["numErrors"] != 0


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


@pytest.mark.parametrize(
    "options", [{"texture_size": 1000}, {"texture_format": "bmp"}, {"level": 7}, {"colour": "red"}]
)
def test_bad_options_leave_no_file(face: Face, tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        face.export(tmp_path / "head.glb", **options)
    assert not list(tmp_path.iterdir())
