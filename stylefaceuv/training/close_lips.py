"""Closes the mouth of every neutral head.

    python -m stylefaceuv.training close-lips --face-model OLD.safetensors --out NEW.safetensors

Landmarks moved the mean head's lips apart by a hair's breadth, at the corners by a millimetre, and faces fitted with
parted lips taught the identity to part them: teeth shone through on neutral heads. The lips' edges are brought
together, column by column, until they overlap; the identity moves both edges alike, so parting is left to expressions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.piecewise_linear import interpolate
from stylefaceuv.soft_steps import eased, soft_threshold
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser
from stylefaceuv.types import PART_NAMES

OVERLAP_DM = 0.012
LEVEL = 1
_CORNER, _UPPER, _LOWER = 291, 13, 14
_STATIONS = 15
_WINDOW_DM = 0.012
_FULL_DM, _REACH_DM, _DEEP_DM = 0.015, 0.075, 0.12
"""Heights above or below the edge up to which vertices follow it wholly, and from where on not at all; then inwards."""
_BETWEEN = 0.05
_ROUNDS = 3


@dataclass(frozen=True)
class Lips:
    """The lips of a mean head.

    Attributes:
        side: (V0,) float in [-1, 1]: -1 on the upper lip, 1 on the lower one, between at the corners.
        fine_side: (V,) float, the same on the refined head.
        skin: (V,) bool, of the refined head.
        corner: distance of the mouth's corner from the middle, decimetres.
        seam: height of the line between the lips, decimetres.
    """

    side: torch.Tensor
    fine_side: torch.Tensor
    skin: torch.Tensor
    corner: float
    seam: float

    @property
    def stations(self) -> torch.Tensor:
        """(15,) float, distances from the middle; the last is the corner."""
        return torch.linspace(0, self.corner, _STATIONS)


def lips_of(model: MorphableModel) -> Lips:
    """Tell the lips apart by what an opening jaw takes along.

    Args:
        model: the head.

    Returns:
        The lips.
    """
    jaw = model.expression_basis[list(model.expression_names).index("jawOpen")].float()
    points = model.landmarks(model.mean[None])[0]
    opened = model.landmarks((model.mean + jaw)[None])[0] - points
    corner = float(points[_CORNER, 0])
    share, at_corner = jaw[:, 1] / opened[_LOWER, 1], float(opened[_CORNER, 1] / opened[_LOWER, 1])
    between = 0.5 + (at_corner - 0.5) * (model.mean[:, 0].abs() / corner).clamp(0, 1)
    side = ((share - between) / _BETWEEN).clamp(-1, 1)
    fine = model.refine(side[None, :, None].expand(-1, -1, 3), LEVEL)[0, :, 0]
    topology = model.topology(LEVEL)
    skin = torch.zeros(len(fine), dtype=torch.bool)
    skin[topology.faces[topology.part == PART_NAMES.index("skin")].flatten()] = True
    return Lips(side, fine, skin, corner, float(points[[_UPPER, _LOWER], 1].mean()))


def edges(shape: torch.Tensor, lips: Lips) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the lips' edges.

    Args:
        shape: (V, 3) float, the refined mean head.
        lips: its lips.

    Returns:
        Rows (15,) int64 of the lowest vertex of the upper lip and of the highest of the lower one at each station of
        the left half; where a lip has none, towards the corner, those of the station before.
    """
    x, y = shape[:, 0], shape[:, 1]
    near = lips.skin & ((y - lips.seam).abs() < _REACH_DM) & (shape[:, 2] > 0.5 * shape[:, 2].max())
    found: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for rows, sign in zip(found, (-1.0, 1.0), strict=True):
        for station in lips.stations.tolist():
            column = near & (lips.fine_side * sign > 0.5) & ((x - station).abs() < _WINDOW_DM)
            rows.append(torch.where(column, -sign * y, torch.inf).argmin() if bool(column.any()) else rows[-1])
    return torch.stack(found[0]), torch.stack(found[1])


def follow_edges(
    model: MorphableModel, lips: Lips, closing: torch.Tensor, ends: torch.Tensor, parity: float = 1.0
) -> torch.Tensor:
    """Spread what both edges approach each other by over the lips.

    Args:
        model: the head.
        lips: its lips.
        closing: (15,) float, decimetres at the stations.
        ends: (2, 15, 3) float, the edges of the upper and of the lower lip.
        parity: 1 for a motion that is the same on both sides, -1 for one that is opposite.

    Returns:
        (V0,) float, the motion along y: half of ``closing`` on each edge, fading over its lip and inwards.
    """
    x, y, z = model.mean[:, 0].abs(), model.mean[:, 1], model.mean[:, 2]
    upper, lower = (interpolate(x, lips.stations, one) for one in ends[..., 1])
    depth = interpolate(x, lips.stations, ends[..., 2].amin(0))
    above = torch.where(lips.side < 0, y - upper, lower - y)
    across = 1 - soft_threshold(above, (_FULL_DM, _REACH_DM))
    inwards = 1 - soft_threshold(depth - z, (_FULL_DM, _DEEP_DM))
    fade = eased(across) * inwards * (x < lips.corner) * (above > -_REACH_DM)
    motion = 0.5 * lips.side * fade * interpolate(x, lips.stations, closing)
    if parity < 0:
        motion = motion * (x > 1e-4)
    right = model.mean[:, 0] < -1e-4
    return torch.where(right, parity * motion[model.mirror_index.long()], motion)


def close_lips(model: MorphableModel) -> None:
    """Close the mean head's mouth and keep the identity from opening it, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    lips = lips_of(model)
    overlap = OVERLAP_DM * (4 * (1 - lips.stations / lips.corner)).clamp(0, 1)
    for _ in range(_ROUNDS):
        _, ends = _edges_of(model, lips)
        model.mean[:, 1] += follow_edges(model, lips, (ends[0, :, 1] - ends[1, :, 1] + overlap).clamp_min(0), ends)
    rows, ends = _edges_of(model, lips)
    for component, parity in zip(model.identity_basis, model.identity_mirror_sign.tolist(), strict=True):
        motion = model.refine(component[None].float(), LEVEL)[0, :, 1]
        closing = follow_edges(model, lips, motion[rows[0]] - motion[rows[1]], ends, parity)
        component[:, 1] += closing.to(component.dtype)


def _edges_of(model: MorphableModel, lips: Lips) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The edges of the mean head's lips: rows, and where they are, (2, 15, 3)."""
    shape = model.refine(model.mean[None], LEVEL)[0]
    rows = edges(shape, lips)
    return rows, torch.stack([shape[one] for one in rows])


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), close_lips)


if __name__ == "__main__":
    main()
