"""A head-like mesh with all seven parts and 52 morph targets, made in milliseconds; no weights needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stylefaceuv.export.normal_map import vertex_normals
from stylefaceuv.face_model.arkit import ARKIT_NAMES
from stylefaceuv.types import PART_NAMES, FaceMesh, MorphTargets, Provenance, UVMaps

# part: centre, radii (metres), chart (left, top, width, height), share of the grid
PARTS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, ...], float]] = {
    "skin": ((0, 0, 0), (0.075, 0.11, 0.09), (0.01, 0.01, 0.98, 0.73), 1.0),
    "mouth": ((0, -0.05, 0.06), (0.02, 0.01, 0.02), (0.02, 0.76, 0.2, 0.2), 0.25),
    "eye_left": ((0.03, 0.03, 0.08), (0.013, 0.013, 0.013), (0.56, 0.76, 0.2, 0.2), 0.3),
    "eye_right": ((-0.03, 0.03, 0.08), (0.013, 0.013, 0.013), (0.78, 0.76, 0.2, 0.2), 0.3),
    "teeth_upper": ((0, -0.045, 0.065), (0.015, 0.004, 0.01), (0.24, 0.76, 0.13, 0.09), 0.2),
    "teeth_lower": ((0, -0.055, 0.065), (0.015, 0.004, 0.01), (0.24, 0.87, 0.13, 0.09), 0.2),
    "tongue": ((0, -0.052, 0.055), (0.01, 0.004, 0.015), (0.39, 0.76, 0.15, 0.2), 0.2),
}


def _patch(part: str, rows: int, columns: int) -> tuple[npt.NDArray[np.float64], ...]:
    """An ellipsoid without its poles, its seam at the back: points, chart, triangles, unsplit numbers."""
    centre, radii, (left, top, width, height), share = PARTS[part]
    rows, columns = max(4, int(rows * share)), max(6, int(columns * share))
    down, across = np.meshgrid(np.linspace(0.02, 0.98, rows), np.linspace(0, 1, columns + 1), indexing="ij")
    polar, turn = down * np.pi, (across - 0.5) * 2 * np.pi
    turn[:, -1] = turn[:, 0]  # the seam is closed to the last bit
    unit = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=-1)
    points = unit * radii + centre
    chart = np.stack([left + width * across, top + height * down], axis=-1)
    number = np.arange(rows * (columns + 1)).reshape(rows, columns + 1)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    geometry = number - np.arange(rows)[:, None]
    geometry[:, -1] = geometry[:, 0]
    return points.reshape(-1, 3), chart.reshape(-1, 2), faces, geometry.ravel()


def make_mesh(rows: int = 48, columns: int = 80, seed: int = 0) -> FaceMesh:
    """About ``rows * columns * 1.4`` vertices."""
    random = np.random.default_rng(seed)
    points, charts, faces, geometry, parts = [], [], [], [], []
    rows_so_far = points_so_far = 0
    for name in PART_NAMES:
        patch, chart, triangles, numbers = _patch(name, rows, columns)
        points.append(patch)
        charts.append(chart)
        faces.append(triangles + rows_so_far)
        geometry.append(numbers + points_so_far)
        parts.append(np.full(len(triangles), PART_NAMES.index(name), np.uint8))
        rows_so_far += len(patch)
        points_so_far += int(numbers.max()) + 1
    vertices = np.concatenate(points).astype(np.float32)
    index = np.concatenate(geometry).astype(np.int64)
    vertices *= 1 + random.normal(0, 0.002, (points_so_far, 1)).astype(np.float32)[index]
    corners = np.concatenate(faces).astype(np.int32)
    uv = np.concatenate(charts).astype(np.float32)
    normals = vertex_normals(vertices, corners, index)
    second, part = (uv * 0.3).astype(np.float32), np.concatenate(parts)
    occlusion = (1 - 0.4 * uv[:, 0]).astype(np.float32)
    return FaceMesh(vertices, corners, uv, second, normals, part, index, index.copy(), occlusion)


def make_morphs(mesh: FaceMesh, seed: int = 0) -> MorphTargets:
    """Smooth bumps on the face; the gaze targets turn one eye."""
    random = np.random.default_rng(seed)
    deltas = np.zeros((len(ARKIT_NAMES), len(mesh.vertices), 3), np.float32)
    for delta, name in zip(deltas, ARKIT_NAMES, strict=True):
        centre = random.uniform((-0.06, -0.09, 0.03), (0.06, 0.09, 0.09))
        distance = np.linalg.norm(mesh.vertices - centre, axis=1) / 0.045
        bump = np.clip(1 - distance**2, 0, None) ** 2
        delta[:] = bump[:, None] * random.normal(0, 0.006, 3)
        if name.startswith("eyeLook"):
            part = PART_NAMES.index("eye_left" if name.endswith("Left") else "eye_right")
            rows = np.unique(mesh.faces[mesh.part == part])
            local = mesh.vertices[rows] - mesh.vertices[rows].mean(axis=0)
            delta[rows] = np.cross([0.3, 0.2, 0], local)
    return MorphTargets(ARKIT_NAMES, deltas)


def make_maps(size: int = 1024, displacement_size: int = 256, seed: int = 0, reach: float = 0.5) -> UVMaps:
    """Skin-like colours and a smooth displacement of up to ``reach`` millimetres."""
    random = np.random.default_rng(seed)
    noise = _smooth_noise(random, size, 3)
    colour = np.clip((np.array([200, 160, 140]) + 25 * noise), 0, 255).astype(np.uint8)
    displacement = (reach * _smooth_noise(random, displacement_size, 3)).astype(np.float32)
    return UVMaps(colour, displacement, np.ones((size, size), np.float32))


def _smooth_noise(random: np.random.Generator, size: int, channels: int) -> npt.NDArray[np.float64]:
    grid = np.linspace(0, 2 * np.pi, size)
    result = np.zeros((size, size, channels))
    for frequency in (1, 3, 7, 17, 31):
        phase = random.uniform(0, 2 * np.pi, (2, channels))
        wave = np.sin(frequency * grid[:, None, None] + phase[0]) * np.sin(frequency * grid[None, :, None] + phase[1])
        result += wave / np.sqrt(frequency)
    return result / np.abs(result).max()


def make_provenance(seed: int | None = 7) -> Provenance:
    return Provenance(
        "0.1.0",
        seed=seed,
        index=0,
        truncation=0.7,
        weights={"generator.safetensors": "ab" * 32, "face_model.safetensors": "cd" * 32},
        licences={"head mesh": "CC0 (MakeHuman)", "generator": "non-commercial research (NVIDIA StyleGAN2/FFHQ)"},
    )
