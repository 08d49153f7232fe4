"""Which surface point each texel of the head atlas shows: fixed for a topology, shared by all heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.weighted_rows import weighted_rows
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.types import MeshTopology


@dataclass(frozen=True)
class TexelGeometry:
    """Surface point under each covered texel of a square atlas.

    Attributes:
        resolution: edge R of the atlas in texels.
        flat_index: (T,) int64, row * R + column of each covered texel.
        corners: (T, 3) int64, vertex rows of the face under the texel.
        barycentric: (T, 3) float32, weights of those corners, summing to 1.
        part: (T,) uint8, index into ``PART_NAMES``.
    """

    resolution: int
    flat_index: torch.Tensor
    corners: torch.Tensor
    barycentric: torch.Tensor
    part: torch.Tensor

    def at(self, rows: torch.Tensor) -> TexelGeometry:
        """Return the geometry of some of the texels.

        Args:
            rows: (M,) int64, or (T,) bool.

        Returns:
            Their own, in the same atlas.
        """
        kept = (each[rows] for each in (self.flat_index, self.corners, self.barycentric, self.part))
        return TexelGeometry(self.resolution, *kept)

    def interpolate(self, vertex_values: torch.Tensor) -> torch.Tensor:
        """Interpolate per-vertex values at the texels.

        Args:
            vertex_values: (V, C) float.

        Returns:
            (T, C) float.
        """
        return weighted_rows(vertex_values, self.corners, self.barycentric)

    def scatter(self, texel_values: torch.Tensor, fill: float = 0.0) -> torch.Tensor:
        """Lay per-texel values out as an image.

        Args:
            texel_values: (T, C) float.
            fill: value of texels that no face covers.

        Returns:
            (C, R, R) float.
        """
        channels = texel_values.shape[1]
        image = texel_values.new_full((self.resolution**2, channels), fill)
        image[self.flat_index] = texel_values
        return image.T.reshape(channels, self.resolution, self.resolution)

    def gather(self, image: torch.Tensor) -> torch.Tensor:
        """Read an atlas image at the covered texels: the inverse of :meth:`scatter`.

        Args:
            image: (C, R, R) float.

        Returns:
            (T, C) float, a texel's channels side by side: what averages texels reads whole rows.
        """
        return image.reshape(image.shape[0], -1).T[self.flat_index]


def texel_geometry(topology: MeshTopology, resolution: int) -> TexelGeometry:
    """Rasterise a topology into its own atlas.

    Args:
        topology: the mesh; its ``uv`` decides where each face lies.
        resolution: edge of the atlas, texels.

    Returns:
        The surface point of every covered texel.

    Raises:
        InvalidArgumentError: the resolution is not positive.
    """
    if resolution <= 0:
        raise InvalidArgumentError("resolution", "a positive number of texels", resolution)
    uv = topology.uv * resolution
    screen = torch.cat([uv, torch.ones_like(uv[:, :1])], dim=1)
    face_of_texel = rasterize(screen[None], topology.faces, resolution, resolution).pix_to_face[0].reshape(-1)
    flat_index = torch.nonzero(face_of_texel >= 0).squeeze(1)
    face = face_of_texel[flat_index]
    corners = topology.faces[face]
    centre = torch.stack([flat_index % resolution, flat_index // resolution], dim=1).to(uv.dtype) + 0.5
    barycentric = _barycentric_in_plane(uv[corners], centre)
    part = topology.part[face]
    return TexelGeometry(resolution, flat_index, corners, barycentric, part)


def _barycentric_in_plane(triangles: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Barycentric coordinates of (T, 2) points in (T, 3, 2) triangles, (T, 3)."""
    first, second, third = triangles.unbind(1)
    edge_a, edge_b, offset = second - first, third - first, points - first
    area = edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]
    weight_b = (offset[:, 0] * edge_b[:, 1] - offset[:, 1] * edge_b[:, 0]) / area
    weight_c = (edge_a[:, 0] * offset[:, 1] - edge_a[:, 1] * offset[:, 0]) / area
    return torch.stack([1 - weight_b - weight_c, weight_b, weight_c], dim=1)
