"""Turns what a user writes for pose, expression, light and background into tensors, or a typed error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.light_presets import LIGHT_PRESETS, light_preset

Expression = None | str | Mapping[str, float] | Sequence[float] | np.ndarray | torch.Tensor
Lighting = None | str | np.ndarray | torch.Tensor
Background = None | str | Sequence[float]


_SIZES = "an int or (height, width), each 1 to 8192 pixels"


def parse_angle(name: str, value: float | None, own: float) -> float:
    """Return an angle in degrees.

    Args:
        name: of the argument, for the error.
        value: degrees, or None for ``own``.
        own: the face's own angle, degrees.

    Returns:
        Degrees.

    Raises:
        InvalidArgumentError: not a finite number.
    """
    if value is None:
        return own
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidArgumentError(name, "a finite number of degrees or None", value)
    return float(value)


def parse_expression(value: Expression, own: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    """Return the 64 expression weights that a user asks for.

    Args:
        value: None or "own" (the face's own), "neutral", a mapping from names to weights that replaces
            everything else by zero, or all 64 weights.
        own: (64,) float, the face's own weights.
        names: the 64 names.

    Returns:
        (64,) float in [0, 1].

    Raises:
        InvalidArgumentError: unknown name, weight outside [0, 1], wrong shape.
    """
    if value is None or (isinstance(value, str) and value == "own"):
        return own
    if isinstance(value, str):
        if value != "neutral":
            raise InvalidArgumentError("expression", "'own', 'neutral', a mapping or 64 weights", repr(value))
        return torch.zeros_like(own)
    if isinstance(value, Mapping):
        return _named_weights(value, own, names)
    return _weights(value, own)


def _named_weights(value: Mapping[str, float], own: torch.Tensor, names: tuple[str, ...]) -> torch.Tensor:
    weights = torch.zeros_like(own)
    for name, weight in value.items():
        if name not in names:
            close = ", ".join(get_close_matches(str(name), names, 3)) or "see docs/expressions.md"
            raise InvalidArgumentError("expression", f"a known unit ({close})", repr(name))
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise InvalidArgumentError(f"expression[{name!r}]", "a number in [0, 1]", weight)
        weights[names.index(name)] = float(weight)
    return weights


def _weights(value: Sequence[float] | np.ndarray | torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    weights = _tensor("expression", value, own)
    if weights.shape != own.shape:
        raise InvalidArgumentError("expression", f"shape {tuple(own.shape)}", tuple(weights.shape))
    if bool(((weights < 0) | (weights > 1)).any()):
        raise InvalidArgumentError("expression", "weights in [0, 1]", f"{float(weights.min())}..{float(weights.max())}")
    return weights


def _tensor(name: str, value: object, like: torch.Tensor) -> torch.Tensor:
    try:
        tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidArgumentError(name, "numbers", type(value).__name__) from error
    if not bool(torch.isfinite(tensor).all()):
        raise InvalidArgumentError(name, "finite numbers", "NaN or Inf")
    return tensor


def parse_lighting(value: Lighting, own: torch.Tensor) -> torch.Tensor:
    """Return the spherical-harmonics light that a user asks for.

    Args:
        value: None or "own" (the face's own), the name of a preset, or (9, 3) or (27,) coefficients.
        own: (9, 3) float, the face's own light.

    Returns:
        (9, 3) float, linear light.

    Raises:
        InvalidArgumentError: unknown name or wrong shape.
    """
    if value is None or (isinstance(value, str) and value == "own"):
        return own
    if isinstance(value, str):
        if value not in LIGHT_PRESETS:
            raise InvalidArgumentError("lighting", f"'own' or one of {', '.join(sorted(LIGHT_PRESETS))}", repr(value))
        return light_preset(value).to(own)
    coefficients = _tensor("lighting", value, own)
    if tuple(coefficients.shape) not in ((9, 3), (27,)):
        raise InvalidArgumentError("lighting", "shape (9, 3) or (27,)", tuple(coefficients.shape))
    return coefficients.reshape(9, 3)


def parse_background(value: Background, default: tuple[float, float, float]) -> tuple[float, float, float] | str:
    """Return a background colour in [0, 1], or "image" or "transparent".

    Args:
        value: None, "image", "transparent", or three sRGB numbers in [0, 1].
        default: colour that None stands for.

    Returns:
        The colour or the word.

    Raises:
        InvalidArgumentError: anything else.
    """
    if value is None:
        return default
    if isinstance(value, str):
        if value not in ("image", "transparent"):
            raise InvalidArgumentError("background", "'image', 'transparent' or three numbers", repr(value))
        return value
    try:
        color = tuple(float(channel) for channel in value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError("background", "three numbers in [0, 1]", value) from error
    if len(color) != 3 or not all(0 <= channel <= 1 for channel in color):
        raise InvalidArgumentError("background", "three numbers in [0, 1]", value)
    return color[0], color[1], color[2]


def parse_size(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) in pixels.

    Args:
        value: edge of a square picture, or (height, width).

    Returns:
        (height, width).

    Raises:
        InvalidArgumentError: not positive whole numbers up to 8192.
    """
    pair: object = (value, value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InvalidArgumentError("size", _SIZES, value)
    height, width = pair
    for edge in (height, width):
        if isinstance(edge, bool) or not isinstance(edge, int) or not 1 <= edge <= 8192:
            raise InvalidArgumentError("size", _SIZES, value)
    return height, width
