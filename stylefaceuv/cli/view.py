"""Options that say how a head shall look, and what their words mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?")
_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_ANGLES = ("yaw", "pitch", "roll")


def _size(ctx: click.Context, param: click.Parameter, value: str) -> int | tuple[int, int]:
    """``512`` or ``WIDTHxHEIGHT`` becomes the edge or (height, width)."""
    match = _SIZE.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"expected pixels or WIDTHxHEIGHT, got {value!r}", ctx, param)
    width, height = match.groups()
    return int(width) if height is None else (int(height), int(width))


def _background(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """``#rrggbb`` becomes three numbers in [0, 1]; the words stay."""
    if value is None or value in ("image", "transparent"):
        return value
    match = _HEX.fullmatch(value)
    if match is None:
        raise click.BadParameter(f"expected image, transparent or #rrggbb, got {value!r}", ctx, param)
    return tuple(int(channel, 16) / 255 for channel in match.groups())


def _expression(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Any:
    """``NAME=WEIGHT`` pairs become a mapping; ``own`` and ``neutral`` stay words."""
    if len(values) == 1 and values[0] in ("own", "neutral"):
        return values[0]
    weights = {}
    for value in values:
        name, _, weight = value.partition("=")
        try:
            weights[name] = float(weight)
        except ValueError as error:
            raise click.BadParameter(
                f"expected NAME=WEIGHT, or own or neutral alone, got {value!r}", ctx, param
            ) from error
    return weights or None


def view_options(angles: tuple[str, ...] = _ANGLES, unset: str = "own") -> Callable[..., Any]:
    """Add the options of a picture; :func:`view` turns them into arguments of ``Face.render``.

    Args:
        angles: which of yaw, pitch and roll to offer.
        unset: what an angle is that is not given.

    Returns:
        A decorator.
    """
    options = [
        *(click.option(f"--{name}", type=float, default=None, help=f"Degrees.  [default: {unset}]") for name in angles),
        click.option("--size", callback=_size, default="512", metavar="PX|WxH", help="Pixels."),
        click.option(
            "--expression",
            callback=_expression,
            multiple=True,
            metavar="NAME=WEIGHT",
            help="Repeatable; replaces the head's own expression. Or: own, neutral.",
        ),
        click.option("--lighting", default=None, metavar="NAME", help="Preset such as studio.  [default: own]"),
        click.option(
            "--background",
            callback=_background,
            default=None,
            metavar="image|transparent|#rrggbb",
            help="Grey if not given.",
        ),
        click.option("--clay", is_flag=True, help="The bare shape, without its texture."),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def view(values: dict[str, Any]) -> dict[str, Any]:
    """Take the values of :func:`view_options` out of a verb's values.

    Args:
        values: of the command; the view's are removed.

    Returns:
        Arguments of :meth:`stylefaceuv.types.Face.render`; what was not asked for is left out.
    """
    options = {
        name: values.pop(name) for name in (*_ANGLES, "size", "expression", "lighting", "background") if name in values
    }
    if values.pop("clay"):
        options["shading"] = "clay"
    return {name: value for name, value in options.items() if value is not None}
