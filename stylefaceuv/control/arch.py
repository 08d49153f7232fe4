"""Keeps the rows of teeth inside each head's cheeks: identities change the mouth far more than its teeth."""

from __future__ import annotations

import torch

from stylefaceuv.control.mean_surface import mean_normals, part_rows
from stylefaceuv.face_model.morphable import MorphableModel

SKIN_DM = {"teeth_upper": 0.012, "teeth_lower": 0.05}
"""How far teeth stay behind the outer side of lips and cheeks; smiles bare the upper ones only."""
_UNIT, _WEIGHTS = "jawOpen", (0.0, 0.5, 1.0)
"""What draws the cheeks onto the teeth."""
_DEEP_DM = 0.42
"""The axis about which a row is bent lies so far behind its front."""
_AROUND_DM, _NEAR_DM = 0.15, 0.035
_OUTWARD, _AHEAD_DM = 0.15, 0.4


class ToothClearance:
    """Narrows the rows of teeth of a head until they lie behind its skin, at rest and with an open jaw.

    Teeth are hard: a row is narrowed once for a head, not for each expression. What draws a cheek in over a wide open
    jaw, as mouthLeft does, may still show an edge of a tooth on narrow heads: else the smiles of all would have gaps.

    Args:
        model: the face model; one without teeth or a jaw has nothing to narrow.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._still, self._rows = torch.zeros_like(model.mean), list[torch.Tensor]()
        if _UNIT in model.expression_names:  # linear models of other people have neither such units nor parts
            rows = [part_rows(model, part) for part in SKIN_DM]
            self._rows = rows if all(len(row) for row in rows) else []
        if self._rows:
            near = torch.cat([*rows, _skin_around(model, model.mean[torch.cat(rows)])])
            self._sizes = [*(len(row) for row in rows), len(near) - sum(len(row) for row in rows)]
            opening = model.expression_basis[model.expression_names.index(_UNIT), near]
            self._poses = model.mean[near] + model.mean.new_tensor(_WEIGHTS)[:, None, None] * opening
            self._identity = model.identity_basis[:, near].clone()

    def offset(self, identity: torch.Tensor) -> torch.Tensor:
        """Return what to add to the cage of a head.

        Args:
            identity: (80,) float, unit-variance coordinates.

        Returns:
            (V0, 3) float, decimetres; zero but for teeth that would come through.
        """
        if not self._rows:
            return self._still
        poses = self._poses + torch.einsum("k,kvc->vc", identity, self._identity)
        *teeth, skin = poses.split(self._sizes, dim=1)
        moved = self._still.clone()
        for row, shapes, behind in zip(self._rows, teeth, SKIN_DM.values(), strict=True):
            axes = shapes[..., 2].amax(dim=1) - _DEEP_DM
            allowed = [_allowed(*pose, behind) for pose in zip(shapes, skin, axes, strict=True)]
            narrower = torch.stack(allowed).amin(dim=0) - 1
            moved[row, 0] = narrower * shapes[0, :, 0]
            moved[row, 2] = narrower * (shapes[0, :, 2] - axes[0])
        return moved


def _skin_around(model: MorphableModel, teeth: torch.Tensor) -> torch.Tensor:
    """(S,) int64: cage rows of the outer skin before and beside the (T, 3) teeth."""
    normals, skin = mean_normals(model), part_rows(model, "skin")
    x, y, z = model.mean[skin].unbind(dim=1)
    outward = normals[skin, 0] * x + normals[skin, 2] * (z - teeth[:, 2].max() + _DEEP_DM) > _OUTWARD * x.abs()
    low, high = teeth[:, 1].min() - 2 * _AROUND_DM, teeth[:, 1].max() + _AROUND_DM
    return skin[outward & (y > low) & (y < high) & (z > _AHEAD_DM)]


def _allowed(teeth: torch.Tensor, skin: torch.Tensor, axis: torch.Tensor, behind: float) -> torch.Tensor:
    """(T,) in (0, 1]: factor on the distance from an upright axis at depth ``axis`` that keeps teeth behind skin."""
    (angle, radius), (skin_angle, skin_radius) = (_around(points, axis) for points in (teeth, skin))
    apart = ((angle[:, None] - skin_angle) * radius[:, None]).square() + torch.cdist(
        teeth[:, 1:2], skin[:, 1:2]
    ).square()
    outside = torch.softmax(-apart / (2 * _NEAR_DM**2), dim=1) @ skin_radius
    return ((outside - behind) / radius.clamp_min(behind)).clamp(0.5, 1)


def _around(points: torch.Tensor, axis: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Angle in radians and distance of (N, 3) points about the axis."""
    x, ahead = points[:, 0], points[:, 2] - axis
    return torch.atan2(x, ahead), torch.hypot(x, ahead)
