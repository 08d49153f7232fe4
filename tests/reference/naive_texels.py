"""Which face covers each texel of an atlas, by looping over faces and texels."""

from __future__ import annotations

import torch

from stylefaceuv.types import MeshTopology


def covering_faces(topology: MeshTopology, resolution: int) -> dict[int, list[tuple[int, list[float]]]]:
    """Find, for each texel centre, the faces that hold it.

    Args:
        topology: the mesh.
        resolution: edge of the atlas, texels.

    Returns:
        By row * resolution + column: faces and barycentric weights, those on an edge included.
    """
    result: dict[int, list[tuple[int, list[float]]]] = {}
    corners = (topology.uv.double() * resolution)[topology.faces].tolist()
    for face, ((ax, ay), (bx, by), (cx, cy)) in enumerate(corners):
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        for row in range(max(int(min(ay, by, cy)) - 1, 0), min(int(max(ay, by, cy)) + 2, resolution)):
            for column in range(max(int(min(ax, bx, cx)) - 1, 0), min(int(max(ax, bx, cx)) + 2, resolution)):
                x, y = column + 0.5, row + 0.5
                second = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
                third = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
                weights = [1 - second - third, second, third]
                if min(weights) >= -1e-9:
                    result.setdefault(row * resolution + column, []).append((face, weights))
    return result


def is_sure(covering: list[tuple[int, list[float]]], margin: float = 1e-3) -> bool:
    """Tell whether one face holds the texel, well inside its edges."""
    return len(covering) == 1 and min(covering[0][1]) > margin


def as_tensor(topology: MeshTopology, covering: tuple[int, list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the corners (3,) and weights (3,) of one entry."""
    return topology.faces[covering[0]], torch.tensor(covering[1])
