"""Opens the mean head's eyes as far as photos show them.

    python -m stylefaceuv.training open-lids --face-model OLD.safetensors --out NEW.safetensors

Detectors put a lid's landmarks half a millimetre from where the eye begins; on MakeHuman's lids, which are thick, they
lay up to 1.6 mm from it. A head whose landmarks agreed with its photo had narrow eyes under broad bands of lashes. The
lids slide over the ball until what shows of it begins where it does in photos; the landmarks stay where they were in
space, so that fits and mappers stay good, and lie nearer to the edge of the skin. Lids that are open enough stay.
``close-lids`` follows, twice.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.control.contact import EYE_RIGHT
from stylefaceuv.control.lids import sphere_centre
from stylefaceuv.control.mean_surface import part_rows
from stylefaceuv.face_model.lid_landmarks import LOWER_LIDS, UPPER_LIDS
from stylefaceuv.face_model.makehuman import load_face_model, save_face_model
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.landmark_warp import FIRST_IRIS_LANDMARK
from stylefaceuv.piecewise_linear import height_over, interpolate
from stylefaceuv.rendering.camera import Camera
from stylefaceuv.rendering.rasterizer import rasterize
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.training.build_landmarks import LEVEL, SIZE, with_landmarks_at
from stylefaceuv.training.face_model_stage import stage_parser
from stylefaceuv.types import PART_NAMES

UPPER_GAP_DM, LOWER_GAP_DM = 0.005, 0.0025
"""From a lid's landmarks to where the eye shows, in photos (12 eyes of seed 3000, by eye, to 0.001)."""
_RIMS = (UPPER_LIDS["right"], LOWER_LIDS["right"])
_PICTURE = 4096
_ROUNDS = 4
_LID_RADII = (1.4, 0.0)
"""Skin nearer to the ball's centre than the first and further to the front than the second is lid, in radii."""
_REACH_DM = 0.06
"""Height above the landmarks up to which skin follows."""
_CORNER_DM = (0.0, 0.07)
"""Distance from the outer corner over which lids begin to move, so that the corner stays sharp."""
_MOVED_DM = 2e-4


def edge_gaps(model: MorphableModel, points: torch.Tensor) -> torch.Tensor:
    """Return how far the edge of what shows of the mean head's right eye lies inside its lids' landmarks.

    Args:
        model: the head.
        points: (478, 3) float, the landmarks, decimetres.

    Returns:
        (2, 7) float, decimetres, upper and lower lid in the order of ``EYE_RIGHT``; 0 where no eye shows.
    """
    camera, topology = Camera.portrait(_PICTURE, _PICTURE), model.topology(LEVEL)
    face = rasterize(
        camera.project(model.refine(model.mean[None], LEVEL)), topology.faces, _PICTURE, _PICTURE
    ).pix_to_face[0]
    eye = (topology.part[face.clamp_min(0)] == PART_NAMES.index("eye_right")) & (face >= 0)
    gaps = points.new_zeros(2, len(EYE_RIGHT.upper))
    for row, rim in enumerate((EYE_RIGHT.upper, EYE_RIGHT.lower)):
        at = camera.project(points[None, list(rim)])[0]
        scale = (camera.distance - points[list(rim), 2]) / camera.focal_px  # decimetres a pixel
        for column, (x, y) in enumerate(at[:, :2].tolist()):
            shown = torch.nonzero(eye[:, int(x)])[:, 0]
            if len(shown):
                gap = float(shown[0]) - y if row == 0 else y - float(shown[-1] + 1)
                gaps[row, column] = gap * scale[column]
    return gaps


def lid_shift(model: MorphableModel, points: torch.Tensor, gaps: torch.Tensor) -> torch.Tensor:
    """Return how far up each vertex of the right eye's lids has to slide.

    Args:
        model: the head.
        points: (478, 3) float, the landmarks, decimetres.
        gaps: (2, 7) float, of :func:`edge_gaps`.

    Returns:
        (V0,) float, decimetres; negative on the lower lid, 0 at the corners, beyond the lids and off the skin.
    """
    place, ball = model.mean, model.mean[part_rows(model, "eye_right")]
    centre, lids = sphere_centre(ball), part_rows(model, "skin")
    radius = (ball - centre).norm(dim=1).median()
    local = (place[lids] - centre) / radius
    lids = lids[(local.norm(dim=1) < _LID_RADII[0]) & (local[:, 2] > _LID_RADII[1])]
    x, y = place[lids, 0], place[lids, 1]
    rims = [points[list(rim)] for rim in _RIMS]
    heights = [height_over(rim, x) for rim in rims]
    is_upper = smoothstep(y - (heights[0] + heights[1]) / 2, (-0.01, 0.01))
    from_corner = smoothstep((x - rims[0][0, 0]).abs(), _CORNER_DM)
    shift = place.new_zeros(len(place))
    for row, (sign, share) in enumerate(((1.0, is_upper), (-1.0, 1 - is_upper))):
        follows = 1 - smoothstep(sign * (y - heights[row]), (0.0, _REACH_DM))
        order = rims[row][:, 0].argsort()
        wanted = (gaps[row] - (UPPER_GAP_DM, LOWER_GAP_DM)[row]).clamp_min(0) * (gaps[row] > 0)
        missing = interpolate(x, rims[row][order, 0], functional.pad(wanted, (1, 1))[order])
        shift[lids] += sign * share * follows * from_corner * missing
    return shift


def open_lids(model: MorphableModel) -> MorphableModel:
    """Slide the mean head's lids over its eyeballs.

    Args:
        model: the head; its mean changes in place.

    Returns:
        The same head with landmarks near the lids that lie where they lay; mirror-symmetric.
    """
    points = model.landmarks(model.mean[None])[0].clone()
    still = Camera.portrait(SIZE, SIZE).project(points[None])[0, :, :2].double().numpy()
    centre = sphere_centre(model.mean[part_rows(model, "eye_right")])
    for _ in range(_ROUNDS):
        shift = lid_shift(model, points, edge_gaps(model, points))
        local = model.mean - centre
        up = local + shift[:, None] * local.new_tensor([0.0, 1.0, 0.0])
        offset = up * (local.norm(dim=1, keepdim=True) / up.norm(dim=1, keepdim=True)) - local
        mirrored = offset[model.mirror_index.long()] * offset.new_tensor([-1.0, 1.0, 1.0])
        model.mean.add_(offset + mirrored)
    moved = (model.landmarks(model.mean[None])[0] - points).norm(dim=1) > _MOVED_DM
    moved[FIRST_IRIS_LANDMARK:] = False
    return with_landmarks_at(model, moved, still, still)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = stage_parser(__doc__).parse_args(arguments)
    model = load_face_model(options.face_model)
    with torch.no_grad():
        save_face_model(open_lids(model), options.out)


if __name__ == "__main__":
    main()
