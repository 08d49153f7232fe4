"""Lets the whole forehead rise with the inner brows, as the muscle that raises them pulls it.

    python -m stylefaceuv.training raise-brows --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's unit lifts the brows by 14 mm and ends 25 mm above them: between the brows 6 mm of skin are squeezed into
nothing, a ridge. The motion above the brows becomes the smoothest one that meets the brows' at their tops and rest at
the hairline; then the unit is scaled until a detector reads it off renders.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch

from stylefaceuv.control.mean_surface import part_mask
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser

UNIT = "browInnerUp"
BROW_TOP_DM, HAIRLINE_DM = 0.335, 0.95
"""Heights on the mean head between which the forehead may move."""
_FRONT_DM, _SIDE_DM = 0.5, 0.7


def forehead(model: MorphableModel) -> torch.Tensor:
    """Return which cage vertices lie on the forehead.

    Args:
        model: the head.

    Returns:
        (V0,) bool: skin above the brows, below the hairline, between the temples.
    """
    x, y, z = model.mean.unbind(1)
    return part_mask(model, "skin") & (y > BROW_TOP_DM) & (y < HAIRLINE_DM) & (z > _FRONT_DM) & (x.abs() < _SIDE_DM)


def smooth_motion(motion: torch.Tensor, quads: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Return the motion whose free vertices each move as their neighbours do in the mean.

    Args:
        motion: (V0, 3) float.
        quads: (Q, 4) int64.
        free: (V0,) bool; the others keep their motion.

    Returns:
        (V0, 3) float: harmonic on the free vertices.
    """
    count = len(motion)
    ends = torch.stack([quads, quads.roll(-1, 1)]).reshape(2, -1).numpy()
    links = scipy.sparse.coo_matrix((np.ones(ends.shape[1]), (ends[0], ends[1])), (count, count)).tocsr()
    links = ((links + links.T) > 0).astype(np.float64)
    laplacian = scipy.sparse.diags(np.asarray(links.sum(1))[:, 0]) - links
    inside, outside = free.nonzero()[:, 0].numpy(), (~free).nonzero()[:, 0].numpy()
    pull = -laplacian[inside][:, outside] @ motion.double().numpy()[outside]
    solved = scipy.sparse.linalg.spsolve(laplacian[inside][:, inside].tocsc(), pull)
    result = motion.clone()
    result[free] = torch.from_numpy(solved).to(motion.dtype)
    return result


def raise_brows(model: MorphableModel, gain: float) -> None:
    """Spread the unit over the forehead and scale it, in place.

    Args:
        model: the head; stays mirror-symmetric.
        gain: factor on the whole unit.
    """
    unit = list(model.expression_names).index(UNIT)
    motion = gain * smooth_motion(model.expression_basis[unit], model.quads, forehead(model))
    mirrored = motion[model.mirror_index] * motion.new_tensor([-1.0, 1.0, 1.0])
    model.expression_basis[unit] = (motion + mirrored) / 2


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = stage_parser(__doc__)
    parser.add_argument("--gain", type=float, default=1.0, help="factor on the unit (default: %(default)s)")
    args = parser.parse_args(arguments)
    change_face_model(args, lambda model: raise_brows(model, args.gain))


if __name__ == "__main__":
    main()
