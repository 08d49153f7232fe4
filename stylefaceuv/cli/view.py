"""Options that say how a head shall look, and the arguments of ``Face.render`` that they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from stylefaceuv.cli import words

_ANGLES = ("yaw", "pitch", "roll")
_PLAIN = (*_ANGLES, "size", "expression", "add", "gaze", "lighting", "background")
_CAMERA = ("orbit", "distance", "dolly", "fov")
_LAMP = ("light_direction", "light_color", "light_ambient")


def _pose_options(angles: tuple[str, ...], unset: str) -> list[Callable[..., Any]]:
    return [
        *(click.option(f"--{name}", type=float, default=None, help=f"Degrees.  [default: {unset}]") for name in angles),
        click.option("--size", callback=words.size, default="512", metavar="PX|WxH", help="Pixels."),
    ]


def _expression_options() -> list[Callable[..., Any]]:
    return [
        click.option(
            "--expression",
            callback=words.expression,
            multiple=True,
            metavar="NAME=WEIGHT",
            help="Repeatable; replaces the head's own expression. Or one word: own, neutral or a preset such as smile.",
        ),
        click.option(
            "--add",
            callback=words.mix,
            multiple=True,
            metavar="NAME=WEIGHT",
            help="Repeatable; added to the expression.",
        ),
        click.option(
            "--gaze",
            callback=words.numbers(2, "YAW,PITCH"),
            metavar="YAW,PITCH",
            help="Of the eyes against the head, degrees.",
        ),
    ]


def _light_options() -> list[Callable[..., Any]]:
    def triple(name: str, form: str, text: str) -> Callable[..., Any]:
        return click.option(name, callback=words.numbers(3, form), metavar=form, help=text)

    return [
        click.option(
            "--lighting",
            default=None,
            metavar="NAME|FILE",
            help="Preset such as studio, or an equirectangular image (HDR or not).  [default: own]",
        ),
        triple("--light-direction", "X,Y,Z", "Towards one lamp: right, up, to the viewer; instead of --lighting."),
        triple("--light-color", "R,G,B", "Of that lamp, linear.  [default: 0.8,0.8,0.8]"),
        triple("--light-ambient", "R,G,B", "Light from all around it, linear.  [default: 0.2,0.2,0.2]"),
    ]


def _camera_options() -> list[Callable[..., Any]]:
    return [
        click.option(
            "--orbit",
            callback=words.numbers(2, "YAW,PITCH"),
            metavar="YAW,PITCH",
            help="Camera around the head, degrees; the light stays.",
        ),
        click.option("--distance", type=float, default=None, help="Of the camera, metres.  [default: about 1.2]"),
        click.option("--dolly", type=float, default=None, help="Factor on the distance.  [default: 1]"),
        click.option("--fov", type=float, default=None, help="Vertical field of view, degrees.  [default: 12.6]"),
    ]


def _surface_options() -> list[Callable[..., Any]]:
    return [
        click.option(
            "--background",
            callback=words.background,
            default=None,
            metavar="image|transparent|#rrggbb",
            help="Grey if not given.",
        ),
        click.option("--clay", is_flag=True, help="The bare shape, without its texture."),
        click.option("--no-self-shadow", is_flag=True, help="No shade of the head's shape on ears, neck and eyes."),
    ]


def view_options(angles: tuple[str, ...] = _ANGLES, unset: str = "own") -> Callable[..., Any]:
    """Add the options of a picture; :func:`view` turns them into arguments of ``Face.render``.

    Args:
        angles: which of yaw, pitch and roll to offer.
        unset: what an angle is that is not given.

    Returns:
        A decorator.
    """
    options = [
        *_pose_options(angles, unset),
        *_expression_options(),
        *_light_options(),
        *_camera_options(),
        *_surface_options(),
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

    Raises:
        InvalidArgumentError: a camera or lamp that cannot be.
        click.UsageError: two kinds of light.
    """
    options = {name: values.pop(name) for name in _PLAIN if name in values}
    options["lighting"] = _light(options["lighting"], _taken(values, _LAMP))
    options["view"] = _camera(_taken(values, _CAMERA))
    options["shading"] = "clay" if values.pop("clay") else None
    options["self_shadow"] = False if values.pop("no_self_shadow") else None
    return _taken(options, tuple(options))


def _taken(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Take values out, and leave out those that were not given."""
    taken = {name: values.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value is not None}


def _light(lighting: str | None, lamp: dict[str, Any]) -> Any:
    if not lamp:
        return lighting
    if lighting is not None:
        raise click.UsageError("--light-direction: expected no --lighting beside it, got both")
    if "light_direction" not in lamp:
        raise click.UsageError("--light-direction: expected X,Y,Z beside --light-color and --light-ambient, got none")
    from stylefaceuv.control import DirectionalLight

    return DirectionalLight(**{name.removeprefix("light_"): value for name, value in lamp.items()})


def _camera(asked: dict[str, Any]) -> Any:
    if not asked:
        return None
    from stylefaceuv.control import View

    yaw, pitch = asked.pop("orbit", (0.0, 0.0))
    angle = {"field_of_view": asked.pop("fov")} if "fov" in asked else {}
    return View(yaw=yaw, pitch=pitch, **angle, **asked)
