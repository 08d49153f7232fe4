"""Finds out once how the head shadows itself, so that ears, neck and the skin behind the ears are as dark as they are.

    python -m stylefaceuv.training self-shadow --face-model OLD.safetensors --out NEW.safetensors

The mean head is looked at from many sides. A vertex that another part hides from a side gets no light from there; how
much of each spherical harmonic it misses is stored at the cage's vertices (``rendering/self_shadow.py`` uses it). The
skin near the landmarks stays as it is: there the diffuse map comes from a photo and has that shade in it already.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional

from stylefaceuv.control.mean_surface import part_mask, smoothed
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.rendering.lighting import LOBE, ODD_IN_X, sh_basis
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.rendering.self_shadow import even_directions
from stylefaceuv.rendering.vertex_normals import VertexNormals
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser

SIDES, SIZE = 400, 512
"""Directions looked from, and edge of each view in pixels."""
OFF_SURFACE_DM = 0.015
"""A vertex is tested so far above the surface, so that the surface around it does not hide it."""
SENT_BACK = 0.3
"""Skin that hides the light sends about so much of it on: shade between skin and skin is less deep by that."""
_ROUNDS = 2
"""Of smoothing: the creases behind ears are black lines without."""
_BEYOND_LANDMARKS = (0.10, 0.45)
_LEVEL, _FAR_DM = 1, 100.0


def self_shadow(
    vertices: torch.Tensor, normals: torch.Tensor, faces: torch.Tensor, sides: int = SIDES, size: int = SIZE
) -> torch.Tensor:
    """Compute what a surface takes from each harmonic of a distant light.

    Args:
        vertices: (V, 3) float, decimetres.
        normals: (V, 3) float, unit length.
        faces: (F, 3) int64.
        sides: directions looked from.
        size: edge of each view, pixels.

    Returns:
        (V, 9) float: with light L, (9, 3), a vertex has ``(sh_basis(normal) - result) @ L``.
    """
    centred = vertices - (vertices.amax(dim=0) + vertices.amin(dim=0)) / 2
    scale = size / (2.05 * float(centred.norm(dim=1).max()))
    taken = vertices.new_zeros(len(vertices), 9)
    for side in even_directions(sides).to(vertices):
        hidden = 1 - _visible(centred, normals, faces, side, scale, size)
        facing = (normals @ side).clamp_min(0)
        taken += sh_basis(side) * (hidden * facing)[:, None]
    return taken * (4 * math.pi / sides / math.pi) / taken.new_tensor(LOBE)


def _visible(
    points: torch.Tensor, normals: torch.Tensor, faces: torch.Tensor, side: torch.Tensor, scale: float, size: int
) -> torch.Tensor:
    """(V,) in [0, 1]: whether each point is seen from a side, by the depths of the four pixels around it."""
    frame = _frame(side) * scale
    frame[2] /= -scale  # depth grows away from the viewer, and stays in decimetres

    def project(place: torch.Tensor) -> torch.Tensor:
        return place @ frame.T + place.new_tensor([size / 2, size / 2, _FAR_DM])

    fragments = rasterize(project(points)[None], faces, size, size)
    depth = torch.where(fragments.pix_to_face >= 0, 1 / fragments.inverse_depth.clamp_min(1e-9), 2 * _FAR_DM)[0]
    above = project(points + OFF_SURFACE_DM * normals)
    corner, share = (above[:, :2] - 0.5).floor().long(), (above[:, :2] - 0.5) - (above[:, :2] - 0.5).floor()
    seen = torch.zeros_like(points[:, 0])
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = ((corner[:, axis] + step).clamp(0, size - 1) for axis, step in ((0, right), (1, down)))
        weight = (share[:, 0] if right else 1 - share[:, 0]) * (share[:, 1] if down else 1 - share[:, 1])
        seen += weight * (above[:, 2] <= depth[row, column] + OFF_SURFACE_DM)
    return seen


def _frame(side: torch.Tensor) -> torch.Tensor:
    """(3, 3): two directions across a view, and the one towards the viewer."""
    up = side.new_tensor([0.0, 1.0, 0.0] if abs(float(side[1])) < 0.9 else [1.0, 0.0, 0.0])
    right = functional.normalize(torch.linalg.cross(up, side), dim=0)
    return torch.stack([right, torch.linalg.cross(right, side), side])


def own_shade_weight(model: MorphableModel) -> torch.Tensor:
    """Tell where the head's shade is not in the diffuse map already.

    Args:
        model: the head.

    Returns:
        (V0,) float in [0, 1]: 1 on skin away from the landmarks, 0 near them and on eyes, teeth and tongue.
    """
    far = torch.cdist(model.mean, model.landmarks(model.mean[None])[0]).amin(dim=1)
    return part_mask(model, "skin") * smoothstep(far, _BEYOND_LANDMARKS)


def cast_shadows(model: MorphableModel, sides: int = SIDES, size: int = SIZE) -> None:
    """Store what the mean head takes from each harmonic, in place.

    Args:
        model: the head; stays mirror-symmetric.
        sides: directions looked from.
        size: edge of each view, pixels.
    """
    topology = model.topology(_LEVEL)
    vertices = model.refine(model.mean[None], _LEVEL)
    normals = VertexNormals(topology, vertices)(vertices)
    fine = self_shadow(vertices[0], normals[0], topology.faces, sides, size)
    at_cage = model.mean.new_zeros(len(model.mean), 9)
    first = topology.geometry_index < len(model.mean)  # subdivision keeps the cage's vertices in front
    at_cage[topology.geometry_index[first]] = fine[first]
    taken = (1 - SENT_BACK) * own_shade_weight(model)[:, None] * smoothed(model, at_cage, _ROUNDS)
    mirrored = taken[model.mirror_index]
    mirrored[:, list(ODD_IN_X)] *= -1
    model.self_shadow.copy_((taken + mirrored) / 2)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), cast_shadows)


if __name__ == "__main__":
    main()
