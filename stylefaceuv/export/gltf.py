"""GLB: one file with the mesh, its textures, its morph targets and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pygltflib

from stylefaceuv.export.checks import check_export, check_image, check_occlusion_map, check_texture_options
from stylefaceuv.export.gltf_accessors import BinaryBuilder
from stylefaceuv.export.normal_map import vertex_normals
from stylefaceuv.export.parts import EYE_PARTS, SURFACES, Surface, faces_of, sphere_centre
from stylefaceuv.export.provenance import copyright_line, provenance_record
from stylefaceuv.export.tangents import TangentMesh, compute_tangents
from stylefaceuv.export.textures import MIME_TYPES, encode_image, resize_color, resize_normals
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.types import FaceMesh, MorphTargets, Provenance, UVMaps

WEBP_EXTENSION = "EXT_texture_webp"


def write_glb(
    path: str | Path,
    mesh: FaceMesh,
    maps: UVMaps,
    morphs: MorphTargets | None,
    provenance: Provenance,
    *,
    texture_size: int = 1024,
    texture_format: str = "jpeg",
    normal_map: npt.NDArray[np.uint8] | None = None,
    occlusion_map: npt.NDArray[np.uint8] | None = None,
    tangents: TangentMesh | None = None,
    morph_normals: bool = False,
) -> Path:
    """Write a head as GLB.

    Args:
        path: where to, usually ending in ``.glb``; its folder is made when missing.
        mesh: the neutral rest pose, metres.
        maps: its textures; the diffuse map is written.
        morphs: morph targets, or None.
        provenance: where the head came from; goes into ``asset.extras``.
        texture_size: edge of every texture, texels, a power of two.
        texture_format: "jpeg", "png" or "webp", for the diffuse map; a normal map is never stored lossily.
        normal_map: (H, W, 3) uint8 tangent-space normals for the mesh's MikkTSpace tangents, or None for none.
        occlusion_map: (s, s) uint8, share of the light from all around, 255 all of it; written as it is. None for none.
        tangents: the mesh's tangents when they are known already; used beside a normal map only.
        morph_normals: whether morph targets move the normals too (about twice the size of the targets).

    Returns:
        The path.

    Raises:
        InvalidArgumentError: something of a wrong shape, dtype or range; nothing is written then.
        OutputError: the folder cannot be written.
    """
    check_export(mesh, maps, morphs)
    check_texture_options(texture_size, texture_format)
    if normal_map is not None:
        check_image("normal_map", normal_map)
    if occlusion_map is not None:
        check_occlusion_map(occlusion_map)
    document = _Document(mesh, morphs, normal_map is not None, tangents, morph_normals)
    document.add_textures(maps.diffuse, normal_map, texture_size, texture_format)
    if occlusion_map is not None:
        document.add_occlusion(occlusion_map, texture_format)
    document.add_nodes()
    atomic_write_bytes(path, document.to_bytes(provenance))
    return Path(path)


@dataclass(frozen=True)
class _Rows:
    """The mesh as it is written: rows copied where tangents need it, normals of unit length."""

    mesh: FaceMesh
    source: npt.NDArray[np.int64]
    tangents: npt.NDArray[np.float32] | None


def _prepare(mesh: FaceMesh, with_tangents: bool, tangents: TangentMesh | None) -> _Rows:
    mesh = replace(mesh, normals=_unit_normals(mesh))
    if not with_tangents:
        return _Rows(mesh, np.arange(len(mesh.vertices)), None)
    known = tangents or compute_tangents(mesh.vertices, mesh.normals, mesh.uv, mesh.faces)
    per_vertex = ("vertices", "uv", "uv_makehuman", "normals", "geometry_index", "makehuman_index")
    copied = {name: getattr(mesh, name)[known.source] for name in per_vertex}
    return _Rows(replace(mesh, faces=known.faces.astype(np.int32), **copied), known.source, known.tangents)


def _unit_normals(mesh: FaceMesh) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(mesh.normals, axis=1, keepdims=True)
    up = np.array([0, 1, 0], np.float32)
    return np.where(length > 0, mesh.normals / np.maximum(length, 1e-20), up).astype(np.float32)


class _Document:
    """A glTF document in the making."""

    def __init__(
        self,
        mesh: FaceMesh,
        morphs: MorphTargets | None,
        with_normal_map: bool,
        tangents: TangentMesh | None,
        morph_normals: bool,
    ) -> None:
        rows = _prepare(mesh, with_normal_map, tangents)
        self.mesh, self.source, self.tangents = rows.mesh, rows.source, rows.tangents
        self.morphs = morphs if morphs is not None and morphs.names else None
        self.normal_offsets = _normal_offsets(mesh, self.morphs) if self.morphs and morph_normals else None
        self.binary = BinaryBuilder()
        self.gltf = pygltflib.GLTF2(scene=0, scenes=[pygltflib.Scene(nodes=[0])])

    def add_textures(
        self,
        diffuse: npt.NDArray[np.uint8],
        normal_map: npt.NDArray[np.uint8] | None,
        size: int,
        texture_format: str,
    ) -> None:
        """Add one material for each surface, all on the same textures."""
        self.gltf.samplers.append(
            pygltflib.Sampler(
                magFilter=pygltflib.LINEAR,
                minFilter=pygltflib.LINEAR_MIPMAP_LINEAR,
                wrapS=pygltflib.CLAMP_TO_EDGE,
                wrapT=pygltflib.CLAMP_TO_EDGE,
            )
        )
        self._add_texture("diffuse", encode_image(resize_color(diffuse, size), texture_format), texture_format)
        if normal_map is not None:
            kind = "webp" if texture_format == "webp" else "png"
            self._add_texture("normal", encode_image(resize_normals(normal_map, size), kind, lossless=True), kind)
        self.gltf.materials = [_material(surface, normal_map is not None) for surface in SURFACES]

    def add_occlusion(self, occlusion: npt.NDArray[np.uint8], texture_format: str) -> None:
        """Add one more texture to the materials that there are."""
        self._add_texture("occlusion", encode_image(occlusion, texture_format), texture_format)
        for material in self.gltf.materials:
            material.occlusionTexture = pygltflib.OcclusionTextureInfo(
                index=len(self.gltf.textures) - 1, texCoord=None, strength=None
            )

    def _add_texture(self, name: str, data: bytes, texture_format: str) -> None:
        image = len(self.gltf.images)
        self.gltf.images.append(
            pygltflib.Image(name=name, mimeType=MIME_TYPES[texture_format], bufferView=self.binary.view(data))
        )
        texture = pygltflib.Texture(name=name, sampler=0, source=image)
        if texture_format == "webp":
            texture.source, texture.extensions = None, {WEBP_EXTENSION: {"source": image}}
            self.gltf.extensionsUsed = self.gltf.extensionsRequired = [WEBP_EXTENSION]
        self.gltf.textures.append(texture)

    def add_nodes(self) -> None:
        """Add the head's node and, below it, the face and each eye, which turns about its own centre."""
        self.gltf.nodes.append(pygltflib.Node(name="head", children=[]))
        rest = [
            (number, faces)
            for number, surface in enumerate(SURFACES)
            if len(faces := faces_of(self.mesh.part, tuple(p for p in surface.parts if p not in EYE_PARTS)))
        ]
        if rest:
            self._add_node("face", rest, np.zeros(3, np.float32))
        eyes = next(number for number, surface in enumerate(SURFACES) if surface.parts == EYE_PARTS)
        for name in EYE_PARTS:
            faces = faces_of(self.mesh.part, (name,))
            if len(faces):
                centre = sphere_centre(self.mesh.vertices[np.unique(self.mesh.faces[faces])])
                self._add_node(name, [(eyes, faces)], centre)

    def _add_node(
        self, name: str, pieces: list[tuple[int, npt.NDArray[np.int64]]], origin: npt.NDArray[np.float32]
    ) -> None:
        primitives = [self._primitive(material, faces, origin) for material, faces in pieces]
        mesh = pygltflib.Mesh(name=name, primitives=primitives)
        if self.morphs is not None:
            mesh.weights = [0.0] * len(self.morphs.names)
            mesh.extras = {"targetNames": list(self.morphs.names)}
        node = pygltflib.Node(name=name, mesh=len(self.gltf.meshes))
        if origin.any():
            node.translation = origin.tolist()
        self.gltf.nodes[0].children.append(len(self.gltf.nodes))
        self.gltf.meshes.append(mesh)
        self.gltf.nodes.append(node)

    def _primitive(
        self, material: int, faces: npt.NDArray[np.int64], origin: npt.NDArray[np.float32]
    ) -> pygltflib.Primitive:
        rows, corners = np.unique(self.mesh.faces[faces], return_inverse=True)
        binary, mesh = self.binary, self.mesh
        attributes = pygltflib.Attributes(
            POSITION=binary.attribute(mesh.vertices[rows] - origin, bounds=True),
            NORMAL=binary.attribute(mesh.normals[rows]),
            TANGENT=None if self.tangents is None else binary.attribute(self.tangents[rows]),
            TEXCOORD_0=binary.attribute(mesh.uv[rows]),
            TEXCOORD_1=binary.attribute(mesh.uv_makehuman[rows]),
        )
        indices = binary.indices(corners.reshape(-1, 3))
        return pygltflib.Primitive(
            attributes=attributes, indices=indices, material=material, mode=None, targets=self._targets(rows)
        )

    def _targets(self, rows: npt.NDArray[Any]) -> list[dict[str, int]]:
        """One target for each morph; those that leave these rows in place share an accessor of zeros."""
        if self.morphs is None:
            return []
        chosen = self.source[rows]
        fields = [("POSITION", self.morphs.deltas)]
        if self.normal_offsets is not None:
            fields.append(("NORMAL", self.normal_offsets))
        targets: list[dict[str, int]] = [{} for _ in self.morphs.names]
        for name, deltas in fields:
            zeros: int | None = None
            for target, delta in zip(targets, deltas, strict=True):
                offsets = delta[chosen]
                if zeros is not None and not offsets.any():
                    target[name] = zeros
                    continue
                target[name] = self.binary.offsets(offsets, bounds=name == "POSITION")
                if not offsets.any():
                    zeros = target[name]
        return targets

    def to_bytes(self, provenance: Provenance) -> bytes:
        """Return the finished file."""
        gltf = self.gltf
        blob = self.binary.finish()
        gltf.accessors, gltf.bufferViews = self.binary.accessors, self.binary.views
        gltf.buffers = [pygltflib.Buffer(byteLength=len(blob))]
        gltf.set_binary_blob(blob)
        gltf.asset = pygltflib.Asset(
            version="2.0",
            generator=f"stylefaceuv {provenance.version}",
            copyright=copyright_line(provenance),
            extras={"provenance": provenance_record(provenance)},
        )
        return b"".join(gltf.save_to_bytes())


def _material(surface: Surface, with_normal_map: bool) -> pygltflib.Material:
    material = pygltflib.Material(
        name=surface.name,
        pbrMetallicRoughness=pygltflib.PbrMetallicRoughness(
            baseColorFactor=None,
            baseColorTexture=pygltflib.TextureInfo(index=0, texCoord=None),
            metallicFactor=0.0,
            roughnessFactor=surface.roughness,
        ),
        alphaMode=None,
        alphaCutoff=None,
        doubleSided=None,
        emissiveFactor=None,
    )
    if with_normal_map:
        material.normalTexture = pygltflib.NormalMaterialTexture(index=1, texCoord=None, scale=None)
    return material


def _normal_offsets(mesh: FaceMesh, morphs: MorphTargets) -> npt.NDArray[np.float32]:
    """(K, V, 3) float32: how each morph target turns the normals."""
    rest = vertex_normals(mesh.vertices, mesh.faces, mesh.geometry_index)
    offsets: list[Any] = [
        vertex_normals(mesh.vertices + delta, mesh.faces, mesh.geometry_index) - rest for delta in morphs.deltas
    ]
    return np.stack(offsets).astype(np.float32)
