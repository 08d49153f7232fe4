"""The face landmarker as its makers ship it (TFLite), to measure the converted one against.

Needs ``ai-edge-litert`` (the ``training`` extra) and ``face_landmarker.task``. The crops are taken with NumPy, one
pixel formula at a time, so that nothing but the numbers of the specification is shared with the converted landmarker.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylefaceuv.networks.blendshape_network import LANDMARK_SUBSET
from stylefaceuv.training.convert_landmarker import BLENDSHAPE_MODEL, LANDMARK_MODEL, read_model

Array = npt.NDArray[np.float32]
Crop = tuple[float, float, float, float]

_SIZE = 256


class OriginalLandmarker:
    """Runs the TFLite networks on one image at a time."""

    def __init__(self, task: Path) -> None:
        """Read the networks.

        Args:
            task: ``face_landmarker.task``.

        Raises:
            WeightsError: the archive or its networks are missing.
        """
        from ai_edge_litert.interpreter import Interpreter

        self._landmarks = Interpreter(model_content=read_model(task, LANDMARK_MODEL))
        self._blendshapes = Interpreter(model_content=read_model(task, BLENDSHAPE_MODEL))
        self._landmarks.allocate_tensors()
        self._blendshapes.allocate_tensors()

    def run_crop(self, crop: Array) -> tuple[Array, float]:
        """Run the landmark network.

        Args:
            crop: (256, 256, 3) float32 in [0, 1], sRGB.

        Returns:
            (478, 3) points in pixels of the crop and the presence probability.
        """
        self._landmarks.set_tensor(self._landmarks.get_input_details()[0]["index"], crop[None])
        self._landmarks.invoke()
        outputs = {o["name"]: self._landmarks.get_tensor(o["index"]) for o in self._landmarks.get_output_details()}
        return outputs["Identity"].reshape(478, 3), 1 / (1 + math.exp(-float(outputs["Identity_1"].item())))

    def run_blendshapes(self, points: Array) -> Array:
        """Run the blendshape network on (478, 3) points; (52,) scores."""
        used = np.ascontiguousarray(points[None, list(LANDMARK_SUBSET), :2])
        self._blendshapes.set_tensor(self._blendshapes.get_input_details()[0]["index"], used)
        self._blendshapes.invoke()
        return self._blendshapes.get_tensor(self._blendshapes.get_output_details()[0]["index"]).copy()

    def detect(self, image: Array, first: Crop, refinements: int, antialias: bool = True) -> tuple[Array, float]:
        """Find the points, refining the crop.

        Args:
            image: (H, W, 3) float32 in [0, 1], sRGB.
            first: centre x, centre y, side in pixels, clockwise turn in degrees.
            refinements: how often the crop is taken anew.
            antialias: halve the image before crops that shrink it by 2 or more; MediaPipe itself does not.

        Returns:
            (478, 3) points in pixels of the image and the presence probability.
        """
        crop = first
        for step in range(refinements + 1):
            found, score = self.run_crop(cut_crop(image, crop, antialias))
            points = _to_image(found, crop)
            if step < refinements:
                crop = _crop_of(points)
        return points, score


def cut_crop(image: Array, crop: Crop, antialias: bool = True) -> Array:
    """Sample a turned square bilinearly; edges are repeated.

    Args:
        image: (H, W, 3) float32.
        crop: centre x, centre y, side in pixels, clockwise turn in degrees.
        antialias: halve the image before crops that shrink it by 2 or more.

    Returns:
        (256, 256, 3) float32.
    """
    x, y, side, turn = crop
    if antialias and side / _SIZE >= 2:
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        half = image[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
        return cut_crop(half, (x / 2, y / 2, side / 2, turn))
    offset = ((np.arange(_SIZE) + 0.5) / _SIZE - 0.5) * side
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    columns = x + offset[None, :] * cosine - offset[:, None] * sine - 0.5
    rows = y + offset[None, :] * sine + offset[:, None] * cosine - 0.5
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
    right_share, low_share = (columns - left)[..., None], (rows - top)[..., None]

    def pixel(row: npt.NDArray[np.int_], column: npt.NDArray[np.int_]) -> Array:
        return image[row.clip(0, image.shape[0] - 1), column.clip(0, image.shape[1] - 1)]

    above = pixel(top, left) * (1 - right_share) + pixel(top, left + 1) * right_share
    below = pixel(top + 1, left) * (1 - right_share) + pixel(top + 1, left + 1) * right_share
    return (above * (1 - low_share) + below * low_share).astype(np.float32)


def _to_image(points: Array, crop: Crop) -> Array:
    x, y, side, turn = crop
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    u, v = ((points[:, i] / _SIZE - 0.5) * side for i in (0, 1))
    columns = [x + u * cosine - v * sine, y + u * sine + v * cosine, points[:, 2] / _SIZE * side]
    return np.stack(columns, 1).astype(np.float32)


def _crop_of(points: Array) -> Crop:
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    x, y = ((low + high) / 2).tolist()
    eyes = points[263] - points[33]
    return x, y, 1.5 * float((high - low).max()), math.degrees(math.atan2(eyes[1], eyes[0]))
