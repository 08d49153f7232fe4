"""Face landmarks of images: a crop, 478 points in it, a better crop from the points, and again.

The crops follow MediaPipe's face landmarker: a square, 1.5 times the longer side of the points' box, turned so that
the outer corners of the eyes lie level. Images aligned as in FFHQ need no face detector: all of them start from one
fixed crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES, BlendshapeNetwork
from stylefaceuv.networks.landmark_network import CROP_SIZE, LandmarkNetwork
from stylefaceuv.weights_file import load_into

RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263
"""The outer corners of the person's right and left eye, left and right in the image."""

_CROP_SCALE = 1.5
_FFHQ_CROP = (0.5, 0.6, 1.0, 0.0)
_BATCH = 8


@dataclass(frozen=True)
class LandmarkDetection:
    """What was found in N images.

    Attributes:
        points: (N, 478, 3) float32, x right and y down in pixels of the image, pixel (row i, column j) having its
            centre at (j + 0.5, i + 0.5); z in the same unit, negative towards the camera, about 0 at the head's centre.
        score: (N,) float32 in [0, 1], probability that the last crop shows a face.
        blendshapes: (N, 52) float32 in [0, 1], ordered as ``BLENDSHAPE_NAMES``.
    """

    points: torch.Tensor
    score: torch.Tensor
    blendshapes: torch.Tensor

    def arkit_scores(self, names: Sequence[str]) -> torch.Tensor:
        """Pick blendshape scores by name.

        Args:
            names: ARKit names in the wanted order; those the network does not score (``tongueOut``, names of other
                rigs) get NaN.

        Returns:
            (N, len(names)) float32 in [0, 1] or NaN.
        """
        known = {name: column for column, name in enumerate(BLENDSHAPE_NAMES)}
        picked = self.blendshapes.new_full((len(self.blendshapes), len(names)), torch.nan)
        columns = [i for i, name in enumerate(names) if name in known]
        picked[:, columns] = self.blendshapes[:, [known[names[i]] for i in columns]]
        return picked


class Landmarker(nn.Module):
    """Finds 478 points and 52 expression scores in images of one face each."""

    def __init__(self) -> None:
        """Make the networks; the weights are random until loaded."""
        super().__init__()
        self.landmark_network = LandmarkNetwork()
        self.blendshape_network = BlendshapeNetwork()

    @torch.no_grad()
    def detect(
        self, images: torch.Tensor, initial_crop: torch.Tensor | None = None, refinements: int = 2
    ) -> LandmarkDetection:
        """Find the landmarks.

        Args:
            images: (N, 3, H, W) float in [0, 1], sRGB; moved to the landmarker's device.
            initial_crop: (N, 4) float, the square to look at first: centre x, centre y and side in pixels, clockwise
                turn in degrees. ``None`` for images aligned as in FFHQ.
            refinements: how often the crop is taken anew from the points found; strongly turned heads want 3.

        Returns:
            The detection, on the landmarker's device.

        Raises:
            InvalidArgumentError: wrong shape or dtype, or a negative number of refinements.
        """
        _check(images, initial_crop, refinements)
        like = self.landmark_network.stem.weight
        crops = ffhq_crop(images) if initial_crop is None else initial_crop
        parts = [
            self._detect_batch(part.to(like), crop.to(like), refinements)
            for part, crop in zip(images.split(_BATCH), crops.split(_BATCH), strict=True)
        ]
        points, score, blendshapes = (torch.cat(values) for values in zip(*parts, strict=True))
        return LandmarkDetection(points, score, blendshapes)

    def _detect_batch(
        self, images: torch.Tensor, crops: torch.Tensor, refinements: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        pyramid = [images]
        for step in range(refinements + 1):
            found = self.landmark_network(cut_crops(pyramid, crops))
            points = points_to_image(found.points, crops)
            if step < refinements:
                crops = crop_of_points(points)
        return points, found.presence, self.blendshape_network(points)


def load_landmarker(path: str | Path) -> Landmarker:
    """Read a landmarker.

    Args:
        path: safetensors file.

    Returns:
        The landmarker, on the CPU, in evaluation mode, its weights frozen.

    Raises:
        WeightsError: the file is not a landmarker's.
    """
    landmarker = Landmarker()
    load_into(landmarker, path)
    return landmarker.eval().requires_grad_(False)


def ffhq_crop(images: torch.Tensor) -> torch.Tensor:
    """The crop that holds the face of any image aligned as in FFHQ.

    Args:
        images: (N, 3, H, W).

    Returns:
        (N, 4) float32: centre x, centre y, side in pixels, turn in degrees.
    """
    height, width = images.shape[-2:]
    x, y, side, turn = _FFHQ_CROP
    crop = torch.tensor([x * width, y * height, side * max(height, width), turn], device=images.device)
    return crop.expand(len(images), 4)


def crop_of_points(points: torch.Tensor) -> torch.Tensor:
    """The crop that MediaPipe takes in the next frame.

    Args:
        points: (N, 478, 2 or 3) float, pixels.

    Returns:
        (N, 4) float: centre x, centre y, side in pixels, clockwise turn in degrees.
    """
    low, high = points[..., :2].aminmax(dim=1)
    side = (high - low).amax(1, keepdim=True).clamp(min=1) * _CROP_SCALE
    eyes = points[:, LEFT_EYE_CORNER, :2] - points[:, RIGHT_EYE_CORNER, :2]
    turn = torch.rad2deg(torch.atan2(eyes[:, 1], eyes[:, 0]))
    return torch.cat([(low + high) / 2, side, turn[:, None]], 1)


def points_to_image(points: torch.Tensor, crops: torch.Tensor) -> torch.Tensor:
    """Carry points from crops to their images.

    Args:
        points: (N, K, 3) float, pixels of the crop.
        crops: (N, 4) float as from :func:`crop_of_points`.

    Returns:
        (N, K, 3) float, pixels of the image.
    """
    flat = (points[..., :2] - CROP_SIZE / 2) @ _turns(crops).mT
    scale = crops[:, None, 2:3] / CROP_SIZE
    return torch.cat([flat * scale + crops[:, None, :2], points[..., 2:] * scale], 2)


def cut_crops(pyramid: list[torch.Tensor], crops: torch.Tensor, size: int = CROP_SIZE) -> torch.Tensor:
    """Sample crops bilinearly, from images halved until the step is below two pixels; edges are repeated.

    Args:
        pyramid: first the images, (N, 3, H, W) float, then the same halved once, twice, ...; missing ones are added,
            so that the next call finds them.
        crops: (N, 4) float as from :func:`crop_of_points`.
        size: side of the result, pixels.

    Returns:
        (N, 3, size, size) float.
    """
    top = min(pyramid[0].shape[-2:]).bit_length() - 1
    levels = torch.log2(crops[:, 2] / size).floor().clamp(min=0, max=top).long()
    while len(pyramid) <= int(levels.max()):
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    used = levels.unique().tolist()
    if len(used) == 1:
        return _sample(pyramid[used[0]], crops, size, 2 ** used[0])
    cut = pyramid[0].new_empty(len(crops), 3, size, size)
    for level in used:
        rows = (levels == level).nonzero()[:, 0]
        cut[rows] = _sample(pyramid[level][rows], crops[rows], size, 2**level)
    return cut


def _sample(images: torch.Tensor, crops: torch.Tensor, size: int, shrink: int) -> torch.Tensor:
    extent = crops.new_tensor([images.shape[3], images.shape[2]]) * shrink
    linear = _turns(crops) * crops[:, 2, None, None] / extent[:, None]
    shift = 2 * crops[:, :2] / extent - 1
    theta = torch.cat([linear, shift[:, :, None]], 2)
    grid = F.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _turns(crops: torch.Tensor) -> torch.Tensor:
    """(N, 2, 2) rotations from the axes of the crops to those of the images."""
    turn = torch.deg2rad(crops[:, 3])
    sine, cosine = turn.sin(), turn.cos()
    return torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)


def _check(images: torch.Tensor, initial_crop: torch.Tensor | None, refinements: int) -> None:
    if not isinstance(images, torch.Tensor) or not images.is_floating_point():
        raise InvalidArgumentError("images", "a floating-point tensor", getattr(images, "dtype", type(images)))
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise InvalidArgumentError("images", "shape (N, 3, H, W), none of them 0", tuple(images.shape))
    if initial_crop is not None and initial_crop.shape != (len(images), 4):
        raise InvalidArgumentError("initial_crop", f"shape ({len(images)}, 4)", tuple(initial_crop.shape))
    if refinements < 0:
        raise InvalidArgumentError("refinements", "0 or more", refinements)
