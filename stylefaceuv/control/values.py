"""Plain values of a picture: angles, sizes, backgrounds and numbers, checked."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import hex_color, is_finite_number, is_whole, number

Background = None | str | Sequence[float] | torch.Tensor


LARGEST_ANGLE = 36000.0
"""Degrees; beyond a hundred turns single precision no longer tells angles apart."""
PHOTO_TURN = 5.0
"""Degrees by which a head may be turned over its own photo."""
_SIZES = "pixels or (height, width), each 1 to 8192"
_BACKGROUNDS = "'image', 'transparent', '#rrggbb' or three numbers in [0, 1]"


def parse_angle(name: str, value: float | None, own: float) -> float:
    """Return an angle in degrees.

    Args:
        name: of the argument, for the error.
        value: degrees, or None for ``own``.
        own: the face's own angle, degrees.

    Returns:
        Degrees.

    Raises:
        InvalidArgumentError: not a number within a hundred turns.
    """
    if value is None:
        return own
    expected = f"a finite number of degrees within ±{LARGEST_ANGLE:g}"
    return number(name, value, -LARGEST_ANGLE, LARGEST_ANGLE, expected)


def check_over_photo(name: str, angle: float, own: float) -> None:
    """Refuse to turn a head over its photo, which would show through beside it.

    Args:
        name: of the angle, for the error.
        angle: of the head, degrees.
        own: of the head in the photo, degrees.

    Raises:
        InvalidArgumentError: they differ by more than ``PHOTO_TURN``.
    """
    if abs(angle - own) > PHOTO_TURN:
        expected = f"an angle within {PHOTO_TURN:g} degrees of the photo's {own:.1f} over the StyleGAN2 image"
        raise InvalidArgumentError(name, f"{expected}, or another background", f"{angle:g}")


def parse_numbers(name: str, value: object, like: torch.Tensor) -> torch.Tensor:
    """Return numbers as a tensor.

    Args:
        name: of the argument, for the error.
        value: an array, tensor or nested sequence of numbers.
        like: gives dtype and device.

    Returns:
        The tensor, any shape.

    Raises:
        InvalidArgumentError: something else, or not all finite.
    """
    try:
        tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidArgumentError(name, "numbers", type(value).__name__) from error
    if not bool(torch.isfinite(tensor).all()):
        raise InvalidArgumentError(name, "finite numbers", "NaN or Inf")
    return tensor


def parse_background(value: Background, default: tuple[float, float, float]) -> tuple[float, float, float] | str:
    """Return a background colour in [0, 1], or "image" or "transparent".

    Args:
        value: None, "image", "transparent", "#rrggbb", or three sRGB numbers in [0, 1].
        default: colour that None stands for.

    Returns:
        The colour or the word.

    Raises:
        InvalidArgumentError: anything else.
    """
    if value is None:
        return default
    if isinstance(value, str):
        known = value if value in ("image", "transparent") else hex_color(value)
        if known is None:
            raise InvalidArgumentError("background", _BACKGROUNDS, repr(value)[:60])
        return known
    try:
        color = value.tolist() if isinstance(value, torch.Tensor) else list(value)
    except TypeError as error:
        raise InvalidArgumentError("background", _BACKGROUNDS, repr(value)[:60]) from error
    valid = isinstance(color, list) and len(color) == 3
    if not valid or not all(is_finite_number(channel) and 0 <= channel <= 1 for channel in color):
        raise InvalidArgumentError("background", _BACKGROUNDS, repr(value)[:60])
    return float(color[0]), float(color[1]), float(color[2])


def parse_size(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) in pixels.

    Args:
        value: edge of a square picture, or (height, width).

    Returns:
        (height, width).

    Raises:
        InvalidArgumentError: not positive whole numbers up to 8192.
    """
    pair: object = (value, value) if is_whole(value) else value
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InvalidArgumentError("size", _SIZES, repr(value)[:60])
    if not all(is_whole(edge) and 1 <= edge <= 8192 for edge in pair):
        raise InvalidArgumentError("size", _SIZES, repr(value)[:60])
    return int(pair[0]), int(pair[1])
