"""Refuses what can be refused before weights are loaded and heads are made, which takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def check_picture(options: dict[str, Any], weights: str | None) -> dict[str, Any]:
    """Refuse a picture that no head could be shown in.

    Args:
        options: arguments of :meth:`stylefaceuv.types.Face.render`.
        weights: the user's own bundle, whose names of units are not known yet; None for the embedded one.

    Returns:
        The arguments; of an environment image what was read of it, so that it is read once.

    Raises:
        InvalidArgumentError: an angle, gaze, expression, light or camera that cannot be.
    """
    from stylefaceuv.control import check_expression, check_view_over_photo, parse_angle, parse_gaze
    from stylefaceuv.face_model.arkit import EXPRESSION_NAMES

    for name in ("yaw", "pitch", "roll"):
        parse_angle(name, options.get(name), 0.0)
    parse_gaze(options.get("gaze"))
    check_view_over_photo(options.get("background"), options.get("view"))
    if weights is None:
        check_expression(options.get("expression"), options.get("add"), EXPRESSION_NAMES)
    return _read_environment(options)


def _read_environment(options: dict[str, Any]) -> dict[str, Any]:
    import torch

    from stylefaceuv.control import parse_lighting
    from stylefaceuv.rendering.light_presets import LIGHT_PRESETS

    lighting = options.get("lighting")
    if not isinstance(lighting, str) or lighting == "own" or lighting in LIGHT_PRESETS:
        return options
    return {**options, "lighting": parse_lighting(lighting, torch.zeros(9, 3))}


def check_transparency(options: dict[str, Any], path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a transparent background in a file that has none.

    Args:
        options: arguments of :meth:`stylefaceuv.types.Face.render`.
        path: the file.
        suffixes: of files that can be transparent.

    Raises:
        click.UsageError: another suffix.
    """
    if options.get("background") == "transparent" and path.suffix.lower() not in suffixes:
        raise click.UsageError(f"--background: expected {' or '.join(suffixes)} for transparent, got {path.name}")


def check_even(options: dict[str, Any], path: Path) -> None:
    """Refuse an odd size in an MP4 file.

    Raises:
        click.UsageError: it is one.
    """
    size = options["size"]
    height, width = size if isinstance(size, tuple) else (size, size)
    if path.suffix.lower() == ".mp4" and (height % 2 or width % 2):
        raise click.UsageError(f"--size: expected even numbers for MP4, got {width}x{height}")


def check_light_of(options: dict[str, Any], index: int | None) -> None:
    """Refuse another head's light beside a light.

    Args:
        options: arguments of :meth:`stylefaceuv.types.Face.render`.
        index: number of the other head; None for none.

    Raises:
        click.UsageError: both are there.
    """
    if index is not None and "lighting" in options:
        raise click.UsageError("--light-of: expected no --lighting or --light-direction beside it, got both")


def read_stylecode(ctx: click.Context, param: click.Parameter, value: Path | None) -> Any:
    """Read the file of ``--stylecode``: (512,) float32, or None where none is given."""
    if value is None:
        return None
    import numpy as np

    from stylefaceuv.errors import InvalidArgumentError
    from stylefaceuv.stylecodes import check_stylecodes

    expected = "a .npy file with 512 float32 numbers"
    try:
        array = np.load(value, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidArgumentError("stylecode", expected, f"{value}, which is none") from error
    if not isinstance(array, np.ndarray) or array.size != 512 or array.dtype != np.float32:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InvalidArgumentError("stylecode", expected, f"{value} with {found}")
    try:
        return check_stylecodes(array.reshape(512))[0]
    except InvalidArgumentError as error:
        raise InvalidArgumentError("stylecode", error.expected, f"{value} with {error.got}") from error


def check_number(name: str, low: float, high: float, expected: str | None = None) -> Any:
    """Return a callback that refuses numbers out of range, NaN among them, which click's own ranges let pass."""

    def check(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
        from stylefaceuv.plain_values import number

        return None if value is None else number(name, value, low, high, expected)

    return check
