"""Brings teeth and lips together: no gap between them when a smile is seen from the side.

    python -m stylefaceuv.training seat-teeth --face-model OLD.safetensors --out NEW.safetensors

Pictures of the front say little about depth. So the mean head's lips were moved on landmarks while its teeth stayed,
and the smile, taken from fits, pushes the lower lip and the chin forward by 4 mm, where a smile draws the lips back
over the teeth. Here both rows of teeth move forward, up to the inner side of the upper lip, and smiles do not push.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.spatial
import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser

SMILES = ("mouthSmileLeft", "mouthSmileRight")
CLEARANCE_DM = 0.006
"""Between teeth and the inner side of the lip."""
DRAWN_BACK = 0.4
"""Depth that a smile takes the lower lip back, as a share of what it was pushed forward: then both lips move alike."""
_STATIONS_DM, _REACH_DM, _LIP_DM = (0.0, 0.05, 0.1, 0.15, 0.2), 0.04, 0.12
_LOWER_LIP, _UPPER_LIP = 14, 13


def seat_teeth(model: MorphableModel) -> None:
    """Move the upper teeth forward to the lip's inner side, the lower ones as far as those in the middle, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    upper, lower = part_rows(model, "teeth_upper"), part_rows(model, "teeth_lower")
    shift = np.maximum(_gap_to_lip(model, upper) - CLEARANCE_DM, 0)
    _move(model, upper, np.maximum.accumulate(shift))
    _move(model, lower, np.full_like(shift, shift[0]))  # sideways an open jaw would press them through the cheeks


def _move(model: MorphableModel, teeth: torch.Tensor, shift: npt.NDArray[np.float64]) -> None:
    """Move a row of teeth forward by (5,) decimetres at the stations."""
    place = model.mean[teeth].double()
    place[:, 2] += torch.from_numpy(np.interp(place[:, 0].abs().numpy(), _STATIONS_DM, shift))
    move_teeth(model, teeth, place)


def move_teeth(model: MorphableModel, teeth: torch.Tensor, place: torch.Tensor) -> None:
    """Move a row of teeth of the mean head, in place; what moves it moves it as rigidly as before.

    Args:
        model: the head.
        teeth: (T,) int64, cage rows.
        place: (T, 3) float64, where they go, decimetres.
    """
    before = model.mean[teeth].double()
    model.mean[teeth] = place.to(model.mean.dtype)
    places = [torch.cat([at, torch.ones_like(at[:, :1])], dim=1) for at in (before, model.mean[teeth].double())]
    for unit in model.expression_basis:
        motion = torch.linalg.lstsq(places[0], unit[teeth].double()).solution  # an affine field: a turn, linearised
        unit[teeth] += ((places[1] - places[0]) @ motion).to(unit.dtype)


def _front(model: MorphableModel, teeth: torch.Tensor, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Depth of the front of a row of teeth at some distances from the middle: the convex curve around it."""
    outline = model.mean[teeth][:, [0, 2]].double().numpy()
    corners = outline[scipy.spatial.ConvexHull(outline).vertices]
    widest = corners[corners[:, 0].argmax(), 1]
    ahead = corners[(corners[:, 1] >= widest) & (corners[:, 0] >= -1e-6)]
    ahead = ahead[ahead[:, 0].argsort()]
    return np.interp(x, ahead[:, 0], ahead[:, 1])


def _gap_to_lip(model: MorphableModel, teeth: torch.Tensor) -> npt.NDArray[np.float64]:
    """(5,) least distance in depth between the upper row and the lip's inner side around each station."""
    x, y, z = (axis.double() for axis in model.mean.unbind(1))
    lining = torch.zeros(len(x), dtype=torch.bool)
    lining[part_rows(model, "mouth")] = True
    seam = float(model.landmarks(model.mean[None])[0, _UPPER_LIP, 1])
    ahead = torch.from_numpy(_front(model, teeth, x.abs().numpy()))
    near = lining & (y > seam) & (y < y[teeth].max()) & (z > ahead) & (x.abs() < _STATIONS_DM[-1] + _REACH_DM)
    apart, place = (z - ahead)[near], x[near].abs()
    return np.array([float(apart[(place - station).abs() < _REACH_DM].min()) for station in _STATIONS_DM])


def draw_smile_back(model: MorphableModel) -> None:
    """Let smiles move the lower lip as the upper one, and leave the chin's depth alone, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    names, basis = list(model.expression_names), model.expression_basis
    points = model.landmarks(model.mean[None])[0]
    opened = model.landmarks((model.mean + basis[names.index("jawOpen")])[None])[0] - points
    with_jaw = (basis[names.index("jawOpen"), :, 1] / opened[_LOWER_LIP, 1]).clamp(0, 1)
    below = points[_LOWER_LIP, 1] - model.mean[:, 1]
    share = with_jaw * (1 + DRAWN_BACK * (1 - (below / _LIP_DM - 1).clamp(0, 1)))
    for name in SMILES:
        depth = basis[names.index(name), :, 2]
        basis[names.index(name), :, 2] = depth - share * depth.clamp_min(0)


def seat_and_draw_back(model: MorphableModel) -> None:
    """Both, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    seat_teeth(model)
    draw_smile_back(model)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), seat_and_draw_back)


if __name__ == "__main__":
    main()
