"""USD with blend shapes and preview materials; needs the optional package ``usd-core``.

One mesh under a ``SkelRoot`` carries all parts, with a subset for each material, because blend shapes reach it through
a skeleton; the skeleton has one joint, the head. Textures lie beside the file, or inside it in a ``.usdz``.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import InvalidArgumentError, OutputError
from stylefaceuv.export.checks import check_export, check_image, check_texture_options
from stylefaceuv.export.obj import write_together
from stylefaceuv.export.parts import SURFACES, Surface, faces_of
from stylefaceuv.export.provenance import copyright_line, provenance_record
from stylefaceuv.export.textures import encode_image, resize_color
from stylefaceuv.export.textures import resize_normals as resize_normal_map
from stylefaceuv.types import FaceMesh, MorphTargets, Provenance, UVMaps

USD_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
_ROOT = "/Head"
_STILL_METRES = 1e-6


def write_usd(
    path: str | Path,
    mesh: FaceMesh,
    maps: UVMaps,
    morphs: MorphTargets | None,
    provenance: Provenance,
    *,
    texture_size: int = 1024,
    normal_map: npt.NDArray[np.uint8] | None = None,
) -> Path:
    """Write a head as USD: metres, +Y up, facing +Z.

    The files appear together, the stage last; when one cannot be written none appears.

    Args:
        path: ending in one of ``USD_SUFFIXES``; its folder is made when missing.
        mesh: the neutral rest pose, metres.
        maps: its textures; the displacement is in the mesh and, finer, in the normal map.
        morphs: become blend shapes of their names; None for none.
        provenance: goes into the layer's custom data.
        texture_size: edge of the textures, texels, a power of two.
        normal_map: (H, W, 3) uint8 tangent-space normals, or None for none.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: something of a wrong shape, dtype or range; nothing is written then.
        OutputError: the package usd-core is missing, or the folder cannot be written.
    """
    target = Path(path)
    check_export(mesh, maps, morphs)
    check_texture_options(texture_size, "png")
    if normal_map is not None:
        check_image("normal_map", normal_map)
    if target.suffix.lower() not in USD_SUFFIXES:
        raise InvalidArgumentError("path", f"a name that ends in one of {', '.join(USD_SUFFIXES)}", str(target))
    modules = load_pxr()
    files = {f"{target.stem}_diffuse.png": encode_image(resize_color(maps.diffuse, texture_size), "png")}
    if normal_map is not None:
        files[f"{target.stem}_normal.png"] = encode_image(resize_normal_map(normal_map, texture_size), "png")
    with tempfile.TemporaryDirectory() as scratch:
        stage = _Stage(modules, Path(scratch), target, mesh, morphs)
        written = stage.write(list(files), provenance, files)
    if target.suffix.lower() == ".usdz":
        files = {}
    write_together(target.parent, {**files, target.name: written})
    return target


def load_pxr() -> dict[str, ModuleType]:
    """Return the modules of usd-core by name; it is imported only when a head is written with it.

    Raises:
        OutputError: it is not installed.
    """
    try:
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, Vt
    except ImportError as error:
        raise OutputError('USD: expected the package usd-core (pip install "stylefaceuv[usd]"), got none') from error
    named = {"Gf": Gf, "Sdf": Sdf, "Usd": Usd, "UsdGeom": UsdGeom}
    return {**named, "UsdShade": UsdShade, "UsdSkel": UsdSkel, "Vt": Vt}


class _Stage:
    """One stage in the making, in a scratch folder."""

    def __init__(
        self, modules: dict[str, Any], folder: Path, target: Path, mesh: FaceMesh, morphs: MorphTargets | None
    ) -> None:
        self.pxr, self.folder, self.target = modules, folder, target
        self.mesh, self.morphs = mesh, morphs
        inner = target.suffix.lower().replace(".usdz", ".usdc")
        self.path = folder / f"{target.stem}{inner}"
        self.stage = modules["Usd"].Stage.CreateNew(str(self.path))

    def write(self, textures: list[str], provenance: Provenance, files: dict[str, bytes]) -> bytes:
        """Make everything, save, and return the bytes of the stage or package."""
        pxr = self.pxr
        pxr["UsdGeom"].SetStageUpAxis(self.stage, pxr["UsdGeom"].Tokens.y)
        pxr["UsdGeom"].SetStageMetersPerUnit(self.stage, 1.0)
        layer = self.stage.GetRootLayer()
        layer.comment = copyright_line(provenance)
        layer.customLayerData = {"stylefaceuv": json.dumps(provenance_record(provenance))}
        root = pxr["UsdSkel"].Root.Define(self.stage, _ROOT)
        self.stage.SetDefaultPrim(root.GetPrim())
        skin = self._mesh()
        for surface in SURFACES:
            self._subset(skin, surface, self._material(surface, textures))
        if self.morphs is not None:
            self._blend_shapes(skin, self.morphs)
        layer.Save()
        if self.target.suffix.lower() != ".usdz":
            return self.path.read_bytes()
        return self._package(files)

    def _package(self, files: dict[str, bytes]) -> bytes:
        """The stage and its textures in one archive, all of the first moment that a zip file can tell.

        The writer is usd-core's own, which pads as the format asks; newer versions have it in another module.
        """
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        package, first = self.folder / self.target.name, time.mktime((1980, 1, 1, 0, 0, 0, 0, 1, -1))
        homes = (self.pxr["Sdf"], self.pxr["Usd"])
        writer = next(home.ZipFileWriter for home in homes if hasattr(home, "ZipFileWriter"))
        with writer.CreateNew(str(package)) as archive:
            for name in (self.path.name, *files):  # the stage first: readers open what comes first
                os.utime(self.folder / name, (first, first))
                archive.AddFile(str(self.folder / name), name)
        return package.read_bytes()

    def _mesh(self) -> Any:
        pxr, mesh = self.pxr, self.mesh
        geometry, sdf = pxr["UsdGeom"], pxr["Sdf"].ValueTypeNames
        prim = geometry.Mesh.Define(self.stage, f"{_ROOT}/Face")
        prim.CreatePointsAttr(self._vectors("Vec3fArray", mesh.vertices))
        prim.CreateFaceVertexCountsAttr(pxr["Vt"].IntArray.FromNumpy(np.full(len(mesh.faces), 3, np.int32)))
        prim.CreateFaceVertexIndicesAttr(pxr["Vt"].IntArray.FromNumpy(mesh.faces.astype(np.int32).ravel()))
        prim.CreateNormalsAttr(self._vectors("Vec3fArray", mesh.normals))
        prim.SetNormalsInterpolation(geometry.Tokens.vertex)
        prim.CreateSubdivisionSchemeAttr(geometry.Tokens.none)
        bounds = np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])
        prim.CreateExtentAttr(self._vectors("Vec3fArray", bounds))
        primvars = geometry.PrimvarsAPI(prim)
        for name, uv in (("st", mesh.uv), ("st1", mesh.uv_makehuman)):
            upright = (uv * (1, -1) + (0, 1)).astype(np.float32)  # USD counts v from the bottom
            values = primvars.CreatePrimvar(name, sdf.TexCoord2fArray, geometry.Tokens.vertex)
            values.Set(self._vectors("Vec2fArray", upright))
        return prim

    def _vectors(self, kind: str, values: npt.NDArray[np.floating]) -> Any:
        return getattr(self.pxr["Vt"], kind).FromNumpy(np.ascontiguousarray(values, np.float32))

    def _subset(self, mesh: Any, surface: Surface, material: Any) -> None:
        shade = self.pxr["UsdShade"]
        rows = faces_of(self.mesh.part, surface.parts).astype(np.int32)
        subset = shade.MaterialBindingAPI.Apply(mesh.GetPrim()).CreateMaterialBindSubset(
            surface.name, self.pxr["Vt"].IntArray.FromNumpy(rows)
        )
        shade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(material)

    def _material(self, surface: Surface, textures: list[str]) -> Any:
        """UsdPreviewSurface that reads the textures at ``st``."""
        sdf, shade = self.pxr["Sdf"].ValueTypeNames, self.pxr["UsdShade"]
        material = shade.Material.Define(self.stage, f"{_ROOT}/Materials/{surface.name}")
        shader = self._shader(material, "surface", "UsdPreviewSurface")
        shader.CreateInput("roughness", sdf.Float).Set(surface.roughness)
        shader.CreateInput("metallic", sdf.Float).Set(0.0)
        reader = self._shader(material, "st", "UsdPrimvarReader_float2")
        reader.CreateInput("varname", sdf.String).Set("st")
        place = reader.CreateOutput("result", sdf.Float2)
        for name in textures:
            is_color = name.endswith("_diffuse.png")
            image = self._shader(material, "diffuse" if is_color else "normal", "UsdUVTexture")
            image.CreateInput("file", sdf.Asset).Set(name)
            image.CreateInput("sourceColorSpace", sdf.Token).Set("sRGB" if is_color else "raw")
            image.CreateInput("st", sdf.Float2).ConnectToSource(place)
            if not is_color:
                image.CreateInput("scale", sdf.Float4).Set(self.pxr["Gf"].Vec4f(2, 2, 2, 2))
                image.CreateInput("bias", sdf.Float4).Set(self.pxr["Gf"].Vec4f(-1, -1, -1, -1))
            slot, kind = ("diffuseColor", sdf.Color3f) if is_color else ("normal", sdf.Normal3f)
            shader.CreateInput(slot, kind).ConnectToSource(image.CreateOutput("rgb", sdf.Float3))
        material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", sdf.Token))
        return material

    def _shader(self, material: Any, name: str, identifier: str) -> Any:
        shader = self.pxr["UsdShade"].Shader.Define(self.stage, material.GetPath().AppendChild(name))
        shader.CreateIdAttr(identifier)
        return shader

    def _blend_shapes(self, mesh: Any, morphs: MorphTargets) -> None:
        """Sparse offsets, a skeleton of one joint that carries them, and an animation that holds their weights."""
        skel, vt, gf = self.pxr["UsdSkel"], self.pxr["Vt"], self.pxr["Gf"]
        skeleton = skel.Skeleton.Define(self.stage, f"{_ROOT}/Skeleton")
        skeleton.CreateJointsAttr(["head"])
        for attribute in (skeleton.CreateBindTransformsAttr, skeleton.CreateRestTransformsAttr):
            attribute(vt.Matrix4dArray([gf.Matrix4d(1)]))
        animation = skel.Animation.Define(self.stage, f"{_ROOT}/Animation")
        animation.CreateBlendShapesAttr(list(morphs.names))
        animation.CreateBlendShapeWeightsAttr(vt.FloatArray([0.0] * len(morphs.names)))
        skel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
        binding = skel.BindingAPI.Apply(mesh.GetPrim())
        binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
        binding.CreateJointIndicesPrimvar(True, 1).Set(vt.IntArray([0]))
        binding.CreateJointWeightsPrimvar(True, 1).Set(vt.FloatArray([1.0]))
        binding.CreateBlendShapesAttr(list(morphs.names))
        targets = binding.CreateBlendShapeTargetsRel()
        for name, delta in zip(morphs.names, morphs.deltas, strict=True):
            rows = np.flatnonzero(np.abs(delta).max(axis=1) > _STILL_METRES).astype(np.int32)
            shape = skel.BlendShape.Define(self.stage, mesh.GetPath().AppendChild(name))
            shape.CreateOffsetsAttr(self._vectors("Vec3fArray", delta[rows]))
            shape.CreatePointIndicesAttr(vt.IntArray.FromNumpy(rows))
            targets.AddTarget(shape.GetPath())
