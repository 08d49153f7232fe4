"""USD files, read back by usd-core."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stylefaceuv import Face, OutputError
from stylefaceuv.face_model.arkit import ARKIT_NAMES

pxr = pytest.importorskip("pxr", reason="make test installs usd-core")
from pxr import Usd, UsdGeom, UsdShade, UsdSkel, UsdUtils  # noqa: E402


@pytest.fixture(scope="module")
def path(face: Face, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face.export(tmp_path_factory.mktemp("usd") / "head.usdc", level=0, texture_size=64)


@pytest.fixture(scope="module")
def stage(path: Path) -> Usd.Stage:
    return Usd.Stage.Open(str(path))


def test_the_mesh_comes_back(face: Face, stage: Usd.Stage) -> None:
    mesh, ours = UsdGeom.Mesh(stage.GetPrimAtPath("/Head/Face")), face.mesh_at(0)
    np.testing.assert_array_equal(np.array(mesh.GetPointsAttr().Get()), ours.vertices)
    np.testing.assert_array_equal(np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), ours.faces)
    for name, uv in (("st", ours.uv), ("st1", ours.uv_makehuman)):
        values = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar(name).Get())
        np.testing.assert_allclose(values * (1, -1) + (0, 1), uv, atol=1e-6)
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert stage.GetDefaultPrim().GetPath() == "/Head"


def test_blend_shapes_have_arkits_names_and_our_offsets(face: Face, stage: Usd.Stage) -> None:
    ours = face.mesh_at(0)
    binding = UsdSkel.BindingAPI(stage.GetPrimAtPath("/Head/Face"))
    assert list(binding.GetBlendShapesAttr().Get()) == list(ARKIT_NAMES)
    shape = UsdSkel.BlendShape(stage.GetPrimAtPath("/Head/Face/jawOpen"))
    moved = ours.vertices.copy()
    moved[np.array(shape.GetPointIndicesAttr().Get())] += np.array(shape.GetOffsetsAttr().Get())
    lowered = (ours.vertices - moved)[:, 1]
    assert 0.02 < lowered.max() < 0.06
    assert np.isfinite(moved).all()


def test_every_face_has_one_material_and_its_texture_exists(face: Face, path: Path, stage: Usd.Stage) -> None:
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/Head/Face"))
    subsets = UsdShade.MaterialBindingAPI(mesh.GetPrim()).GetMaterialBindSubsets()
    rows = np.concatenate([np.array(subset.GetIndicesAttr().Get()) for subset in subsets])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(face.mesh_at(0).faces)))
    for subset in subsets:
        material, _ = UsdShade.MaterialBindingAPI(subset.GetPrim()).ComputeBoundMaterial()
        texture = UsdShade.Shader(stage.GetPrimAtPath(material.GetPath().AppendChild("diffuse")))
        assert (path.parent / texture.GetInput("file").Get().path).is_file()


def test_provenance_travels(stage: Usd.Stage) -> None:
    record = json.loads(stage.GetRootLayer().customLayerData["stylefaceuv"])
    assert record["version"]
    assert "NVIDIA" in json.dumps(record["licences"])


@pytest.mark.parametrize("suffix", [".usda", ".usdc", ".usdz"])
def test_same_call_same_bytes(face: Face, tmp_path: Path, suffix: str) -> None:
    first, second = (
        face.export(tmp_path / folder / f"head{suffix}", level=0, morphs=False, texture_size=16) for folder in "ab"
    )
    assert first.read_bytes() == second.read_bytes()


def test_a_package_tells_no_time(face: Face, tmp_path: Path) -> None:
    path = face.export(tmp_path / "head.usdz", level=0, morphs=False, texture_size=16)
    with zipfile.ZipFile(path) as package:
        assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_package_holds_its_textures_and_opens(face: Face, tmp_path: Path) -> None:
    path = face.export(tmp_path / "head.usdz", level=0, morphs=False, texture_size=16)
    assert [item.name for item in tmp_path.iterdir()] == ["head.usdz"]
    layers, assets, missing = UsdUtils.ComputeAllDependencies(str(path))
    assert len(layers) == 1
    assert assets
    assert not missing
    assert Usd.Stage.Open(str(path)).GetPrimAtPath("/Head/Face").IsValid()


def test_without_the_package_the_error_says_what_to_install(
    face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(OutputError, match="usd-core"):
        face.export(tmp_path / "head.usd", level=0, morphs=False, texture_size=16)
    assert not list(tmp_path.iterdir())
