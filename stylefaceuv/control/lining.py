"""Keeps the inside of the mouth behind the lower lip: units that roll and shrug the lip bring its lining through it."""

from __future__ import annotations

import torch

from stylefaceuv.control.contact import LIPS, columns_of
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.types import PART_NAMES

_BELOW = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (43, 106, 182, 83, 18, 313, 406, 335, 273),
    (202, 204, 194, 201, 200, 421, 418, 424, 422),
)
"""Landmarks below those of the lower lip's rim: its outer edge, the fold under it, and the chin."""
_INSIDE = (PART_NAMES.index("mouth"), PART_NAMES.index("teeth_lower"))
"""Not the tongue, which may hang over the lip."""
_THICKNESS_DM, _LEAST_HEIGHT_DM = 0.03, 1e-3
"""Behind the straight lines from row to row of landmarks; the lip itself bulges before them."""


class MouthLining:
    """Holds the lining of the mouth and the lower teeth back, column by column.

    Args:
        model: the face model, with the 478 landmarks; one without a mouth has nothing to hold.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        inside = torch.zeros(len(model.mean), dtype=torch.bool, device=model.mean.device)
        is_inside = torch.isin(model.quad_part.long(), torch.tensor(_INSIDE, device=model.mean.device))
        inside[model.quads[is_inside].unique()] = True
        inside[model.quads[~is_inside].unique()] = False  # what the lips share stays with the lips
        rest = model.landmarks(model.mean[None])[0]
        order = rest[list(LIPS.lower), 0].argsort().tolist()
        self._rim = [LIPS.lower[column] for column in order]
        self._lines = [self._rim, *([line[column] for column in order] for line in _BELOW)]
        edge = rest[self._rim, 0].abs().max()
        self._rows = torch.nonzero(inside & (model.mean[:, 0].abs() < edge))[:, 0]

    def hold(self, cage: torch.Tensor) -> torch.Tensor:
        """Move what came through the lower lip back behind it.

        Args:
            cage: (1, V0, 3) float, unposed, decimetres.

        Returns:
            (1, V0, 3) float, decimetres; a copy where anything moved.
        """
        if len(self._rows) == 0:
            return cage
        points, held = self._model.landmarks(cage)[0], cage[0, self._rows]
        columns = columns_of(held[:, 0], points[self._rim, 0].cummax(dim=0).values)
        heights, depths = (torch.stack([columns @ points[line, axis] for line in self._lines]) for axis in (1, 2))
        farthest = torch.full_like(held[:, 2], torch.inf)
        for top, bottom, front, back in zip(heights[:-1], heights[1:], depths[:-1], depths[1:], strict=True):
            share = (top - held[:, 1]) / (top - bottom).clamp_min(_LEAST_HEIGHT_DM)
            line = front + share * (back - front) - _THICKNESS_DM
            farthest = torch.where((share > 0) & (share <= 1), torch.minimum(farthest, line), farthest)
        if not bool((held[:, 2] > farthest).any()):
            return cage
        kept = cage.clone()
        kept[0, self._rows, 2] = torch.minimum(held[:, 2], farthest)
        return kept
