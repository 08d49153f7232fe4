"""The one door to all formats: the file's suffix chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.atlas_raster import AtlasRasters
from stylefaceuv.export.checks import check_export, check_image, check_texture_options
from stylefaceuv.export.gltf import write_glb
from stylefaceuv.export.normal_map import NormalMapBaker
from stylefaceuv.export.obj import check_obj_name, write_obj
from stylefaceuv.export.occlusion_map import OcclusionMapBaker
from stylefaceuv.export.ply import write_ply
from stylefaceuv.export.tangents import TangentMesh, compute_tangents
from stylefaceuv.export.usd import USD_SUFFIXES, load_pxr, write_usd
from stylefaceuv.plain_values import as_path
from stylefaceuv.types import FaceMesh, MorphTargets, Provenance, UVMaps

SUFFIXES = (".glb", ".obj", ".ply", *USD_SUFFIXES)
FORMAT_OPTIONS = {".glb": ("morph_normals", "bake_occlusion"), ".obj": ("one_per_expression",)}


class Exporter:
    """Writes heads. Keeps what heads of one level share, so the second file is faster than the first."""

    def __init__(self) -> None:
        rasters = AtlasRasters()
        self._normals, self._occlusion = NormalMapBaker(rasters), OcclusionMapBaker(rasters)

    def export(
        self,
        path: str | Path,
        mesh: FaceMesh,
        maps: UVMaps,
        morphs: MorphTargets | None,
        provenance: Provenance,
        *,
        texture_size: int = 1024,
        texture_format: str = "jpeg",
        normal_map: npt.NDArray[np.uint8] | None = None,
        bake_normals: bool = True,
        **format_options: Any,
    ) -> Path:
        """Write a head.

        Args:
            path: ending in one of ``SUFFIXES``.
            mesh: the neutral rest pose, metres.
            maps: its textures.
            morphs: morph targets, or None; PLY has none, OBJ only with ``one_per_expression``.
            provenance: where the head came from.
            texture_size: edge of the textures, texels, a power of two from 16 to 8192.
            texture_format: "jpeg", "png" or "webp", for GLB; the others write PNG.
            normal_map: (H, W, 3) uint8 tangent-space normals; None bakes them from the displacement map.
            bake_normals: False writes no normal map when none is given. A displacement of zeros needs none.
            **format_options: ``morph_normals`` (False) and ``bake_occlusion`` (True) for .glb, ``one_per_expression``
                (False) for .obj.

        Returns:
            The path.

        Raises:
            InvalidArgumentError: an unknown suffix or option, or something of a wrong shape, dtype or range.
            OutputError: the folder cannot be written.
        """
        target = check_request(path, texture_size=texture_size, texture_format=texture_format, **format_options)
        suffix = target.suffix.lower()
        check_export(mesh, maps, morphs)
        if suffix == ".ply":
            return write_ply(target, mesh, maps)
        tangents = None
        if normal_map is not None:
            check_image("normal_map", normal_map)
        elif bake_normals and maps.displacement.any():
            tangents = compute_tangents(mesh.vertices, mesh.normals, mesh.uv, mesh.faces)
            normal_map = self._normals.bake(mesh, tangents, maps.displacement, texture_size)
        options = {"texture_size": int(texture_size), "normal_map": normal_map, **format_options}
        if suffix == ".glb":
            return self._glb(target, mesh, maps, morphs, provenance, texture_format, tangents, options)
        write = write_obj if suffix == ".obj" else write_usd
        return write(target, mesh, maps, morphs, provenance, **options)

    def _glb(
        self,
        target: Path,
        mesh: FaceMesh,
        maps: UVMaps,
        morphs: MorphTargets | None,
        provenance: Provenance,
        texture_format: str,
        tangents: TangentMesh | None,
        options: dict[str, Any],
    ) -> Path:
        if options.pop("bake_occlusion", True):
            options["occlusion_map"] = self._occlusion.bake(mesh, tangents, options["texture_size"])
        options.update(texture_format=texture_format, tangents=tangents)
        return write_glb(target, mesh, maps, morphs, provenance, **options)


def check_request(
    path: str | Path,
    *,
    texture_size: int = 1024,
    texture_format: str = "jpeg",
    normal_map: npt.NDArray[np.uint8] | None = None,
    bake_normals: bool = True,
    **format_options: Any,
) -> Path:
    """Refuse a file that no head can be written to, before there is a head.

    Args:
        path: as in :meth:`Exporter.export`, like all that follow.
        texture_size: edge of the textures, texels.
        texture_format: of the textures.
        normal_map: (H, W, 3) uint8, or None.
        bake_normals: True or False.
        **format_options: of the format.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: an unknown suffix or option, or a value that cannot be.
        OutputError: USD without the package usd-core.
    """
    target = as_path("path", path)
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidArgumentError("path", f"a name that ends in one of {', '.join(SUFFIXES)}", str(target))
    check_texture_options(texture_size, texture_format)
    if normal_map is not None:
        check_image("normal_map", normal_map)
    _check_flags(suffix, format_options)
    _check_flag("bake_normals", bake_normals)
    if suffix == ".obj":
        check_obj_name(target)
    if suffix in USD_SUFFIXES:
        load_pxr()
    return target


def _check_flags(suffix: str, options: dict[str, Any]) -> None:
    known = FORMAT_OPTIONS.get(suffix, ())
    for name, value in options.items():
        if name not in known:
            expected = f"one of {known} for {suffix}" if known else f"no further options for {suffix}"
            raise InvalidArgumentError(name, expected, repr(value)[:60])
        _check_flag(name, value)


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidArgumentError(name, "True or False", repr(value)[:60])
