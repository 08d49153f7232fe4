"""What the words of the command line mean: sizes, colours, mixes of units and tuples of numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from stylefaceuv.plain_values import hex_color

Callback = Callable[[click.Context, click.Parameter, Any], Any]

_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?")
_WORD = re.compile(r"[A-Za-z_]+")
_LARGEST_EDGE = 8192


def size(ctx: click.Context, param: click.Parameter, value: str) -> int | tuple[int, int]:
    """``512`` or ``WIDTHxHEIGHT`` becomes the edge or (height, width)."""
    match = _SIZE.fullmatch(value)
    edges = [int(edge) for edge in match.groups() if edge is not None] if match else []
    if not edges or not all(1 <= edge <= _LARGEST_EDGE for edge in edges):
        expected = f"pixels or WIDTHxHEIGHT, each 1 to {_LARGEST_EDGE}"
        raise click.BadParameter(f"expected {expected}, got {value[:40]!r}", ctx, param)
    return edges[0] if len(edges) == 1 else (edges[1], edges[0])


def background(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """``#rrggbb`` becomes three numbers in [0, 1]; the words stay."""
    if value is None or value in ("image", "transparent"):
        return value
    color = hex_color(value)
    if color is None:
        raise click.BadParameter(f"expected image, transparent or #rrggbb, got {value!r}", ctx, param)
    return color


def expression(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Any:
    """A single word, such as ``own`` or a preset, stays; ``NAME=WEIGHT`` pairs become a mapping."""
    if len(values) == 1 and _WORD.fullmatch(values[0]):
        return values[0]
    return _mix(ctx, param, values, "NAME=WEIGHT, or one word alone (own, neutral or a preset)")


def mix(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Any:
    """``NAME=WEIGHT`` pairs become a mapping."""
    return _mix(ctx, param, values, "NAME=WEIGHT")


def numbers(count: int, form: str) -> Callback:
    """Return a callback that reads numbers between commas.

    Args:
        count: how many there must be.
        form: what the user sees, such as ``YAW,PITCH``.

    Returns:
        A callback for a click option; its value is a tuple of floats.
    """

    def parse(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
        if value is None:
            return None
        try:
            parsed = tuple(float(part) for part in value.split(","))
        except ValueError:
            parsed = ()
        if len(parsed) != count:
            raise click.BadParameter(f"expected {form}, got {value[:40]!r}", ctx, param)
        return parsed

    return parse


def _mix(ctx: click.Context, param: click.Parameter, values: tuple[str, ...], expected: str) -> Any:
    weights: dict[str, float] = {}
    for value in values:
        name, _, weight = value.partition("=")
        if name in weights:
            raise click.BadParameter(f"expected each unit once, got {name!r} again", ctx, param)
        try:
            weights[name] = float(weight)
        except ValueError as error:
            raise click.BadParameter(f"expected {expected}, got {value!r}", ctx, param) from error
    return weights or None
