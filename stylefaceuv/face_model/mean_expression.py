"""The mean head with an expression."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from stylefaceuv.face_model.morphable import MorphableModel


def mean_head_with(face_model: MorphableModel, units: Mapping[str, float]) -> torch.Tensor:
    """Return the mean head with units of expression, as far as the model has them.

    Args:
        face_model: the morphable head.
        units: weights in [0, 1] by name.

    Returns:
        (1, V0, 3) float, decimetres.
    """
    mean = face_model.mean
    weights = mean.new_tensor([[units.get(name, 0.0) for name in face_model.expression_names]])
    return face_model(mean.new_zeros(1, len(face_model.identity_basis)), weights)
