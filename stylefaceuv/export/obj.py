"""OBJ + MTL + PNGs, for tools that take nothing newer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.export.checks import check_export, check_image, check_texture_options
from stylefaceuv.export.parts import SURFACES, Surface, faces_of
from stylefaceuv.export.provenance import copyright_line, provenance_record
from stylefaceuv.export.textures import DisplacementImage, encode_displacement, encode_image, resize_color
from stylefaceuv.export.textures import resize_normals as resize_normal_map
from stylefaceuv.files import atomic_path
from stylefaceuv.types import PART_NAMES, FaceMesh, MorphTargets, Provenance, UVMaps

SUFFIX = ".obj"


def write_obj(
    path: str | Path,
    mesh: FaceMesh,
    maps: UVMaps,
    morphs: MorphTargets | None,
    provenance: Provenance,
    *,
    texture_size: int = 1024,
    normal_map: npt.NDArray[np.uint8] | None = None,
    one_per_expression: bool = False,
) -> Path:
    """Write a head as OBJ, with ``NAME.mtl``, ``NAME_diffuse.png``, ``NAME_displacement.png`` and ``NAME_normal.png``.

    Points are written once and texture coordinates once for each side of a seam, so that tools see a closed surface.
    The files appear together, the ``.obj`` last; when one cannot be written none appears.

    Args:
        path: ending in ``.obj``; its folder is made when missing.
        mesh: the neutral rest pose, metres.
        maps: its textures; the displacement keeps its own size and 16 bits.
        morphs: used with ``one_per_expression`` only.
        provenance: where the head came from; goes into the comments.
        texture_size: edge of the diffuse and normal maps, texels, a power of two.
        normal_map: (H, W, 3) uint8 tangent-space normals, or None for none.
        one_per_expression: also write ``NAME_EXPRESSION.obj`` for each morph target at weight 1.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: something of a wrong shape, dtype or range; nothing is written then.
        OutputError: the folder cannot be written.
    """
    target = Path(path)
    check_export(mesh, maps, morphs)
    check_texture_options(texture_size, "png")
    if normal_map is not None:
        check_image("normal_map", normal_map)
    check_obj_name(target)
    if one_per_expression and morphs is None:
        raise InvalidArgumentError("morphs", "morph targets, as one_per_expression is set", None)
    files = _side_files(target, maps, provenance, texture_size, normal_map)
    writer = _ObjText(mesh, f"{target.stem}.mtl", provenance)
    if one_per_expression and morphs is not None:
        for name, delta in zip(morphs.names, morphs.deltas, strict=True):
            files[f"{target.stem}_{name}{SUFFIX}"] = writer.text(mesh.vertices + delta)
    files[target.name] = writer.text(mesh.vertices)
    write_together(target.parent, files)
    return target


def check_obj_name(path: Path) -> None:
    """Refuse a name that its MTL and maps, which OBJ names without quotes, could not have.

    Raises:
        InvalidArgumentError: blanks, or another suffix.
    """
    if path.suffix.lower() != SUFFIX or any(letter.isspace() for letter in path.name):
        raise InvalidArgumentError("path", f"a name without blanks that ends in {SUFFIX}", str(path))


def write_together(folder: Path, files: dict[str, bytes]) -> None:
    """Write files that belong together: all are on disk before the first gets its name.

    Args:
        folder: made when missing.
        files: content by name; the last one appears last.

    Raises:
        OutputError: the folder cannot be written.
    """
    with ExitStack() as stack:
        for name, data in reversed(files.items()):  # contexts close in reverse order
            stack.enter_context(atomic_path(folder / name)).write_bytes(data)


def _side_files(
    target: Path,
    maps: UVMaps,
    provenance: Provenance,
    size: int,
    normal_map: npt.NDArray[np.uint8] | None,
) -> dict[str, bytes]:
    stem = target.stem
    displacement = encode_displacement(maps.displacement)
    files = {
        f"{stem}_diffuse.png": encode_image(resize_color(maps.diffuse, size), "png"),
        f"{stem}_displacement.png": displacement.png,
    }
    if normal_map is not None:
        files[f"{stem}_normal.png"] = encode_image(resize_normal_map(normal_map, size), "png")
    files[f"{stem}.mtl"] = _material_text(stem, displacement, normal_map is not None, provenance)
    return files


def _material_text(stem: str, displacement: DisplacementImage, with_normals: bool, provenance: Provenance) -> bytes:
    lines = [
        *_comments(provenance),
        f"# displacement: {stem}_displacement.png, 16 bits, RGB = XYZ of the head, millimetres = scale * code + offset",
        f"# displacement_scale {displacement.scale!r}",
        f"# displacement_offset {displacement.offset!r}",
        "# the mesh is displaced already: the map is for finer subdivisions of the undisplaced head",
    ]
    for surface in SURFACES:
        lines += _material(surface, stem, with_normals)
    return ("\n".join(lines) + "\n").encode()


def _material(surface: Surface, stem: str, with_normals: bool) -> list[str]:
    shininess = round(min(1000.0, 2 / max(surface.roughness, 0.05) ** 4 - 2), 3)
    specular = 0.04 if surface.name == "skin" else 0.2
    lines = [
        "",
        f"newmtl {surface.name}",
        "Ka 0 0 0",
        "Kd 1 1 1",
        f"Ks {specular} {specular} {specular}",
        f"Ns {max(shininess, 1.0)}",
        f"Pr {surface.roughness}",
        "Pm 0",
        "d 1",
        "illum 2",
        f"map_Kd {stem}_diffuse.png",
    ]
    return lines + ([f"norm {stem}_normal.png"] if with_normals else [])


class _ObjText:
    """Everything of the text but the points, made once for all expressions."""

    def __init__(self, mesh: FaceMesh, material_file: str, provenance: Provenance) -> None:
        self.mesh = mesh
        self.head = "\n".join([*_comments(provenance), f"mtllib {material_file}", "o head", ""])
        self.point, self.first_row = _points(mesh)
        texture = mesh.uv.astype(np.float64) * (1, -1) + (0, 1)
        self.texture = _lines("vt %.9g %.9g\n", texture)
        self.normals = _lines("vn %.6g %.6g %.6g\n", mesh.normals)
        self.faces = "".join(self._group(surface, name) for surface in SURFACES for name in surface.parts)

    def _group(self, surface: Surface, part: str) -> str:
        faces = self.mesh.faces[faces_of(self.mesh.part, (part,))].astype(np.int64)
        if not len(faces):
            return ""
        assert part in PART_NAMES
        numbers = np.stack([self.point[faces], faces, faces], axis=-1).reshape(-1, 9) + 1
        return f"g {part}\nusemtl {surface.name}\n" + _lines("f %d/%d/%d %d/%d/%d %d/%d/%d\n", numbers)

    def text(self, vertices: npt.NDArray[np.float32]) -> bytes:
        points = _lines("v %.9g %.9g %.9g\n", vertices[self.first_row])
        return (self.head + points + self.texture + self.normals + self.faces).encode()


def _points(mesh: FaceMesh) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(V,) number of the point of each row, and (P,) the first row of each point, in the order of the rows."""
    _, first, inverse = np.unique(mesh.geometry_index, return_index=True, return_inverse=True)
    apart = (mesh.vertices != mesh.vertices[first[inverse]]).any(axis=1)
    if apart.any():  # a seam that is open in space stays open
        rows = np.arange(len(mesh.vertices))
        return rows, rows
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse].astype(np.int64), first[order].astype(np.int64)


def _lines(template: str, table: npt.NDArray[np.generic]) -> str:
    return (template * len(table)) % tuple(table.ravel().tolist())


def _comments(provenance: Provenance) -> Iterable[str]:
    record = provenance_record(provenance)
    yield f"# stylefaceuv {provenance.version}; metres, +Y up, facing +Z"
    yield from (f"# {name} {record[name]}" for name in ("seed", "index", "truncation") if name in record)
    yield f"# {' '.join(copyright_line(provenance).split())}"
