"""Faces between faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import number
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
        InvalidArgumentError: the weight is outside [0, 1], or the diffuse or confidence maps differ in size.
    """
    for name, face in (("first", first), ("second", second)):
        if not isinstance(face, Face):
            raise InvalidArgumentError(name, "a Face", type(face).__name__)
    weight = number("weight", weight, 0, 1)
    for name in ("diffuse", "confidence"):
        wanted, found = getattr(first, name).shape, getattr(second, name).shape
        if wanted != found:
            raise InvalidArgumentError(f"second.{name}", f"shape {wanted}, as of the first face", found)
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
        displacement=_blend(*_alike(first.displacement, second.displacement), weight=weight),
        confidence=_blend(first.confidence, second.confidence, weight),
        cast_light=_blend(*_alike(first.cast_light, second.cast_light), weight=weight),
    )


def _alike(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Maps (h, w, 3) at the larger of their sizes: hair is kept in larger maps than bare skin."""
    height, width = (max(first.shape[axis], second.shape[axis]) for axis in (0, 1))
    return _enlarge(first, height, width), _enlarge(second, height, width)


def _enlarge(one: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    if one.shape[:2] == (height, width):
        return one
    planes = torch.from_numpy(np.ascontiguousarray(one)).permute(2, 0, 1)[None]
    large = functional.interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    return np.ascontiguousarray(large[0].permute(1, 2, 0).numpy())


def _coefficients(first: FaceCoefficients, second: FaceCoefficients, weight: float) -> FaceCoefficients:
    return FaceCoefficients(
        torch.lerp(first.identity, second.identity, weight),
        torch.lerp(first.expression, second.expression, weight),
        torch.lerp(first.rotation, second.rotation, weight),
        torch.lerp(first.lighting, second.lighting, weight),
        torch.lerp(first.translation, second.translation, weight),
        first.expression_names,
    )
