"""Attributes of the samples of those pixels that a mesh covers: background costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as functional

from stylefaceuv.rendering.rasterizer import Fragments


@dataclass(frozen=True)
class CoveredPixels:
    """The pixels of a batch with at least one covered sample; each has S x S samples.

    Attributes:
        shape: N, H, W of the picture, in pixels.
        rows: (P,) int64, flat pixel of the batch, ascending.
        face: (P, S * S) int64, triangle of each sample; -1 where it sees nothing.
        centre: (P, S * S, 2) float, x and y of each sample, in units of samples.
    """

    shape: tuple[int, int, int]
    rows: torch.Tensor
    face: torch.Tensor
    centre: torch.Tensor

    @property
    def item(self) -> torch.Tensor:
        """(P,) int64, row in the batch of each pixel."""
        return torch.div(self.rows, self.shape[1] * self.shape[2], rounding_mode="floor")

    def by_item(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sort values of the covered pixels by item of the batch.

        Args:
            values: (P, ...) float.

        Returns:
            (P,) int64, where each value is in the second, flattened over its first two axes; and (N, M, ...), M the
            pixels of the item that has most of them, 0 where another has fewer.
        """
        count, item = self.shape[0], self.item
        if count == 1:
            return torch.arange(len(values), device=values.device), values[None]
        counts = torch.bincount(item, minlength=count)
        longest = int(counts.max()) if count else 0
        rows = torch.arange(len(values), device=values.device) - (counts.cumsum(0) - counts)[item] + item * longest
        padded = values.new_zeros(count * longest, *values.shape[1:]).index_copy(0, rows, values)
        return rows, padded.unflatten(0, (count, longest))

    def interpolate(self, vertices_screen: torch.Tensor, values: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """Interpolate vertex values at the samples, perspective-correct, differentiable in both.

        Args:
            vertices_screen: (N, V, 3) float: x and y in units of samples, depth in decimetres.
            values: (N, V, C) float.
            faces: (F, 3) int64.

        Returns:
            (P, S * S, C) float, 0 where a sample sees nothing.
        """
        table = torch.cat([vertices_screen, values], dim=-1)
        corner = faces[self.face.clamp_min(0)] + (self.item * table.shape[1])[:, None, None]
        corners = functional.embedding(corner, table.flatten(0, 1))  # (P, S * S, 3, 3 + C)
        wa, wb, wc = self._weights(corners[..., :3])
        a, b, c = corners[..., 3:].unbind(-2)
        return a * wa[..., None] + b * wb[..., None] + c * wc[..., None]

    def _weights(self, screen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Barycentric coordinates of the samples, each (P, S * S); 0 where one sees nothing."""
        x, y = (screen[..., axis] - self.centre[..., axis, None] for axis in (0, 1))
        (ax, bx, cx), (ay, by, cy), (za, zb, zc) = x.unbind(-1), y.unbind(-1), screen[..., 2].unbind(-1)
        wa, wb, wc = (bx * cy - by * cx) / za, (cx * ay - cy * ax) / zb, (ax * by - ay * bx) / zc
        total = wa + wb + wc
        valid = (self.face >= 0) & (total != 0)
        scale = torch.where(valid, 1 / torch.where(valid, total, 1), 0)
        return wa * scale, wb * scale, wc * scale

    def spread(self, means: torch.Tensor) -> torch.Tensor:
        """Return pixel values (P, C) as a picture (N, C, H, W), 0 where nothing is covered."""
        batch, height, width = self.shape
        flat = means.new_zeros(batch * height * width, means.shape[1]).index_copy(0, self.rows, means)
        return flat.view(batch, height, width, means.shape[1]).permute(0, 3, 1, 2)


def covered_pixels(fragments: Fragments, supersample: int, dtype: torch.dtype, top: int = 0) -> CoveredPixels:
    """List the covered pixels of rasterised pictures.

    Args:
        fragments: at the sampling resolution.
        supersample: S, samples a pixel along each axis; divides height and width of the fragments.
        dtype: of the sample positions.
        top: row of the picture, in pixels, where the fragments begin.
    """
    batch, fine_height, fine_width = fragments.pix_to_face.shape
    height, width = fine_height // supersample, fine_width // supersample
    offsets = [(line, column) for line in range(supersample) for column in range(supersample)]
    samples = [fragments.pix_to_face[:, line::supersample, column::supersample].reshape(-1) for line, column in offsets]
    rows = torch.nonzero(reduce(torch.maximum, samples) >= 0).squeeze(1)
    face = torch.stack([sample[rows] for sample in samples], dim=1)
    place = torch.arange(supersample, device=rows.device, dtype=dtype) + 0.5
    within = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=-1).view(1, -1, 2)
    column, line = rows % width, torch.div(rows, width, rounding_mode="floor") % height
    corner = torch.stack([column, line + top], dim=-1).to(dtype)[:, None] * supersample
    return CoveredPixels((batch, height, width), rows, face, corner + within)
