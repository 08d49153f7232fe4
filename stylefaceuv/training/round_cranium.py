"""Gives the head the skull that people have under their hair.

    python -m stylefaceuv.training cranium --face-model OLD.safetensors --out NEW.safetensors

MakeHuman's mean head is 12.5 cm wide above the ears and 17.6 cm long from the glabella; adults measure about 15 and 19
(Farkas, Anthropometry of the Head and Face, 1994). Hair hides that on MakeHuman's figures, but bare heads look like
eggs. Worse, landmarks end at the hairline, so that identity fitted on a face stretches a skull that nobody saw. Both
are mended here, away from every landmark, so that fits and weights stay valid: the mean skull is widened and lengthened
smoothly, and of what an identity component does to the skull only the part that follows the face (a shift and a scale)
stays whole, the rest is damped.
"""

from __future__ import annotations

import torch

from stylefaceuv.control.mean_surface import part_mask, smoothed
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.soft_steps import smoothstep
from stylefaceuv.training.face_model_stage import change_face_model, stage_parser

WIDER = 0.19
"""Largest relative gain in breadth."""
LONGER_DM = 0.09
"""Largest shift of the back of the head."""
DAMPED = 0.65
"""Share that is taken off what identity does to the skull and a shift and a scale do not explain."""
_FAR_FROM_FACE = (0.15, 0.5)
_ABOVE_EARS = (0.0, 0.55)
_CROWN, _AT_CROWN = (0.7, 1.25), 0.55
_FOREHEAD, _AT_FOREHEAD = (0.2, 0.8), 0.35
_EAR_DM, _EAR_TOP_DM = 0.68, 0.42
_BEHIND = (0.25, -0.6)
_ABOVE_NAPE = (-0.4, 0.3)


def cranium_weight(model: MorphableModel) -> torch.Tensor:
    """Tell how far each vertex belongs to the unseen skull.

    Args:
        model: the head.

    Returns:
        (V0,) float in [0, 1]: 0 at every landmark, below the ears and off the skin, 1 on the vault.
    """
    points = model.landmarks(model.mean[None])[0]
    far = smoothstep(torch.cdist(model.mean, points).amin(dim=1), _FAR_FROM_FACE)
    return far * smoothstep(model.mean[:, 1], _ABOVE_EARS) * part_mask(model, "skin")


def round_cranium(model: MorphableModel) -> None:
    """Round the mean skull and damp what identity does to it, in place.

    Args:
        model: the head; stays exactly mirror-symmetric.
    """
    weight = cranium_weight(model)
    model.identity_basis.copy_(damped_identity(model, weight))
    broad = smoothed(model, weight * _vault_profile(model.mean), rounds=4)  # so that nothing kinks
    back = smoothstep(model.mean[:, 2], _BEHIND) * smoothstep(model.mean[:, 1], _ABOVE_NAPE) * part_mask(model, "skin")
    model.mean[:, 0] *= 1 + WIDER * broad
    model.mean[:, 2] -= LONGER_DM * back
    mirrored = model.mean[model.mirror_index] * model.mean.new_tensor([-1.0, 1.0, 1.0])
    model.mean.copy_((model.mean + mirrored) / 2)


def damped_identity(model: MorphableModel, weight: torch.Tensor) -> torch.Tensor:
    """Return the identity basis with the skull following the face.

    Args:
        model: the head.
        weight: (V0,) float in [0, 1], see :func:`cranium_weight`.

    Returns:
        (80, V0, 3) float.
    """
    face = (weight == 0) & (model.mean[:, 1] > model.mean[model.neck_ring, 1].max() + 0.3)
    centred = model.mean - model.mean[face].mean(dim=0)
    shift = model.identity_basis[:, face].mean(dim=1, keepdim=True)
    moved = model.identity_basis[:, face] - shift
    scale = torch.einsum("kvc,vc->k", moved, centred[face]) / centred[face].square().sum()
    follows = shift + scale[:, None, None] * centred
    return model.identity_basis + DAMPED * weight[:, None] * (follows - model.identity_basis)


def _vault_profile(points: torch.Tensor) -> torch.Tensor:
    """(V0,) in [0, 1]: the skull is broadest above and behind the ears, and keeps its crown and forehead round."""
    crown = 1 - (1 - _AT_CROWN) * smoothstep(points[:, 1], _CROWN)
    front = 1 - (1 - _AT_FOREHEAD) * smoothstep(points[:, 2], _FOREHEAD)
    ear = (points[:, 0].abs() > _EAR_DM) & (points[:, 1] < _EAR_TOP_DM)
    return torch.where(ear, points.new_zeros(()), crown * front)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    change_face_model(stage_parser(__doc__).parse_args(arguments), round_cranium)


if __name__ == "__main__":
    main()
