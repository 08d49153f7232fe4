"""Gives teeth more of the atlas: the charts of both rows lie side by side, each as high as the strip.

    python -m stylefaceuv.training enlarge-tooth-charts --face-model OLD.safetensors --out NEW.safetensors

One above the other they had a texel of 1024 for a millimetre, and photos of teeth came out blurred. Heads
that are built anew have these charts already.
"""

from __future__ import annotations

import torch

from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.atlas_islands import place_islands
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser
from stylefaceuv.types import PART_NAMES

PARTS = ("teeth_upper", "teeth_lower")


def enlarge_tooth_charts(model: MorphableModel) -> None:
    """Lay both rows of teeth into their slots of the atlas anew, in place.

    Args:
        model: the head; its atlas stays mirror-symmetric, and all but the teeth's where it is.
    """
    corner_uv, makehuman_corner_uv = model.get_buffer("corner_uv"), model.get_buffer("makehuman_corner_uv")
    placed = corner_uv.double().numpy()
    place_islands(
        placed,
        model.mean.double().numpy(),
        model.quads.numpy(),
        model.quad_part.byte().numpy(),
        makehuman_corner_uv.double().numpy(),
        model.mirror_index.numpy(),
        PARTS,
    )
    teeth = torch.from_numpy(placed).float()
    rows = torch.isin(model.quad_part, model.quad_part.new_tensor([PART_NAMES.index(part) for part in PARTS]))
    corner_uv[rows] = teeth[rows]


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), enlarge_tooth_charts)


if __name__ == "__main__":
    main()
