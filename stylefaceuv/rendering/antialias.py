"""Blends colours across silhouettes, so that outlines are smooth and vertices have gradients there.

Rasterisation is a step function of the vertices. Here every silhouette edge is cut with the lines through the pixel
centres; between two neighbouring centres the cut says which share of a pixel the far side has, and that share is a
smooth function of the edge's two ends. Source: the idea of Laine et al., Modular primitives for high-performance
differentiable rendering (2020), section 3.5; there the edges of the visible triangle are tried, which misses
silhouettes where triangles are smaller than pixels, so here the edges themselves are walked along.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.rendering.rasterizer import Fragments
from stylefaceuv.types import MeshTopology

_DEPTH_SLACK = 1e-6


@dataclass(frozen=True)
class MeshEdges:
    """The edges of a mesh without its texture seams.

    Attributes:
        ends: (E, 2) int64, vertex rows.
        opposite: (E, 2) int64, the third vertices of the two faces at the edge; twice the same on a border.
    """

    ends: torch.Tensor
    opposite: torch.Tensor


@dataclass(frozen=True)
class _Crossings:
    """Where silhouette edges cross lines of pixel centres, each between two neighbouring centres.

    Attributes:
        near: (K,) int64, flat pixel (of the batch) on the side of the edge's own faces.
        far: (K,) int64, flat pixel on the other side.
        position: (K,) float in [0, 1], from the near centre to the far one, differentiable.
        inverse_depth: (K,) float, of the edge there.
    """

    near: torch.Tensor
    far: torch.Tensor
    position: torch.Tensor
    inverse_depth: torch.Tensor

    def pick(self, rows: torch.Tensor) -> _Crossings:
        """Return some of the crossings; a mask or row numbers."""
        return _Crossings(self.near[rows], self.far[rows], self.position[rows], self.inverse_depth[rows])


def mesh_edges(topology: MeshTopology) -> MeshEdges:
    """List the edges of a mesh; rows on both sides of a texture seam count as one vertex.

    Args:
        topology: the mesh.
    """
    corners = torch.stack([topology.faces.roll(-shift, dims=1) for shift in range(3)], dim=1).reshape(-1, 3)
    unsplit = topology.geometry_index[corners[:, :2]].sort(dim=1).values
    key = unsplit[:, 0] * len(topology.geometry_index) + unsplit[:, 1]
    key, order = key.sort(stable=True)
    corners = corners[order]
    _, counts = torch.unique_consecutive(key, return_counts=True)
    last = counts.cumsum(0) - 1
    first = last - counts + 1
    return MeshEdges(corners[first, :2], torch.stack([corners[first, 2], corners[last, 2]], dim=1))


def antialias(
    picture: torch.Tensor, fragments: Fragments, vertices_screen: torch.Tensor, edges: MeshEdges
) -> torch.Tensor:
    """Blend a picture across the mesh's silhouettes.

    Args:
        picture: (N, C, H, W) float, sampled at pixel centres; colours premultiplied by coverage.
        fragments: of the same vertices.
        vertices_screen: (N, V, 3) float: x px, y px, depth in decimetres.
        edges: of the mesh.

    Returns:
        (N, C, H, W) float, differentiable in the picture and in the vertices on silhouettes.
    """
    batch, channels, height, width = picture.shape
    flat = picture.permute(0, 2, 3, 1).reshape(-1, channels)
    item, edge = _silhouettes(vertices_screen.detach(), edges)
    ends = vertices_screen[item[:, None], edges.ends[edge]]
    beside = vertices_screen.detach()[item, edges.opposite[edge, 0]]
    changes = []
    for axis in (0, 1):
        crossings = _crossings(item, ends, beside, axis, height, width)
        crossings = _visible(crossings, fragments.inverse_depth.reshape(-1).to(picture.dtype))
        step = flat[crossings.far] - flat[crossings.near]
        share = crossings.position - 0.5  # of the far pixel that the near side covers; below 0 the other way round
        changes.append((crossings.far, -share.clamp_min(0)[:, None] * step))
        changes.append((crossings.near, (-share).clamp_min(0)[:, None] * step))
    pixel, change = (torch.cat(parts) for parts in zip(*changes, strict=True))
    return flat.index_add(0, pixel, change).view(batch, height, width, channels).permute(0, 3, 1, 2)


def _silhouettes(screen: torch.Tensor, edges: MeshEdges) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (item, edge) of the edges whose faces lie on one side of them in the picture."""
    start, end = screen[:, edges.ends[:, 0]], screen[:, edges.ends[:, 1]]
    sides = []
    for face in (0, 1):
        third = screen[:, edges.opposite[:, face]]
        along, across = end - start, third - start
        sides.append(along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0])
    in_front = (start[..., 2] > 0) & (end[..., 2] > 0)
    item, edge = torch.nonzero((sides[0] * sides[1] > 0) & in_front, as_tuple=True)
    return item, edge


def _crossings(
    item: torch.Tensor, ends: torch.Tensor, beside: torch.Tensor, axis: int, height: int, width: int
) -> _Crossings:
    """Cut edges with rows of pixel centres (axis 0) or columns (axis 1): those edges that are steep against the line.

    Args:
        item: (S,) int64, row in the batch of each edge.
        ends: (S, 2, 3) float, screen positions of the edge's ends.
        beside: (S, 3) float, third vertex of a face at the edge.
        axis: coordinate along the lines, 0 is x.
        height: pixels.
        width: pixels.
    """
    lines, length = (height, width) if axis == 0 else (width, height)
    extent = (ends[:, 1] - ends[:, 0]).detach().abs()
    steep = extent[:, 1] >= extent[:, 0] if axis == 0 else extent[:, 0] > extent[:, 1]
    steep = steep & (extent[:, 1 - axis] > 0)
    item, ends, beside = item[steep], ends[steep], beside[steep]
    level = ends[..., 1 - axis]  # (S, 2), across the lines
    # Lines with start <= centre < end, so that a line through a shared end is cut once.
    first = torch.ceil(level.detach().amin(1) - 0.5).clamp(0, lines).to(torch.int64)
    stop = torch.ceil(level.detach().amax(1) - 0.5).clamp(0, lines).to(torch.int64)
    counts = stop - first
    edge = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    line = torch.arange(len(edge), device=edge.device) - (counts.cumsum(0) - counts - first).repeat_interleave(counts)
    slope = (ends[:, 1, axis] - ends[:, 0, axis]) / (level[:, 1] - level[:, 0])
    place = ends[edge, 0, axis] + (line + 0.5 - level[edge, 0]) * slope[edge]
    left = torch.floor(place.detach() - 0.5)
    inner = (left >= 0) & (left < length - 1)
    edge, line, place, left = edge[inner], line[inner], place[inner], left[inner]
    offset = place - (left + 0.5)  # from the left (upper) centre
    mesh_right = beside[:, axis] > (ends[:, 0, axis] + (beside[:, 1 - axis] - level[:, 0]) * slope).detach()
    share = ((line + 0.5 - level[edge, 0]) / (level[edge, 1] - level[edge, 0])).detach()
    inverse = (1 / ends[..., 2]).detach()
    inverse_depth = inverse[edge, 0] + share * (inverse[edge, 1] - inverse[edge, 0])
    along, across = (1, width) if axis == 0 else (width, 1)
    lower = item[edge] * (height * width) + line * across + left.to(torch.int64) * along
    upper = lower + along
    right = mesh_right[edge]
    near, far = torch.where(right, upper, lower), torch.where(right, lower, upper)
    return _Crossings(near, far, torch.where(right, 1 - offset, offset), inverse_depth)


def _visible(crossings: _Crossings, inverse_depth: torch.Tensor) -> _Crossings:
    """Keep the crossings that part what the two pixels see, one for each pair of pixels.

    A hidden edge lies behind what the far pixel sees. The near pixel must see the edge's own side, or something
    nearer: then a nearer silhouette crosses between the two, and the nearest is kept.
    """
    near, far, edge = inverse_depth[crossings.near], inverse_depth[crossings.far], crossings.inverse_depth
    in_front = edge > far * (1 + _DEPTH_SLACK)
    parted = near - far > 0.5 * (edge - far)
    crossings = crossings.pick(torch.nonzero(in_front & parted).squeeze(1))
    pair = torch.minimum(crossings.near, crossings.far)
    _, group = torch.unique(pair, return_inverse=True)
    count = len(pair)
    nearest = crossings.inverse_depth.new_zeros(count).scatter_reduce(0, group, crossings.inverse_depth, "amax")
    rows = torch.arange(count, device=pair.device)
    best = torch.where(crossings.inverse_depth == nearest[group], rows, count)
    chosen = torch.full_like(rows, count).scatter_reduce(0, group, best, "amin")
    return crossings.pick(chosen[chosen < count])
