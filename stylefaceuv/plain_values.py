"""Plain values told apart: whole numbers, finite numbers, paths and hex colours. NumPy's scalars count as numbers.

Imports neither torch nor NumPy: the command line needs these before anything heavy is loaded.
"""

from __future__ import annotations

import math
import os
import re
from numbers import Integral, Real
from pathlib import Path
from typing import TypeGuard

from stylefaceuv.errors import InvalidArgumentError

_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of Python or NumPy; True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_finite_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number of Python or NumPy that a float can hold; True and False are not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def whole(name: str, value: object, low: int, high: int = 2**31) -> int:
    """Return a whole number as Python's own.

    Args:
        name: of the argument, for the error.
        value: a whole number of Python or NumPy.
        low: the least.
        high: the largest.

    Returns:
        The same number.

    Raises:
        InvalidArgumentError: something else, or out of range.
    """
    if not is_whole(value) or not low <= value <= high:
        raise InvalidArgumentError(name, f"a whole number, {low} to {high}", repr(value)[:60])
    return int(value)


def number(name: str, value: object, low: float, high: float, expected: str | None = None) -> float:
    """Return a number as Python's own float.

    Args:
        name: of the argument, for the error.
        value: a number of Python or NumPy.
        low: the least.
        high: the largest.
        expected: for the error; None says the range.

    Returns:
        The same number.

    Raises:
        InvalidArgumentError: something else, not finite, or out of range.
    """
    if not is_finite_number(value) or not low <= value <= high:
        raise InvalidArgumentError(name, expected or f"a number in [{low:g}, {high:g}]", repr(value)[:60])
    return float(value)


def as_path(name: str, value: object) -> Path:
    """Return a path.

    Args:
        name: of the argument, for the error.
        value: a str or a path.

    Returns:
        The path.

    Raises:
        InvalidArgumentError: something else.
    """
    if not isinstance(value, str) and not (isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)):
        raise InvalidArgumentError(name, "a str or Path", repr(value)[:60])
    return Path(value)


def hex_color(text: str) -> tuple[float, float, float] | None:
    """Return the three numbers in [0, 1] of ``#rrggbb``, or None where a text is something else."""
    match = _HEX.fullmatch(text)
    if match is None:
        return None
    red, green, blue = (int(channel, 16) / 255 for channel in match.groups())
    return red, green, blue
