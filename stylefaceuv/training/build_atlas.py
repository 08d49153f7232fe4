"""Lays out the head atlas (TEXCOORD_0).

The skin, cut at the back from the neck up to the crown, is a disk. It is embedded into a rectangle by a weighted
barycentric (Tutte) map, which never folds whatever the positive weights are; the weights are then adapted, iteration
by iteration, until each part of the face has the share of texels it is worth. A last monotone stretch along each axis
puts eyes and mouth where portraits aligned as in FFHQ have them. Weights are equal on both sides of the head, so the
atlas is mirror-symmetric in u. Eyes, teeth, tongue and mouth lie in a strip below, each half on its own side.

The embedding is then relaxed: :mod:`stylefaceuv.training.atlas_relaxation`.

Sources: Tutte (1963), How to draw a graph; Floater (1997) for positive weights; Yoshizawa, Belyaev and Seidel (2004),
A fast and simple stretch-minimizing mesh parameterization, for the adaptation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse
from scipy.interpolate import PchipInterpolator
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from stylefaceuv.training.atlas_islands import place_islands
from stylefaceuv.training.atlas_relaxation import relax
from stylefaceuv.types import PART_NAMES

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MARGIN = 0.004
CHART_BOTTOM = 0.896
SIDE_SHARE = 0.60
"""Share of the cut that runs along a side of the rectangle; the rest lies on its top."""
ITERATIONS = 8
ADAPTATION = 0.35
RELAXATION = 600
LINING_SCALE = 0.15

EYE_HEIGHT, NOSE_HEIGHT, MOUTH_HEIGHT, CHIN_HEIGHT = 0.455, 0.575, 0.685, 0.80
EYE_CENTRE = 0.65


@dataclass(frozen=True)
class CutSkin:
    """The skin as a disk.

    Attributes:
        quads: (S, 4) int64, rows of ``source``.
        source: (D,) int64, cage vertex of each row; rows beyond the cage's own are copies along the cut.
        mirror: (D,) int64, row on the other side.
        boundary: (B,) int64, rows around the disk: the neck from the back over the viewer's right, front and left
            to the back again, then the cut up one side and down the other.
        neck_count: rows of the boundary that belong to the neck.
        lip_loop: (L,) int64, rows around the opening of the mouth.
    """

    quads: IntArray
    source: IntArray
    mirror: IntArray
    boundary: IntArray
    neck_count: int
    lip_loop: IntArray


def build_atlas(
    vertices: FloatArray,
    quads: IntArray,
    quad_part: npt.NDArray[np.uint8],
    makehuman_corner_uv: FloatArray,
    mirror_index: IntArray,
) -> FloatArray:
    """Lay out the whole atlas.

    Args:
        vertices: (V0, 3) float, mean head, decimetres, exactly mirror-symmetric.
        quads: (Q, 4) int64.
        quad_part: (Q,) uint8, index into ``PART_NAMES``.
        makehuman_corner_uv: (Q, 4, 2) float, MakeHuman's layout, used for the islands.
        mirror_index: (V0,) int64.

    Returns:
        (Q, 4, 2) float64 texture coordinates of each corner, origin top left.
    """
    vertices = np.asarray(vertices, np.float64)
    quads, mirror_index = np.asarray(quads, np.int64), np.asarray(mirror_index, np.int64)
    corner_uv = np.zeros((len(quads), 4, 2))
    is_skin = quad_part == PART_NAMES.index("skin")
    skin = cut_skin(vertices, quads[is_skin], mirror_index)
    lining = socket_lining(vertices, quads[is_skin], makehuman_corner_uv[is_skin])
    uv = embed(skin, vertices, lining)
    uv = _relaxed(uv, skin, vertices, lining)
    uv = align_features(uv, skin, vertices)
    corner_uv[is_skin] = uv[skin.quads]
    place_islands(corner_uv, vertices, quads, quad_part, makehuman_corner_uv, mirror_index)
    return corner_uv


def _relaxed(uv: FloatArray, skin: CutSkin, vertices: FloatArray, lining: npt.NDArray[np.bool_]) -> FloatArray:
    """Relax the embedded disk; boundary rows slide along their side, the mid-line stays in the middle."""
    points = vertices[skin.source]
    corners = points[skin.quads]
    value = importance(feature_points(corners.mean(axis=1), _eye_level(points, skin)))
    free = ~np.isnan(uv)
    mirror = np.append(skin.mirror, len(skin.mirror))
    edge = uv[skin.boundary]
    free[skin.boundary, 0] = np.abs(edge[:, 0] - 0.5) < 0.5 - MARGIN - 1e-9
    free[skin.boundary, 1] = (edge[:, 1] > MARGIN + 1e-9) & (edge[:, 1] < CHART_BOTTOM - 1e-9)
    free[mirror == np.arange(len(mirror)), 0] = False
    scale = value * np.where(lining, LINING_SCALE, 1.0)
    mouth = np.stack([skin.lip_loop, np.roll(skin.lip_loop, -1), np.full_like(skin.lip_loop, len(mirror) - 1)], axis=1)
    return relax(uv, skin.quads, corners, scale, free, mirror, mouth, RELAXATION)[:-1]


def boundary_loops(quads: IntArray) -> list[IntArray]:
    """Return the open edges of a mesh as closed loops, each against the winding of its quads' neighbours."""
    pairs = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    present = set(map(tuple, pairs.tolist()))
    following = {a: b for a, b in present if (b, a) not in present}
    loops = []
    while following:
        start, after = next(iter(following.items()))
        loop = [start]
        del following[start]
        while after != start:
            loop.append(after)
            after = following.pop(after)
        loops.append(np.array(loop, np.int64))
    return sorted(loops, key=len, reverse=True)


def cut_skin(vertices: FloatArray, quads: IntArray, mirror_index: IntArray) -> CutSkin:
    """Cut the skin along the mid-line at the back, from the neck to the crown."""
    loops = boundary_loops(quads)
    neck = next(loop for loop in loops if vertices[loop, 1].max() < vertices[quads.ravel(), 1].mean())
    lips = next(loop for loop in loops if loop is not neck)
    path = _back_line(vertices, quads, neck)
    copies = np.full(len(vertices), -1, np.int64)
    copies[path[:-1]] = len(vertices) + np.arange(len(path) - 1)
    left_side = vertices[quads].mean(axis=1)[:, 0] < 0
    moved = quads.copy()
    replace = left_side[:, None] & (copies[quads] >= 0)
    moved[replace] = copies[quads[replace]]
    source = np.concatenate([np.arange(len(vertices)), path[:-1]])
    mirror = np.concatenate([mirror_index, path[:-1]])
    mirror[path[:-1]] = copies[path[:-1]]
    outer = boundary_loops(moved)[0]
    start = int(np.flatnonzero(outer == path[0])[0])
    outer = np.roll(outer, -start)
    if source[outer[1]] == path[1]:
        outer = np.roll(outer[::-1], 1)
    return CutSkin(moved, source, mirror, outer, len(neck) + 1, lips)


def _back_line(vertices: FloatArray, quads: IntArray, neck: IntArray) -> IntArray:
    """Vertices of the mid-line from the back of the neck ring up to the crown."""
    pairs = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    on_line = np.abs(vertices[:, 0]) < 1e-9
    pairs = pairs[on_line[pairs].all(axis=1)]
    neighbours: dict[int, set[int]] = {}
    for a, b in pairs.tolist():
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    middle = [int(row) for row in neck if on_line[row]]
    current = min(middle, key=lambda row: vertices[row, 2])
    path, crown = [current], vertices[quads.ravel(), 1].max()
    while vertices[current, 1] < crown - 1e-9:
        ahead = [row for row in neighbours[current] if row not in path]
        current = max(ahead, key=lambda row: vertices[row, 1])
        path.append(current)
    return np.array(path, np.int64)


def boundary_positions(skin: CutSkin, vertices: FloatArray) -> FloatArray:
    """Places of the boundary rows on the rectangle, mirror-symmetric.

    The neck goes along the bottom, from the back at a corner over the front in the middle to the other corner; the
    cut up one side and to the middle of the top, and back on the other side.
    """
    positions = vertices[skin.source[skin.boundary]]
    closed = np.linalg.norm(np.roll(positions, -1, axis=0) - positions, axis=1)
    low, right, bottom = MARGIN, 1 - MARGIN, CHART_BOTTOM
    neck = np.concatenate([[0], np.cumsum(closed[: skin.neck_count - 1])])
    cut = np.concatenate([[0], np.cumsum(closed[skin.neck_count - 1 :])])[:-1]
    neck = neck / neck[-1]
    total = closed[skin.neck_count - 1 :].sum()
    place = np.zeros((len(positions), 2))
    first_is_right = vertices[skin.source[skin.boundary[1]], 0] > 0
    across = right - (right - low) * neck if first_is_right else low + (right - low) * neck
    place[: skin.neck_count] = np.stack([across, np.full_like(neck, bottom)], axis=1)
    ends_right = not first_is_right
    for row, length in zip(range(skin.neck_count, len(positions)), cut[1:], strict=True):
        share = 2 * min(length, total - length) / total
        on_right = ends_right == (length <= total / 2)
        place[row] = _along_side(share, on_right, low, right, bottom)
    return place


def _along_side(share: float, on_right: bool, low: float, right: float, bottom: float) -> tuple[float, float]:
    """Point at a share of the way from a bottom corner up the side to the middle of the top."""
    if share < SIDE_SHARE:
        v = bottom + (low - bottom) * share / SIDE_SHARE
        u = right
    else:
        v = low
        u = right + (0.5 - right) * (share - SIDE_SHARE) / (1 - SIDE_SHARE)
    return (u if on_right else 1 - u), v


def importance(points: FloatArray) -> FloatArray:
    """How many times finer than the rest a place on the head is sampled, as a factor of length.

    Args:
        points: (n, 3) float, mean-head positions in decimetres, scaled so that the eyes are at the origin's height
            (see :func:`feature_points`), face towards +Z.

    Returns:
        (n,) float.
    """
    front = np.clip((points[:, 2] + 0.35) / 0.5, 0, 1)
    front = front * front * (3 - 2 * front)
    height = points[:, 1]
    above = np.clip((1.05 - height) / 0.5, 0, 1)
    below = np.clip((height + 1.28) / 0.2, 0, 1)
    face = front * above * below
    eye = np.exp(-(((np.abs(points[:, 0]) - 0.32) / 0.24) ** 2) - (height / 0.14) ** 2)
    mouth = np.exp(-((points[:, 0] / 0.36) ** 2) - ((height + 0.72) / 0.16) ** 2)
    neck = np.clip((points[:, 2] + 0.9) / 0.5, 0, 1) * (1 - below)
    ear = np.clip((np.abs(points[:, 0]) - 0.62) / 0.1, 0, 1) * np.exp(-(((height + 0.25) / 0.5) ** 2))
    return 0.13 + 1.2 * face + 0.45 * face * (eye + 0.8 * mouth) + 0.3 * neck + 0.25 * ear


def feature_points(vertices: FloatArray, eye_centre: FloatArray) -> FloatArray:
    """Shift the head so that the point between the eyeballs is at x = 0, y = 0, and the eyeballs' depth at z = 0."""
    return vertices - np.array([0.0, eye_centre[1], eye_centre[2]])


def embed(skin: CutSkin, vertices: FloatArray, lining: npt.NDArray[np.bool_]) -> FloatArray:
    """Embed the disk: adapted barycentric weights, fixed rectangle.

    Args:
        skin: the cut skin.
        vertices: (V0, 3) float, mean head.
        lining: (S,) bool, quads that are never seen.

    Returns:
        (D + 1, 2) float64: rows of ``skin.source``, NaN for rows that are not skin, and the mouth's closing point.
    """
    used = np.unique(skin.quads)
    hidden = len(skin.source)  # one virtual vertex closes the mouth
    neighbours = _neighbour_pairs(skin, hidden)
    points = vertices[skin.source]
    target = _target_area(skin, points, lining)
    mirror = np.append(skin.mirror, hidden)
    weights = _initial_weights(neighbours, points, skin.lip_loop, hidden)
    fixed, place = skin.boundary, boundary_positions(skin, vertices)
    best, best_score = np.zeros((0, 2)), np.inf
    for _ in range(ITERATIONS):
        uv = _solve(neighbours, weights, used, hidden, fixed, place, mirror)
        ratio = _area_ratio(skin, uv, target, hidden)
        score = float(np.mean(np.log(ratio[used]) ** 2))
        if score < best_score:
            best, best_score = uv, score
        pull = np.append(ratio, 1.0)[neighbours[:, 1]]
        weights = weights * np.clip(pull, 0.2, 5.0) ** -ADAPTATION
    return best


def _neighbour_pairs(skin: CutSkin, hidden: int) -> IntArray:
    """(P, 2): each row with each of its neighbours along quad edges, and the mouth's rim with the virtual vertex."""
    pairs = np.stack([skin.quads, np.roll(skin.quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    rim = np.stack([skin.lip_loop, np.full_like(skin.lip_loop, hidden)], axis=1)
    both = np.concatenate([pairs, pairs[:, ::-1], rim, rim[:, ::-1]])
    return np.unique(both, axis=0)


def _initial_weights(neighbours: IntArray, points: FloatArray, lips: IntArray, hidden: int) -> FloatArray:
    padded = np.concatenate([points, points[lips].mean(axis=0, keepdims=True)])
    length = np.linalg.norm(padded[neighbours[:, 0]] - padded[neighbours[:, 1]], axis=1)
    weights = 1 / np.maximum(length, 1e-3)
    weights[(neighbours == hidden).any(axis=1)] *= 0.4
    return weights


def _target_area(skin: CutSkin, points: FloatArray, lining: npt.NDArray[np.bool_]) -> FloatArray:
    """Wanted share of the rectangle of each quad: its surface times the squared importance."""
    corners = points[skin.quads]
    diagonal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    surface = 0.5 * np.linalg.norm(diagonal, axis=1)
    eyes = _eye_level(points, skin)
    value = importance(feature_points(corners.mean(axis=1), eyes))
    wanted = surface * value**2 * np.where(lining, 0.02, 1.0) + 2e-6
    return wanted / wanted.sum()


def _eye_level(points: FloatArray, skin: CutSkin) -> FloatArray:
    """A point between the eyes: the mid-line at 0.47 of the head's height above the lips, at the lips' depth."""
    lips = points[skin.lip_loop]
    return np.array([0.0, lips[:, 1].mean() + 0.68, lips[:, 2].mean() - 0.18])


def socket_lining(vertices: FloatArray, quads: IntArray, makehuman_corner_uv: FloatArray) -> npt.NDArray[np.bool_]:
    """Quads of the eye sockets: MakeHuman gives each socket, and nothing else so small, a chart of its own.

    Args:
        vertices: (V0, 3) float.
        quads: (S, 4) int64, skin.
        makehuman_corner_uv: (S, 4, 2) float.

    Returns:
        (S,) bool.
    """
    keys = np.concatenate(
        [quads.reshape(-1, 1), np.round(makehuman_corner_uv.reshape(-1, 2) * 2**20).astype(np.int64)], axis=1
    )
    _, row = np.unique(keys, axis=0, return_inverse=True)
    rows = row.reshape(quads.shape)
    count = int(rows.max()) + 1
    edges = sparse.coo_matrix(
        (np.ones(quads.size), (rows.ravel(), np.roll(rows, -1, axis=1).ravel())), shape=(count, count)
    )
    _, label = connected_components(edges, directed=False)
    of_quad = label[rows[:, 0]]
    extent = np.array(
        [np.ptp(vertices[quads[of_quad == one]].reshape(-1, 3)[:, 0]) for one in range(of_quad.max() + 1)]
    )
    return np.asarray(extent[of_quad] < 0.5)


def _solve(
    neighbours: IntArray,
    weights: FloatArray,
    used: IntArray,
    hidden: int,
    fixed: IntArray,
    place: FloatArray,
    mirror: IntArray,
) -> FloatArray:
    """Put every inner row at the weighted mean of its neighbours; the result is symmetrised exactly."""
    count = hidden + 1
    rows = np.setdiff1d(np.append(used, hidden), fixed)
    number = np.full(count, -1, np.int64)
    number[rows] = np.arange(len(rows))
    uv = np.full((count, 2), np.nan)
    uv[fixed] = place
    inner = number[neighbours[:, 0]] >= 0
    a, b, w = neighbours[inner, 0], neighbours[inner, 1], weights[inner]
    total = np.bincount(a, w, minlength=count)
    w = w / total[a]
    free = number[b] >= 0
    matrix = sparse.identity(len(rows)) - sparse.csr_matrix(
        (w[free], (number[a[free]], number[b[free]])), shape=(len(rows), len(rows))
    )
    right = np.zeros((len(rows), 2))
    np.add.at(right, number[a[~free]], w[~free, None] * uv[b[~free]])
    uv[rows] = splu(matrix.tocsc()).solve(right)
    flipped = uv[mirror] * np.array([-1.0, 1.0]) + np.array([1.0, 0.0])
    return (uv + flipped) / 2


def _area_ratio(skin: CutSkin, uv: FloatArray, target: FloatArray, hidden: int) -> FloatArray:
    """Wanted over given area around each row, (D,), mean 1 on a logarithmic scale."""
    corners = uv[skin.quads]
    a, b = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    area = np.maximum(0.5 * np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), 1e-9)
    wanted = np.bincount(skin.quads.ravel(), np.repeat(target, 4), minlength=hidden)
    given = np.bincount(skin.quads.ravel(), np.repeat(area / area.sum(), 4), minlength=hidden)
    ratio = np.sqrt(np.where(given > 0, wanted / np.maximum(given, 1e-12), 1.0))
    return np.asarray(ratio)


def align_features(uv: FloatArray, skin: CutSkin, vertices: FloatArray) -> FloatArray:
    """Stretch both axes monotonically, so that eyes, nose, mouth and chin come to their heights and the eyes apart."""
    points = feature_points(vertices[skin.source], _eye_level(vertices[skin.source], skin))
    used = np.zeros(len(uv), bool)
    used[np.unique(skin.quads)] = True
    lips = uv[skin.lip_loop].mean(axis=0)
    front = used & (points[:, 2] > 0)
    eye = uv[front & (np.abs(points[:, 0] - 0.31) < 0.16) & (np.abs(points[:, 1]) < 0.06)].mean(axis=0)
    tip = uv[used][np.argmax(points[used, 2])]
    middle = front & (np.abs(points[:, 0]) < 0.02) & (points[:, 1] < -0.9)
    chin_row = np.flatnonzero(middle)[np.argmax(points[middle, 2] - 0.8 * points[middle, 1])]
    chin = uv[chin_row]
    vertical = PchipInterpolator(
        [0, MARGIN, eye[1], tip[1], lips[1], chin[1], CHART_BOTTOM, 1],
        [0, MARGIN, EYE_HEIGHT, NOSE_HEIGHT, MOUTH_HEIGHT, CHIN_HEIGHT, CHART_BOTTOM, 1],
    )
    result = uv.copy()
    result[used, 1] = vertical(uv[used, 1])
    half = PchipInterpolator([0, eye[0] - 0.5, 0.5 - MARGIN], [0, EYE_CENTRE - 0.5, 0.5 - MARGIN])
    offset = uv[used, 0] - 0.5
    result[used, 0] = 0.5 + np.sign(offset) * half(np.abs(offset))
    return result
