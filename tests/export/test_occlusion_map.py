"""The occlusion map of a GLB is what the mesh's vertices know."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
from PIL import Image

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.atlas_raster import RASTERS_KEPT, AtlasRaster, AtlasRasters, rasterize_atlas
from stylefaceuv.export.exporter import Exporter
from stylefaceuv.export.gltf import WEBP_EXTENSION, write_glb
from stylefaceuv.export.occlusion_map import LARGEST, OcclusionMapBaker
from stylefaceuv.types import FaceMesh, Provenance, UVMaps
from tests.export.synthetic import make_maps, make_mesh


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return make_mesh(rows=12, columns=18)


@pytest.fixture(scope="module")
def maps() -> UVMaps:
    return make_maps(64, 32)


def occlusion_image(path: Path) -> Image.Image | None:
    """The picture that all materials of a file use, or None where none does."""
    gltf = pygltflib.GLTF2().load_binary(str(path))
    used = {material.occlusionTexture.index if material.occlusionTexture else None for material in gltf.materials}
    (index,) = used
    if index is None:
        return None
    texture = gltf.textures[index]
    source = texture.extensions[WEBP_EXTENSION]["source"] if texture.source is None else texture.source
    view = gltf.bufferViews[gltf.images[source].bufferView]
    start = view.byteOffset or 0
    return Image.open(BytesIO(gltf.binary_blob()[start : start + view.byteLength]))


def at_vertices(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The nearest texel of each vertex."""
    place = np.clip((uv * len(image)).astype(int), 0, len(image) - 1)
    return image[place[:, 1], place[:, 0]]


@pytest.mark.parametrize("texture_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("bake_normals", [True, False])
def test_texels_have_the_shares_of_their_vertices(
    mesh: FaceMesh, maps: UVMaps, tmp_path: Path, texture_format: str, bake_normals: bool
) -> None:
    path = Exporter().export(
        tmp_path / "a.glb",
        mesh,
        maps,
        None,
        Provenance("0"),
        texture_size=512,
        texture_format=texture_format,
        bake_normals=bake_normals,
    )
    image = occlusion_image(path)
    assert image is not None
    assert image.size == (LARGEST, LARGEST)
    red = np.asarray(image.convert("RGB"))[..., 0]
    difference = np.abs(at_vertices(red, mesh.uv) - 255 * mesh.occlusion)
    assert difference.mean() < 2
    assert difference.max() < 12
    assert mesh.occlusion.std() > 0.05


def test_a_small_file_has_a_small_map_and_none_where_all_is_open(mesh: FaceMesh) -> None:
    baker = OcclusionMapBaker(AtlasRasters())
    small = baker.bake(mesh, None, 32)
    assert small is not None
    assert small.shape == (32, 32)
    assert baker.bake(replace(mesh, occlusion=np.ones_like(mesh.occlusion)), None, 32) is None


def test_normals_and_occlusion_share_the_raster_of_a_level(
    mesh: FaceMesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(*arguments: Any) -> AtlasRaster:
        made.append(arguments[2])
        return rasterize_atlas(*arguments)

    monkeypatch.setattr("stylefaceuv.export.atlas_raster.rasterize_atlas", counted)
    exporter = Exporter()
    for number in range(2):
        exporter.export(tmp_path / f"{number}.glb", mesh, make_maps(64, LARGEST), None, Provenance("0"))
    assert made == [LARGEST]


def test_none_is_written_where_it_is_not_wanted(mesh: FaceMesh, maps: UVMaps, tmp_path: Path) -> None:
    arguments = (mesh, maps, None, Provenance("0"))
    assert occlusion_image(Exporter().export(tmp_path / "a.glb", *arguments, bake_occlusion=False)) is None
    with pytest.raises(InvalidArgumentError, match="bake_occlusion"):
        Exporter().export(tmp_path / "b.obj", *arguments, bake_occlusion=False)
    with pytest.raises(InvalidArgumentError, match="bake_occlusion"):
        Exporter().export(tmp_path / "b.glb", *arguments, bake_occlusion=1)


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), "dark"])
def test_what_is_no_occlusion_map_is_named(mesh: FaceMesh, maps: UVMaps, tmp_path: Path, bad: object) -> None:
    with pytest.raises(InvalidArgumentError, match="occlusion_map"):
        write_glb(tmp_path / "a.glb", mesh, maps, None, Provenance("0"), occlusion_map=bad)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [1.2, -0.1, float("nan")])
def test_shares_that_cannot_be_are_named(mesh: FaceMesh, maps: UVMaps, tmp_path: Path, bad: float) -> None:
    wrong = mesh.occlusion.copy()
    wrong[3] = bad
    with pytest.raises(InvalidArgumentError, match=r"mesh\.occlusion"):
        Exporter().export(tmp_path / "a.glb", replace(mesh, occlusion=wrong), maps, None, Provenance("0"))


def test_rasters_are_made_once_and_the_oldest_forgotten(mesh: FaceMesh) -> None:
    rasters = AtlasRasters()
    first = rasters.get(mesh.uv, mesh.faces, 16)
    assert rasters.get(mesh.uv.copy(), mesh.faces, 16) is first
    for size in range(17, 17 + RASTERS_KEPT):
        rasters.get(mesh.uv, mesh.faces, size)
    assert rasters.get(mesh.uv, mesh.faces, 16) is not first
