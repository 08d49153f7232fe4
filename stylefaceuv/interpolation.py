"""Faces between faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.types import Face, FaceCoefficients, UVMaps


def interpolate(first: Face, second: Face, weight: float) -> Face:
    """Blend stylecode, coefficients and maps of two faces of the same model; no network runs.

    Args:
        first: the face at weight 0.
        second: the face at weight 1.
        weight: in [0, 1].

    Returns:
        A face; its image, when asked for, is the StyleGAN2 image of the blended stylecode.

    Raises:
        InvalidArgumentError: the weight is outside [0, 1], or the maps differ in size.
    """
    for name, face in (("first", first), ("second", second)):
        if not isinstance(face, Face):
            raise InvalidArgumentError(name, "a Face", type(face).__name__)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise InvalidArgumentError("weight", "a number in [0, 1]", repr(weight))
    if first.diffuse.shape != second.diffuse.shape or first.displacement.shape != second.displacement.shape:
        raise InvalidArgumentError("second", f"maps of shape {first.diffuse.shape}", second.diffuse.shape)
    return Face(
        stylecode=_blend(first.stylecode, second.stylecode, weight),
        coefficients=_coefficients(first.coefficients, second.coefficients, weight),
        maps=_maps(first.maps, second.maps, weight),
        registration_error=float("nan"),
        provenance=replace(first.provenance, seed=None, index=None),
        studio=first.studio,
    )


def _blend(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], weight: float) -> npt.NDArray[np.float32]:
    return first + np.float32(weight) * (second - first)


def _maps(first: UVMaps, second: UVMaps, weight: float) -> UVMaps:
    diffuse = _blend(first.diffuse.astype(np.float32), second.diffuse.astype(np.float32), weight)
    return UVMaps(
        diffuse=np.rint(diffuse).astype(np.uint8),
        displacement=_blend(first.displacement, second.displacement, weight),
        confidence=_blend(first.confidence, second.confidence, weight),
    )


def _coefficients(first: FaceCoefficients, second: FaceCoefficients, weight: float) -> FaceCoefficients:
    return FaceCoefficients(
        torch.lerp(first.identity, second.identity, weight),
        torch.lerp(first.expression, second.expression, weight),
        torch.lerp(first.rotation, second.rotation, weight),
        torch.lerp(first.lighting, second.lighting, weight),
        torch.lerp(first.translation, second.translation, weight),
        first.expression_names,
    )
