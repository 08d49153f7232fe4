"""The part of a face's shape that its photo shows and no coefficient holds: what registration leaves, as displacement.

A linear model comes within a millimetre of the landmarks of a photo, and that millimetre is much of a likeness: how
long the nose is, how far apart brows and eyes are. The photo's colours are read where the landmarks are
(:mod:`stylefaceuv.lifting.landmark_warp`), so the surface has to be there, too, or features
come out beside their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.face_model.displacement import MILLIMETRES_PER_DECIMETRE, rotation_between
from stylefaceuv.face_model.lid_landmarks import LOWER_LIDS, UPPER_LIDS
from stylefaceuv.face_model.morphable import LANDMARK_COUNT
from stylefaceuv.face_model.pose import pose_vertices, rotation_matrix
from stylefaceuv.lifting.landmark_fit import FACE_OVAL
from stylefaceuv.lifting.landmark_warp import FIRST_IRIS_LANDMARK
from stylefaceuv.lifting.neighbours import nearest
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.types import PART_NAMES, FaceCoefficients

_WIDTH_DM = 0.12
"""Width of the Gaussians that carry residuals: wider than a lip, so that touching lips move as one."""
_DEPTH_SHARE = 0.5
"""By how much less depth counts than height and breadth in their distances: teeth follow the lips before them."""
_DAMPING = 0.2
"""Variance of a landmark over that of the shape."""
_LIMIT_MM = 1.5
"""No shift is longer; half as long a shift is shortened by a tenth."""
_NECK_DM = (0.05, 0.4)
"""Distances to the open edge of the neck, which meets a body, within which nothing moves, and beyond which all does."""
_EYE_DM = (0.04, 0.14)
"""Distances to an eye within which all moves as one, and beyond which nothing is held by it."""


class LandmarkRelief(nn.Module):
    """Turns the residual of a registered face into displacement; constants of a face model are prepared once.

    Eyes move as wholes, with all that lies around them: lids lie on balls, and a tenth of a millimetre between them
    shows.

    Args:
        surface: of the face model, at the resolution of the map and the level that holds its landmarks.

    Raises:
        InvalidArgumentError: the model has not the 478 landmarks.
    """

    spread: torch.Tensor
    texel: torch.Tensor

    def __init__(self, surface: Surface) -> None:
        super().__init__()
        self.surface = surface
        self.register_buffer("spread", _spread(surface), persistent=False)
        self.register_buffer("texel", _nearest_texel(surface), persistent=False)

    @torch.no_grad()
    def forward(
        self,
        coefficients: FaceCoefficients,
        detected: torch.Tensor,
        size: int,
        displacement: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the displacement that moves a head onto the landmarks of its photo.

        Args:
            coefficients: unbatched, registered on the photo.
            detected: (478, 2) float, pixels of the photo.
            size: edge of the square photo, pixels.
            displacement: (3, s, s) float, XYZ of the neutral head, millimetres, what it has already; None is none.

        Returns:
            (3, r, r) float, XYZ of the neutral head, millimetres, in no place longer than ``_LIMIT_MM``. Depth in the
            photo is left as it is: nothing tells it.
        """
        model, camera = self.surface.face_model, Camera.portrait(size, size)
        rotation, translation = coefficients.rotation[None], coefficients.translation[None]
        points = model.landmarks_on(self.surface.shape(coefficients, displacement))
        projected = camera.project(pose_vertices(points, rotation, translation))[0]
        pixel_mm = projected[:, 2:] / camera.focal_px * MILLIMETRES_PER_DECIMETRE
        shift = across_outline(detected - projected[:, :2], detected) * pixel_mm * detected.new_tensor([1.0, -1.0])
        moved = self.spread @ torch.cat([shift, torch.zeros_like(shift[:, :1])], dim=1) @ rotation_matrix(rotation)[0]
        moved = moved / (1 + (moved.norm(dim=1, keepdim=True) / _LIMIT_MM).square()).sqrt()
        return self._map(self._at_rest(model.refine(moved[None], self.surface.level), coefficients))

    def _at_rest(self, moved: torch.Tensor, coefficients: FaceCoefficients) -> torch.Tensor:
        """(1, V, 3) shifts on the neutral head, of those on a head with an expression."""
        resting = replace(coefficients, expression=torch.zeros_like(coefficients.expression))
        posed, neutral = (self.surface.normals(self.surface.shape(one)) for one in (coefficients, resting))
        return (rotation_between(posed, neutral) @ moved[..., None])[..., 0]

    def _map(self, values: torch.Tensor) -> torch.Tensor:
        """(3, r, r) of (1, V, 3)."""
        side = self.surface.texels.resolution
        return self.surface.texels.interpolate(values[0])[self.texel].T.reshape(3, side, side)


def across_outline(residual: torch.Tensor, detected: torch.Tensor) -> torch.Tensor:
    """Leave of the residuals of the face's outline what lies across it: along it they slide as a head turns.

    Args:
        residual: (478, 2) float, pixels.
        detected: (478, 2) float, pixels.

    Returns:
        (478, 2) float, pixels.
    """
    outline = list(FACE_OVAL)
    along = detected[outline].roll(-1, 0) - detected[outline].roll(1, 0)
    along = along / along.norm(dim=1, keepdim=True).clamp_min(1e-6)
    result, there = residual.clone(), residual[outline]
    result[outline] = there - (there * along).sum(dim=1, keepdim=True) * along
    return result


def _nearest_texel(surface: Surface) -> torch.Tensor:
    """(r * r,) int64: the row of the covered texel that is nearest to each; gutters continue their own chart."""
    side, index = surface.texels.resolution, torch.arange(surface.texels.resolution**2)
    place = torch.stack([index // side, index % side], dim=1).float()
    rows, _ = nearest(place, place[surface.texels.flat_index.cpu()], 1)
    return rows.reshape(-1).to(surface.texels.flat_index.device)


def _spread(surface: Surface) -> torch.Tensor:
    """(V0, 478): smooth shifts of the cage from those of landmarks, by kernel ridge regression at rest."""
    model = surface.face_model
    points = model.landmarks(model.mean[None])[0]
    if len(points) != LANDMARK_COUNT:
        raise InvalidArgumentError("surface", f"a face model with {LANDMARK_COUNT} landmarks", len(points))
    skin = points[:FIRST_IRIS_LANDMARK]
    system = (_kernel(skin, skin) + _DAMPING * torch.eye(len(skin)).to(skin)).double()
    plain = torch.linalg.solve(system, _kernel(skin, model.mean).double()).T.to(points.dtype)
    result = points.new_zeros(len(model.mean), LANDMARK_COUNT)
    result[:, :FIRST_IRIS_LANDMARK] = plain
    for side in UPPER_LIDS:
        lids = sorted({*UPPER_LIDS[side], *LOWER_LIDS[side]})
        result = _hold_eye(result, _nearness(surface, points[lids], side), lids)
    to_neck = torch.cdist(model.mean, model.mean[model.neck_ring]).min(dim=1, keepdim=True).values
    return result * smoothstep(to_neck, _NECK_DM)


def _kernel(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(N, M) of points (N, 3) and (M, 3), decimetres."""
    scale = first.new_tensor([1.0, 1.0, _DEPTH_SHARE]) / _WIDTH_DM
    return torch.exp(-0.5 * torch.cdist(first * scale, second * scale).square())


def _nearness(surface: Surface, lids: torch.Tensor, side: str) -> torch.Tensor:
    """(V0, 1) in [0, 1]: 1 on an eyeball and around it."""
    model, cage = surface.face_model, surface.face_model.topology(0)
    corners = cage.faces[cage.part == PART_NAMES.index(f"eye_{side}")].unique()
    ball = model.mean[cage.geometry_index[corners].unique()]
    distance = torch.cdist(model.mean, torch.cat([lids, ball])).min(dim=1, keepdim=True).values
    return 1 - smoothstep(distance, _EYE_DM)


def _hold_eye(spread: torch.Tensor, near: torch.Tensor, lids: Sequence[int]) -> torch.Tensor:
    """(V0, 478): what is near an eye moves as the mean of its lids' landmarks."""
    whole = torch.zeros_like(spread[:1])
    whole[0, list(lids)] = 1 / len(lids)
    return spread + near * (whole - spread)
