"""Where the camera stands: an orbit around the head, its distance and its field of view."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from stylefaceuv.control.values import LARGEST_ANGLE
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import number
from stylefaceuv.rendering.camera import DISTANCE, FOCAL_PER_HEIGHT, Camera

DECIMETRES_PER_METRE = 10.0
NEAREST = 0.25
"""Least distance of the camera from the middle of the head, metres: just outside the skull."""


@dataclass(frozen=True)
class View:
    """A camera that moves while head and light stay where they are.

    Attributes:
        yaw: degrees by which the camera goes around the head to the viewer's right.
        pitch: degrees by which it goes up, in [-89, 89].
        distance: from the middle of the head, metres, at least 0.25; None is where StyleGAN2's camera stands,
            about 1.2 m.
        dolly: factor on the distance; below 1 the camera is nearer and the head larger.
        field_of_view: vertical, degrees, in [1, 120]; None is 12.6.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    distance: float | None = None
    dolly: float = 1.0
    field_of_view: float | None = None

    def __post_init__(self) -> None:
        self._check("yaw", -LARGEST_ANGLE, LARGEST_ANGLE, f"degrees within ±{LARGEST_ANGLE:g}")
        self._check("pitch", -89, 89, "degrees in [-89, 89]")
        self._check("dolly", 1e-3, 1e3, "a factor in [0.001, 1000]")
        if self.distance is not None:
            self._check("distance", NEAREST, 1e3, f"metres in [{NEAREST}, 1000]")
        if self.field_of_view is not None:
            self._check("field_of_view", 1, 120, "degrees in [1, 120]")

    def _check(self, name: str, low: float, high: float, expected: str) -> None:
        """Refuse a field out of range, and keep it as Python's own number."""
        checked = number(f"view.{name}", getattr(self, name), low, high, expected)
        object.__setattr__(self, name, checked)

    @property
    def moved(self) -> bool:
        """Whether this is another view than StyleGAN2's."""
        return self != View()

    def camera(self, height: int, width: int, head: torch.Tensor) -> Camera:
        """Return the camera.

        Args:
            height: of the picture, pixels.
            width: of the picture, pixels.
            head: (3,) float, the middle of the head in the world, decimetres; the camera goes around it.

        Returns:
            The camera; for the default view the one that StyleGAN2's images are registered with.

        Raises:
            InvalidArgumentError: the camera would stand in the head.
        """
        camera = Camera.portrait(height, width)
        if self.field_of_view is not None:
            camera = camera.with_field_of_view(self.field_of_view)
        x, y, z = (float(part) for part in head)
        usual = DISTANCE - z
        distance = (usual if self.distance is None else self.distance * DECIMETRES_PER_METRE) * self.dolly
        if distance < NEAREST * DECIMETRES_PER_METRE:
            got = f"{distance / DECIMETRES_PER_METRE:.3g}"
            raise InvalidArgumentError("view", f"a camera at least {NEAREST} metres from the head", got)
        if self.yaw == 0 and self.pitch == 0 and distance == usual:
            return camera
        turned = replace(camera, yaw=float(self.yaw), pitch=float(self.pitch), distance=distance)
        right, up = (axis.tolist() for axis in turned.cam_from_world[:2, :3])
        target = tuple(c - x * r - y * u for c, r, u in zip((x, y, z), right, up, strict=True))
        return replace(turned, target=(target[0], target[1], target[2]))


def parse_view(value: View | None) -> View:
    """Return the view that a user asks for.

    Args:
        value: a view, or None for StyleGAN2's.

    Returns:
        The view.

    Raises:
        InvalidArgumentError: something else.
    """
    if value is None:
        return View()
    if not isinstance(value, View):
        raise InvalidArgumentError("view", "a stylefaceuv.control.View", repr(value)[:60])
    return value


def check_view_over_photo(background: object, view: View | None) -> None:
    """Refuse a moved camera over the StyleGAN2 image, whose camera stands still.

    Args:
        background: of the picture, as the user writes it.
        view: the camera.

    Raises:
        InvalidArgumentError: both are asked for, or the view is none.
    """
    if parse_view(view).moved and isinstance(background, str) and background == "image":
        raise InvalidArgumentError("view", "the usual camera over the StyleGAN2 image", "a moved one")


def covering_camera(height: int, width: int) -> Camera:
    """Return the camera of a picture that a square photo covers: the photo's, cut to the picture's shape."""
    return Camera(height, width, FOCAL_PER_HEIGHT * max(height, width))
