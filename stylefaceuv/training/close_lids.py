"""Ends a blink where the lids meet.

    python -m stylefaceuv.training close-lids --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's blinks carry the outer half of the upper lid up to 4 mm past the lower one, where it hangs like a bag. The
motion of the upper lid is scaled column by column so that at weight 1 its rim lies on the rim of the lower lid.
"""

from __future__ import annotations

import torch

from stylefaceuv.control.contact import EYE_LEFT, EYE_RIGHT, Rims
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.piecewise_linear import interpolate
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser

OVERLAP_DM = 0.004
"""How far the upper rim covers the lower one at weight 1."""
_SOFT_DM = 0.015


def close_lids(model: MorphableModel) -> None:
    """Scale both blinks, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    names = list(model.expression_names)
    left, right = (names.index(rims.unit) for rims in (EYE_LEFT, EYE_RIGHT))
    for unit, rims in ((left, EYE_LEFT), (right, EYE_RIGHT)):
        model.expression_basis[unit] *= lid_scale(model, unit, rims)[:, None]
    flip = model.mean.new_tensor([-1.0, 1.0, 1.0])
    mirrored = model.expression_basis[right][model.mirror_index] * flip
    model.expression_basis[left] = (model.expression_basis[left] + mirrored) / 2
    model.expression_basis[right] = model.expression_basis[left][model.mirror_index] * flip


def lid_scale(model: MorphableModel, unit: int, rims: Rims) -> torch.Tensor:
    """Return the factor on a blink for each vertex.

    Args:
        model: the head.
        unit: row of the blink.
        rims: of the eye.

    Returns:
        (V0,) float: 1 on the lower lid, elsewhere what lets the rim of that column end on the lower rim.
    """
    upper, lower = rims.upper, rims.lower
    still = model.mean.new_zeros(1, len(model.expression_names))
    closed = still.clone()
    closed[0, unit] = 1
    nobody = model.mean.new_zeros(1, len(model.identity_basis))
    before, after = (model.landmarks(model(nobody, weights))[0] for weights in (still, closed))
    motion = after[list(upper), 1] - before[list(upper), 1]
    missing = after[list(lower), 1] - OVERLAP_DM - after[list(upper), 1]
    column = 1 + missing / motion
    order = before[list(upper), 0].argsort()
    factor = interpolate(model.mean[:, 0], before[list(upper), 0][order], column[order])
    rim = interpolate(model.mean[:, 0], before[list(lower), 0][order], before[list(lower), 1][order])
    on_upper = ((model.mean[:, 1] - rim) / _SOFT_DM).clamp(0, 1)
    return 1 + on_upper * (factor - 1)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), close_lids)


if __name__ == "__main__":
    main()
