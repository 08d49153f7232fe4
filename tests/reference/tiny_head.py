"""A head of some 170 quads with every part, for tests that need a face model but not MakeHuman's.

The skin is an ellipsoid, open at the crown and at the neck and cut at the back; two smaller ones are the eyes; four
patches behind the face stand for the mouth. It is mirror-symmetric in X, and so is its atlas in u.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from stylefaceuv.face_model.arkit import EXPRESSION_NAMES
from stylefaceuv.face_model.morphable import LANDMARK_COUNT, HeadTensors, MorphableModel
from stylefaceuv.types import PART_NAMES

RINGS, COLUMNS = 8, 12
NAMED_LANDMARKS = {
    33: (-0.5, 0.15, 0.6),
    263: (0.5, 0.15, 0.6),
    105: (-0.3, 0.38, 0.7),
    334: (0.3, 0.38, 0.7),
    234: (-0.74, 0.0, 0.1),
    454: (0.74, 0.0, 0.1),
    13: (0.0, -0.35, 0.8),
    14: (0.0, -0.45, 0.8),
    61: (-0.2, -0.4, 0.8),
    291: (0.2, -0.4, 0.8),
    152: (0.0, -0.8, 0.5),
}
_MOUTH_PARTS = ("mouth", "teeth_upper", "teeth_lower", "tongue")


class _Builder:
    def __init__(self) -> None:
        self.vertices: list[np.ndarray] = []
        self.mirror: list[np.ndarray] = []
        self.quads: list[np.ndarray] = []
        self.uv: list[np.ndarray] = []
        self.part: list[int] = []

    @property
    def count(self) -> int:
        return sum(len(part) for part in self.vertices)

    def grid(
        self, points: np.ndarray, slot: tuple[float, float, float, float], part: str, closed: bool, mirror: np.ndarray
    ) -> None:
        """Add (rows, columns, 3) points; a closed grid joins its last column to the first."""
        rows, columns = points.shape[:2]
        first, spans = self.count, columns if closed else columns - 1
        for row in range(rows - 1):
            for column in range(spans):
                corners = [(row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1)]
                self.quads.append(np.array([first + i * columns + j % columns for i, j in corners]))
                place = [(j / spans, i / (rows - 1)) for i, j in corners]
                low, size = np.array(slot[:2]), np.array(slot[2:]) - np.array(slot[:2])
                self.uv.append(low + np.array(place) * size)
                self.part.append(PART_NAMES.index(part))
        self.vertices.append(points.reshape(-1, 3))
        self.mirror.append(mirror)


def _tube(
    centre: tuple[float, float, float], radii: tuple[float, float, float], rings: int, columns: int
) -> np.ndarray:
    """(rings + 1, columns, 3): an ellipsoid from near its top to near its bottom, column 0 at the back."""
    polar = np.linspace(math.radians(12), math.radians(155), rings + 1)[:, None]
    azimuth = (-np.pi + 2 * np.pi * np.arange(columns) / columns)[None]
    across = np.sin(polar)
    unit = np.stack([across * np.sin(azimuth), np.cos(polar) + 0 * azimuth, across * np.cos(azimuth)], axis=-1)
    unit[np.abs(unit) < 1e-12] = 0
    return np.array(centre) + unit * np.array(radii)


def _turned(rings: int, columns: int, first: int) -> np.ndarray:
    """Rows of a tube with its columns in mirrored order."""
    order = (-np.arange(columns)) % columns
    return (first + np.arange(rings + 1)[:, None] * columns + order).reshape(-1)


def _mesh() -> _Builder:
    mesh = _Builder()
    skin = _tube((0, 0, 0), (0.75, 1.0, 0.8), RINGS, COLUMNS)
    mesh.grid(skin, (0.0, 0.0, 1.0, 0.86), "skin", True, _turned(RINGS, COLUMNS, 0))
    left, rings, columns = mesh.count, 3, 6
    size = (rings + 1) * columns
    for name, side, slot in (("eye_left", 1, (0.88, 0.88, 0.99, 0.99)), ("eye_right", -1, (0.01, 0.88, 0.12, 0.99))):
        ball = _tube((0.3 * side, 0.15, 0.66), (0.15, 0.15, 0.15), rings, columns)
        mesh.grid(ball, slot, name, True, _turned(rings, columns, left + size if side == 1 else left))
    for number, name in enumerate(_MOUTH_PARTS):
        x, y = np.meshgrid([-0.2, 0.0, 0.2], [-0.3 - 0.05 * number, -0.36 - 0.05 * number])
        patch = np.stack([x, y, np.full_like(x, 0.5 - 0.1 * number)], axis=-1)
        low = 0.88 + 0.028 * number
        mirror = mesh.count + np.array([2, 1, 0, 5, 4, 3])
        mesh.grid(patch, (0.3, low, 0.7, low + 0.024), name, False, mirror)
    return mesh


def _fields(vertices: torch.Tensor, mirror: torch.Tensor, signs: torch.Tensor, size: float, seed: int) -> torch.Tensor:
    """(K, V0, 3) smooth random displacements, even or odd under mirroring, that fade towards the neck."""
    source = torch.Generator().manual_seed(seed)
    flip = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    rows = []
    for sign in signs.tolist():
        frequency = 4 * torch.randn(3, 3, generator=source, dtype=torch.float64)
        phase = 6 * torch.rand(3, generator=source, dtype=torch.float64)
        wave = torch.sin(vertices @ frequency + phase)
        rows.append((wave + sign * wave[mirror] * flip) / 2)
    fade = ((vertices[:, 1] + 0.9) / 0.4).clamp(0, 1)
    return size * torch.stack(rows) * fade[:, None]


def _shade(vertices: torch.Tensor) -> torch.Tensor:
    """(V0, 9) what light from all around and from above loses at the sides and below, the same on both sides."""
    taken = torch.zeros(len(vertices), 9, dtype=torch.float64)
    taken[:, 0], taken[:, 1] = 0.02 + 0.05 * vertices[:, 0].abs(), -0.03 * vertices[:, 1]
    return taken.half()


def tiny_head(seed: int = 0) -> MorphableModel:
    """Build the head.

    Args:
        seed: of the bases and of the places of most landmarks.

    Returns:
        The model, float32, on the CPU.
    """
    mesh = _mesh()
    vertices = torch.from_numpy(np.concatenate(mesh.vertices))
    mirror = torch.from_numpy(np.concatenate(mesh.mirror))
    signs = torch.where(torch.arange(80) % 3 == 2, -1.0, 1.0)
    corner_uv = torch.from_numpy(np.stack(mesh.uv)).float()
    tensors = HeadTensors(
        mean=vertices.float(),
        identity_basis=_fields(vertices, mirror, signs, 0.03, seed).half(),
        expression_basis=_fields(vertices, mirror, torch.ones(64), 0.08, seed + 1).half(),
        quads=torch.from_numpy(np.stack(mesh.quads)).int(),
        quad_part=torch.tensor(mesh.part, dtype=torch.uint8),
        corner_uv=corner_uv,
        makehuman_corner_uv=corner_uv.clone(),
        mirror_index=mirror.int(),
        identity_mirror_sign=signs,
        expression_mirror=torch.arange(64, dtype=torch.int32),
        makehuman_index=2 * torch.arange(len(vertices), dtype=torch.int32),
        neck_ring=torch.arange(RINGS * COLUMNS, (RINGS + 1) * COLUMNS, dtype=torch.int32),
        landmark_vertices=torch.zeros(LANDMARK_COUNT, 3, dtype=torch.int32),
        landmark_weights=torch.full((LANDMARK_COUNT, 3), 1 / 3),
        origin_in_makehuman=torch.tensor([0.0, 7.0, 0.0]),
        self_shadow=_shade(vertices),
    )
    blank = MorphableModel(tensors, EXPRESSION_NAMES)
    triangles, weights = _landmarks(blank, seed)
    return MorphableModel(
        replace(tensors, landmark_vertices=triangles, landmark_weights=weights), EXPRESSION_NAMES
    ).eval()


def _landmarks(head: MorphableModel, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random places on the front of the skin, a few where their names say, five on each eye."""
    source = torch.Generator().manual_seed(seed + 2)
    topology = head.topology(1)
    rows = topology.geometry_index[topology.faces]
    centre = head.refine(head.mean[None], 1)[0][topology.faces].mean(dim=1)
    skin = topology.part == PART_NAMES.index("skin")
    front = torch.nonzero(skin & (centre[:, 2] > 0.1)).squeeze(1)
    chosen = front[torch.randint(len(front), (LANDMARK_COUNT,), generator=source)]
    for landmark, place in NAMED_LANDMARKS.items():
        distance = (centre - torch.tensor(place)).norm(dim=1)
        chosen[landmark] = torch.where(skin, distance, torch.inf).argmin()
    for first, name in ((468, "eye_right"), (473, "eye_left")):
        eye = torch.nonzero(topology.part == PART_NAMES.index(name)).squeeze(1)
        chosen[first : first + 5] = eye[centre[eye, 2].argsort(descending=True)[:5]]
    weights = 0.1 + torch.rand(LANDMARK_COUNT, 3, generator=source)
    return rows[chosen].int(), weights / weights.sum(dim=1, keepdim=True)
