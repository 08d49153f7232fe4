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


def mean_normals(model: MorphableModel) -> torch.Tensor:
    """Normals of the mean head's cage, (V0, 3) float, unit length.

    Args:
        model: the head.
    """
    topology, normals = model.topology(0), torch.zeros_like(model.mean)
    normals[topology.geometry_index] = VertexNormals(topology, model.mean)(model.refine(model.mean[None], 0))[0]
    return normals
