"""Shapes both arches of teeth: no dark gap beside the teeth of a broad smile, and no teeth in an open mouth's cheeks.

    python -m stylefaceuv.training widen-arch --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's upper arch narrows quickly behind the incisors: 10 mm behind them it reaches 19 mm to either side, where the
corners of a smile stand at 24 mm. Seen from the side, a gap between teeth and far cheek was dark. Canines and premolars
move outwards, incisors less, the last molars not at all. The lower molars move inwards: on narrow heads an open jaw
pressed them through the cheeks.
"""

from __future__ import annotations

import numpy as np
import torch

from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser
from stylefaceuv.training.seat_teeth import move_teeth

_BEHIND_DM = (0.0, 0.07, 0.10, 0.24, 0.36, 0.50)
_BROADER = {
    "teeth_upper": (1.18, 1.34, 1.36, 1.20, 1.08, 1.00),
    "teeth_lower": (1.00, 1.00, 1.00, 0.92, 0.85, 0.80),
}
"""Factors on the distance from the middle at such depths behind the front of the row."""
_AT_GUM, _CROWN_DM = 0.7, 0.1
"""Share of the upper row's broadening that its gum takes part in; crowns lean outwards over such a height."""


def widen_arch(model: MorphableModel) -> None:
    """Move the teeth sideways, in place.

    Args:
        model: the head; stays mirror-symmetric.
    """
    for part, factors in _BROADER.items():
        teeth = part_rows(model, part)
        place = model.mean[teeth].double()
        behind = (place[:, 2].max() - place[:, 2]).numpy()
        broader = torch.from_numpy(np.interp(behind, _BEHIND_DM, factors)) - 1
        below = ((place[:, 1].max() - place[:, 1]) / _CROWN_DM).clamp(0, 1)
        leaning = _AT_GUM + (1 - _AT_GUM) * below if part == "teeth_upper" else torch.ones_like(below)
        place[:, 0] *= 1 + broader * leaning
        move_teeth(model, teeth, place)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), widen_arch)


if __name__ == "__main__":
    main()
