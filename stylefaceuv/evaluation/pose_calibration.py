"""What a landmarker's points say about a head's pose, calibrated on heads of known pose.

Two things keep a landmarker from being a protractor. Its points do not lie where they seem to lie from the front: how
deep they sit shows on turned heads alone, and is found by intersecting the rays of several views. And it draws the far
side of a turned face as if it were turned less (or more), so that readings are put through a scale. Both are found
on rendered heads that no figure of the report is measured on, for each landmarker by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.head_pose import head_pose
from stylefaceuv.face_model.pose import rotation_matrix
from stylefaceuv.picture import CENTRE
from stylefaceuv.rendering.camera import Camera

CALIBRATION_YAWS = (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0)
LARGEST_RAY_YAW = 40.0
"""Beyond it the far side's points are guesses: they place nothing, they only count in the scale."""
_PULL = 1e-4


@dataclass(frozen=True)
class KnownView:
    """One head at a known yaw in the standard free view, and what a landmarker saw of it.

    Attributes:
        points: a tuple of (K, 3) float, head frame, decimetres: where the landmarker's points are thought to lie; one
            for the picture and, where the landmarker looks at it too, one for its mirror image.
        pixels: a tuple of (K, 2) float, where they were seen.
        yaw: degrees.
        size: edge of the picture, pixels.
    """

    points: tuple[torch.Tensor, ...]
    pixels: tuple[torch.Tensor, ...]
    yaw: float
    size: int


@dataclass(frozen=True)
class Protractor:
    """Measures how a known head is turned.

    Attributes:
        offsets: for the picture and its mirror image, (K, 3) float decimetres to add to the points.
        marks: (yaw read, true yaw) in degrees, ascending in both, from (0, 0) on: straight lines between and beyond
            them, the same for both signs.
    """

    offsets: tuple[torch.Tensor, ...]
    marks: tuple[tuple[float, float], ...] = ((0.0, 0.0), (90.0, 90.0))

    def pose(self, points: Sequence[torch.Tensor], pixels: Sequence[torch.Tensor], size: int) -> torch.Tensor:
        """Measure a pose.

        Args:
            points: as in :class:`KnownView`, (K, 3) each.
            pixels: (K, 2) each.
            size: edge of the picture, pixels.

        Returns:
            (3,) float32, yaw, pitch, roll in degrees.

        Raises:
            InvalidArgumentError: not as many points or pixels as offsets.
        """
        if not len(points) == len(pixels) == len(self.offsets):
            got = f"{len(points)} and {len(pixels)}"
            raise InvalidArgumentError("points, pixels", f"{len(self.offsets)} pictures each", got)
        parts = zip(points, self.offsets, pixels, strict=True)
        poses = torch.stack([head_pose(place + offset, seen, size) for place, offset, seen in parts])
        poses[1:] *= poses.new_tensor([-1.0, 1.0, -1.0])
        mean = poses.mean(0)
        mean[0] = self._true_yaw(float(mean[0]))
        return mean

    def _true_yaw(self, reading: float) -> float:
        read, true = np.array(self.marks).T
        segment = int(np.clip(np.searchsorted(read, abs(reading)), 1, len(read) - 1))
        slope = (true[segment] - true[segment - 1]) / (read[segment] - read[segment - 1])
        return float(np.sign(reading) * (true[segment] + slope * (abs(reading) - read[segment])))


def calibrate(views: Sequence[KnownView]) -> Protractor:
    """Calibrate a landmarker.

    Args:
        views: several heads, each at several yaws on both sides.

    Returns:
        The protractor: read with it, the views have about their own yaws.

    Raises:
        InvalidArgumentError: no views, yaws of one sign only, or readings that do not grow with the yaw.
    """
    if not views or min(view.yaw for view in views) >= 0 or max(view.yaw for view in views) <= 0:
        raise InvalidArgumentError("views", "some of both signs of yaw", [view.yaw for view in views])
    near = [view for view in views if abs(view.yaw) <= LARGEST_RAY_YAW] or list(views)
    offsets = tuple(_intersect_rays(near, picture) for picture in range(len(views[0].points)))
    plain = Protractor(offsets)
    readings = [float(plain.pose(view.points, view.pixels, view.size)[0]) for view in views]
    return Protractor(offsets, _marks(readings, [view.yaw for view in views]))


def _marks(readings: Sequence[float], yaws: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The mean reading of each size of yaw."""
    marks = [(0.0, 0.0)]
    for size in sorted({abs(yaw) for yaw in yaws} - {0.0}):
        turned = [np.sign(yaw) * read for read, yaw in zip(readings, yaws, strict=True) if abs(yaw) == size]
        marks.append((float(np.mean(turned)), size))
    if any(after[0] <= before[0] for before, after in pairwise(marks)):
        raise InvalidArgumentError("views", "readings that grow with the yaw", marks)
    return tuple(marks)


def _intersect_rays(views: Sequence[KnownView], picture: int) -> torch.Tensor:
    """(K, 3) decimetres from where the points were thought to lie to where their rays meet, over all views at once."""
    count = len(views[0].points[picture])
    normal, right = torch.zeros(count, 3, 3), torch.zeros(count, 3)
    for view in views:
        rows, gap = _rays(view, picture)
        normal += torch.einsum("kic,kid->kcd", rows, rows)
        right += torch.einsum("kic,ki->kc", rows, gap)
    return torch.linalg.solve(normal + torch.eye(3) * (_PULL * len(views)), right[..., None])[..., 0]


def _rays(view: KnownView, picture: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two equations for each point's offset: (K, 2, 3) factors and (K, 2) what they must give."""
    sign = -1.0 if picture else 1.0
    camera, place = Camera.portrait(view.size, view.size), torch.tensor(CENTRE)
    turn = rotation_matrix(torch.tensor([sign * view.yaw, 0.0, 0.0]))
    tangent = (view.pixels[picture] - view.size / 2) * torch.tensor([1.0, -1.0]) / camera.focal_px
    rows = turn[:2] + tangent[..., None] * turn[2]
    distance = float(camera.distance)
    goal = tangent * (distance - place[2]) - place[:2]
    return rows, goal - torch.einsum("kic,kc->ki", rows, view.points[picture])
