"""Named lights: each a sum of lamps and an ambient term, in the scene's frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.rendering.lighting import ambient_light, directional_light

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class LightRig:
    """Lamps of a preset.

    Attributes:
        ambient: shading of every normal, linear RGB.
        lamps: pairs of the direction towards a lamp and its colour.
    """

    ambient: Triple
    lamps: tuple[tuple[Triple, Triple], ...]


LIGHT_PRESETS: dict[str, LightRig] = {
    "studio": LightRig(
        (0.38, 0.38, 0.39), (((-0.6, 0.5, 0.8), (0.62, 0.6, 0.58)), ((0.8, 0.2, 0.5), (0.2, 0.21, 0.23)))
    ),
    "overcast": LightRig((0.62, 0.64, 0.67), (((0.0, 1.0, 0.3), (0.38, 0.39, 0.4)),)),
    "left": LightRig((0.17, 0.17, 0.18), (((-1.0, 0.15, 0.35), (1.0, 0.98, 0.95)),)),
    "right": LightRig((0.17, 0.17, 0.18), (((1.0, 0.15, 0.35), (1.0, 0.98, 0.95)),)),
    "top": LightRig((0.2, 0.2, 0.21), (((0.0, 1.0, 0.25), (1.0, 0.98, 0.95)),)),
    "rim": LightRig((0.16, 0.17, 0.2), (((-0.9, 0.3, -0.6), (1.1, 1.1, 1.15)), ((0.9, 0.3, -0.6), (0.9, 0.85, 0.8)))),
    "sunset": LightRig((0.26, 0.24, 0.32), (((0.9, 0.1, 0.6), (1.15, 0.62, 0.32)),)),
}


def light_preset(name: str) -> torch.Tensor:
    """Return a named light.

    Args:
        name: one of ``LIGHT_PRESETS``.

    Returns:
        (9, 3) float32.

    Raises:
        InvalidArgumentError: unknown name.
    """
    if name not in LIGHT_PRESETS:
        raise InvalidArgumentError("name", f"one of {', '.join(sorted(LIGHT_PRESETS))}", repr(name))
    rig = LIGHT_PRESETS[name]
    light = ambient_light(rig.ambient)
    for direction, color in rig.lamps:
        light = light + directional_light(direction, color)
    return light
