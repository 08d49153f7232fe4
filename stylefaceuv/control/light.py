"""What a user writes for light becomes nine spherical-harmonics coefficients a colour, or a typed error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.control.values import parse_numbers
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import is_finite_number
from stylefaceuv.rendering.light_presets import LIGHT_PRESETS, light_preset
from stylefaceuv.types import Face

BRIGHTEST = 1e6
"""Largest linear light of a lamp; beyond it single precision may overflow."""
_CODED = {"uint8": 255.0, "uint16": 65535.0}
"""What 1 is in pictures of whole numbers, which are sRGB."""


@dataclass(frozen=True)
class DirectionalLight:
    """One distant lamp and light from all around.

    Attributes:
        direction: towards the lamp, world frame (+X the viewer's right, +Y up, +Z the viewer), any length.
        color: linear RGB in [0, 1e6]: the shading of a surface that faces the lamp.
        ambient: linear RGB in [0, 1e6]: the shading of every surface.
    """

    direction: tuple[float, float, float]
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    ambient: tuple[float, float, float] = (0.2, 0.2, 0.2)

    def __post_init__(self) -> None:
        self._check("direction", -math.inf, math.inf, "three finite numbers, not all zero")
        if not any(self.direction):
            raise InvalidArgumentError("lighting.direction", "three finite numbers, not all zero", self.direction)
        for name in ("color", "ambient"):
            self._check(name, 0.0, BRIGHTEST, f"three finite numbers, not negative, up to {BRIGHTEST:g}")

    def _check(self, name: str, low: float, high: float, expected: str) -> None:
        """Refuse what are no three numbers in a range, and keep them as Python's own."""
        value = getattr(self, name)
        triple = isinstance(value, tuple | list | np.ndarray) and len(value) == 3
        if not triple or not all(is_finite_number(part) and low <= part <= high for part in value):
            raise InvalidArgumentError(f"lighting.{name}", expected, repr(value)[:60])
        object.__setattr__(self, name, tuple(float(part) for part in value))

    @property
    def towards(self) -> tuple[float, float, float]:
        """The direction with its longest part 1: single precision holds no very long or short one."""
        longest = max(map(abs, self.direction))
        x, y, z = (part / longest for part in self.direction)
        return x, y, z


Lighting = None | str | Path | DirectionalLight | Face | np.ndarray | torch.Tensor


def is_own(value: Lighting) -> bool:
    """Return whether a user asks for the light of the face's own photo."""
    return value is None or (isinstance(value, str) and value == "own")


def parse_lighting(value: Lighting, own: torch.Tensor) -> torch.Tensor:
    """Return the spherical-harmonics light that a user asks for.

    Args:
        value: one of

            - None or "own": the face's own light;
            - a preset's name: studio, overcast, left, right, top, rim, sunset;
            - (9, 3) or (27,) coefficients;
            - a :class:`DirectionalLight`;
            - an equirectangular environment, (H, W, 3): float is linear light; uint8 and uint16 are sRGB, of which 255
              and 65535 are 1;
            - the path of such an image (.hdr, .exr, .png, .jpg, .tif and whatever imageio reads);
            - a :class:`~stylefaceuv.types.Face`: the light of its photo.
        own: (9, 3) float, the face's own light.

    Returns:
        (9, 3) float, linear light.

    Raises:
        InvalidArgumentError: unknown name, wrong shape, or a file that is no image.
    """
    if value is None or is_own(value):
        return own
    if isinstance(value, str) and value in LIGHT_PRESETS:
        return light_preset(value).to(own)
    if isinstance(value, str | Path):
        return _environment(_read(value), own)
    if isinstance(value, DirectionalLight):
        from stylefaceuv.rendering.environment_map import sh_from_direction

        return sh_from_direction(value.towards, value.color, value.ambient).to(own)
    if isinstance(value, Face):
        return value.coefficients.lighting.reshape(9, 3).to(own)
    if getattr(value, "ndim", 0) == 3:
        return _environment(value, own)
    coefficients = parse_numbers("lighting", value, own)
    if tuple(coefficients.shape) not in ((9, 3), (27,)):
        expected = "shape (9, 3) or (27,), or an environment of shape (H, W, 3)"
        raise InvalidArgumentError("lighting", expected, tuple(coefficients.shape))
    return coefficients.reshape(9, 3)


def _environment(image: npt.NDArray[np.generic] | torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Project an (H, W, 3) environment onto spherical harmonics."""
    from stylefaceuv.rendering.environment_map import sh_from_environment

    dtype = str(image.dtype).removeprefix("torch.")
    if dtype not in _CODED and "float" not in dtype:
        raise InvalidArgumentError("lighting", "an environment of floats (linear), uint8 or uint16 (sRGB)", dtype)
    values = parse_numbers("lighting", image, own)
    if values.shape[-1] != 3 or min(values.shape) < 2:
        raise InvalidArgumentError("lighting", "an environment of shape (H, W, 3)", tuple(values.shape))
    if bool((values < 0).any()):
        raise InvalidArgumentError("lighting", "an environment without negative light", float(values.min()))
    linear = srgb_to_linear(values / _CODED[dtype]) if dtype in _CODED else values
    return sh_from_environment(linear).to(own)


def _read(path: str | Path) -> npt.NDArray[np.generic]:
    """Read the pixels of an environment image as they are."""
    file = Path(path)
    if not _is_file(file):
        names = ", ".join(sorted(LIGHT_PRESETS))
        raise InvalidArgumentError("lighting", f"'own', one of {names}, or an image file", repr(str(path))[:60])
    import imageio.v3 as imageio

    try:
        image = np.asarray(imageio.imread(file))
    except Exception as error:  # every decoder has errors of its own
        raise InvalidArgumentError("lighting", "an image that imageio reads", f"{file} ({error})") from error
    if image.ndim != 3 or image.shape[2] < 3:
        raise InvalidArgumentError("lighting", "an image with three channels", f"{file} of shape {image.shape}")
    return image[..., :3]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file
        return False
