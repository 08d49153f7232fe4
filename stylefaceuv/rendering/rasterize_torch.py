"""Rasterisation in plain torch, on any device: candidate pixels of many triangles at a time."""

from __future__ import annotations

import torch

SUBPIXEL = 4096
_HALF = SUBPIXEL // 2
_CANDIDATES = 4_000_000


def rasterize_torch(
    vertices: torch.Tensor, faces: torch.Tensor, height: int, width: int, top: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rasterise as :func:`stylefaceuv.rendering.rasterizer.rasterize` says; arguments are checked there.

    Args:
        vertices: (N, V, 3) float.
        faces: (F, 3) int64.
        height: pixels.
        width: pixels.
        top: row of the first pixels.

    Returns:
        (N, H, W) int64 and (N, H, W) float32.
    """
    results = [_one(points, faces, height, width, top) for points in vertices.detach().to(torch.float64)]
    if not results:
        empty = torch.zeros(0, height, width, device=vertices.device)
        return empty.to(torch.int64), empty
    pix_to_face, inverse_depth = zip(*results, strict=True)
    return torch.stack(pix_to_face), torch.stack(inverse_depth).to(torch.float32)


def _one(
    points: torch.Tensor, faces: torch.Tensor, height: int, width: int, top: int
) -> tuple[torch.Tensor, torch.Tensor]:
    fixed = torch.round(points[:, :2] * SUBPIXEL).to(torch.int64)
    fixed[:, 1] -= top * SUBPIXEL
    depth = points[:, 2]
    inverse = torch.where(depth > 0, 1.0 / torch.where(depth > 0, depth, 1.0), -1.0)
    corners, corner_inverse = fixed[faces], inverse[faces]  # (F, 3, 2), (F, 3)
    low = -torch.div(_HALF - corners.amin(1), SUBPIXEL, rounding_mode="floor")
    high = torch.div(corners.amax(1) - _HALF, SUBPIXEL, rounding_mode="floor")
    low = low.clamp_min(0)
    high = torch.minimum(high, high.new_tensor([width - 1, height - 1]))
    extent = (high - low + 1).clamp_min(0)
    area = _edge(corners[:, 0], corners[:, 1], corners[:, 2])
    drawn = (extent.prod(1) > 0) & (area != 0) & (corner_inverse > 0).all(1)
    rows = torch.nonzero(drawn).squeeze(1)
    best = torch.zeros(height * width, dtype=torch.float64, device=points.device)
    winner = torch.full((height * width,), -1, dtype=torch.int64, device=points.device)
    for part in _chunks(rows, extent.prod(1)):
        _draw(part, corners, corner_inverse, area, low, extent, width, best, winner)
    return winner.reshape(height, width), best.reshape(height, width)


def _chunks(rows: torch.Tensor, sizes: torch.Tensor) -> list[torch.Tensor]:
    """Split triangles, in order, so that each part has a bounded number of candidate pixels."""
    if len(rows) == 0:
        return []
    number = torch.div(sizes[rows].cumsum(0), _CANDIDATES, rounding_mode="floor")
    _, counts = torch.unique_consecutive(number, return_counts=True)
    return list(rows.split(counts.tolist()))


def _edge(a: torch.Tensor, b: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    return (b[:, 0] - a[:, 0]) * (p[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (p[:, 0] - a[:, 0])


def _top_left_bias(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """0 on top and left edges, which own the pixel centres on them, else -1."""
    owns = (b[:, 1] < a[:, 1]) | ((b[:, 1] == a[:, 1]) & (b[:, 0] > a[:, 0]))
    return owns.to(torch.int64) - 1


def _draw(
    rows: torch.Tensor,
    corners: torch.Tensor,
    inverse: torch.Tensor,
    area: torch.Tensor,
    low: torch.Tensor,
    extent: torch.Tensor,
    width: int,
    best: torch.Tensor,
    winner: torch.Tensor,
) -> None:
    """Draw triangles into ``best`` and ``winner``."""
    counts = extent[rows].prod(1)
    face = rows.repeat_interleave(counts)
    place = torch.arange(len(face), device=face.device) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    column = low[face, 0] + place % extent[face, 0]
    row = low[face, 1] + torch.div(place, extent[face, 0], rounding_mode="floor")
    centre = torch.stack([column, row], 1) * SUBPIXEL + _HALF
    flipped = (area[face] < 0)[:, None]
    a = corners[face, 0]
    b = torch.where(flipped, corners[face, 2], corners[face, 1])
    c = torch.where(flipped, corners[face, 1], corners[face, 2])
    ib = torch.where(flipped[:, 0], inverse[face, 2], inverse[face, 1])
    ic = torch.where(flipped[:, 0], inverse[face, 1], inverse[face, 2])
    wa, wb, wc = _edge(b, c, centre), _edge(c, a, centre), _edge(a, b, centre)
    inside = (wa + _top_left_bias(b, c) >= 0) & (wb + _top_left_bias(c, a) >= 0) & (wc + _top_left_bias(a, b) >= 0)
    weighted = wa.double() * inverse[face, 0] + wb.double() * ib + wc.double() * ic
    value = (weighted / area[face].abs().double())[inside]
    pixel, face = (row * width + column)[inside], face[inside]
    reached = torch.zeros_like(best).scatter_reduce_(0, pixel, value, "amax")
    lowest = torch.full_like(winner, torch.iinfo(torch.int64).max)
    top = value == reached[pixel]
    lowest.scatter_reduce_(0, pixel[top], face[top], "amin")
    nearer = reached > best
    best[nearer], winner[nearer] = reached[nearer], lowest[nearer]
