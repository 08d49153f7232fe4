"""Pinhole cameras. World: +Y up, the face looks along +Z; pixels: x right, y down, centres at +0.5."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from stylefaceuv.errors import InvalidArgumentError

FOCAL_PER_HEIGHT = 1015.0 / 224.0
DISTANCE = 10.0


@dataclass(frozen=True)
class Camera:
    """A perspective camera that looks at a point of the world.

    Attributes:
        height: of the picture, pixels.
        width: of the picture, pixels.
        focal_px: focal length, pixels.
        yaw: degrees by which the camera stands to the viewer's right of the target.
        pitch: degrees by which it stands above.
        distance: from the target, decimetres.
        target: the point it looks at, decimetres.
    """

    height: int
    width: int
    focal_px: float
    yaw: float = 0.0
    pitch: float = 0.0
    distance: float = DISTANCE
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise InvalidArgumentError("size", "at least 1 x 1 pixels", (self.height, self.width))
        for name in ("focal_px", "distance"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InvalidArgumentError(name, "a positive number", value)

    @classmethod
    def portrait(cls, height: int, width: int) -> Camera:
        """The camera of the paper's tool: focal 1015 px for 224 px of height (12.6 degrees), 10 dm away."""
        return cls(height, width, FOCAL_PER_HEIGHT * height)

    def orbit(self, yaw: float, pitch: float = 0.0) -> Camera:
        """Return the camera moved around its target, degrees; head and light stay."""
        return replace(self, yaw=self.yaw + yaw, pitch=self.pitch + pitch)

    def dolly(self, factor: float) -> Camera:
        """Return the camera at ``factor`` times the distance."""
        return replace(self, distance=self.distance * factor)

    def with_field_of_view(self, degrees: float) -> Camera:
        """Return the camera with another vertical field of view."""
        if not 0 < degrees < 170:
            raise InvalidArgumentError("degrees", "a field of view in (0, 170)", degrees)
        return replace(self, focal_px=self.height / 2 / math.tan(math.radians(degrees) / 2))

    @property
    def position(self) -> torch.Tensor:
        """(3,) float32, world, decimetres."""
        return torch.tensor(self.target) + self.distance * self._axes()[2]

    def _axes(self) -> torch.Tensor:
        """(3, 3): rows are the camera's right, up and backward directions in the world."""
        yaw, pitch = math.radians(self.yaw), math.radians(self.pitch)
        right = [math.cos(yaw), 0.0, -math.sin(yaw)]
        up = [-math.sin(yaw) * math.sin(pitch), math.cos(pitch), -math.cos(yaw) * math.sin(pitch)]
        back = [math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)]
        return torch.tensor([right, up, back])

    @property
    def cam_from_world(self) -> torch.Tensor:
        """(4, 4) float32; camera frame: +X right, +Y up, looks along -Z."""
        matrix = torch.eye(4)
        matrix[:3, :3] = self._axes()
        matrix[:3, 3] = -self._axes() @ self.position
        return matrix

    def project(self, world: torch.Tensor) -> torch.Tensor:
        """Project points.

        Args:
            world: (N, V, 3) float, decimetres.

        Returns:
            (N, V, 3) float: x and y in pixels, depth along the view in decimetres, positive in front.
        """
        transform = self.cam_from_world.to(world)
        local = world @ transform[:3, :3].T + transform[:3, 3]
        depth = -local[..., 2]
        scale = self.focal_px / depth
        x = self.width / 2 + local[..., 0] * scale
        y = self.height / 2 - local[..., 1] * scale
        return torch.stack([x, y, depth], dim=-1)
