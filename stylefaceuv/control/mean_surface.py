"""Parts and normals of a mean head's cage, which the rig's pieces read once."""

from __future__ import annotations

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.types import PART_NAMES


def part_rows(model: MorphableModel, part: str) -> torch.Tensor:
    """Cage vertices of a part, int64, ascending.

    Args:
        model: the head.
        part: one of ``PART_NAMES``.
    """
    return model.quads[model.quad_part == PART_NAMES.index(part)].long().unique()


def part_mask(model: MorphableModel, part: str) -> torch.Tensor:
    """Which cage vertices belong to a part, (V0,) bool.

    Args:
        model: the head.
        part: one of ``PART_NAMES``.
    """
    mask = torch.zeros(len(model.mean), dtype=torch.bool, device=model.mean.device)
    mask[part_rows(model, part)] = True
    return mask


def mean_normals(model: MorphableModel) -> torch.Tensor:
    """Normals of the mean head's cage, (V0, 3) float, unit length.

    Args:
        model: the head.
    """
    topology, normals = model.topology(0), torch.zeros_like(model.mean)
    normals[topology.geometry_index] = VertexNormals(topology, model.mean)(model.refine(model.mean[None], 0))[0]
    return normals


def smoothed(model: MorphableModel, values: torch.Tensor, rounds: int) -> torch.Tensor:
    """Average values with those of their neighbours along the cage.

    Args:
        model: the head.
        values: (V0,) or (V0, C) float.
        rounds: how often; each mixes a vertex with the mean of its neighbours, half and half.

    Returns:
        The same shape.
    """
    ends = torch.stack([model.quads, model.quads.roll(-1, dims=1)], dim=-1).reshape(-1, 2)
    ends = torch.cat([ends, ends.flip(1)]).unique(dim=0)
    degree = torch.bincount(ends[:, 0], minlength=len(values)).clamp_min(1).to(values)
    for _ in range(rounds):
        total = torch.zeros_like(values).index_add(0, ends[:, 0], values[ends[:, 1]])
        values = (values + total / degree.view(-1, *(1,) * (values.ndim - 1))) / 2
    return values
