"""From a stylecode to the coefficients and maps of a face: image, landmarks, registration, lifting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.components import Components
from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.lifting.lifter import LiftedFace, Lifter, Photo
from stylefaceuv.lifting.registration import Registrar
from stylefaceuv.networks.blendshape_network import BLENDSHAPE_NAMES
from stylefaceuv.networks.generator import to_unit_range
from stylefaceuv.types import FaceCoefficients, UVMaps

DISPLACEMENT_RESOLUTION = 64
HAIR = ("clean", "keep")


@dataclass(frozen=True)
class MadeFace:
    """What is known of one stylecode after all networks have run.

    Attributes:
        coefficients: unbatched, registered on the image, lighting as estimated from it.
        maps: the textures.
        registration_error: mean landmark distance in outer-eye distances.
        image: (R, R, 3) uint8 sRGB, the StyleGAN2 image.
    """

    coefficients: FaceCoefficients
    maps: UVMaps
    registration_error: float
    image: npt.NDArray[np.uint8]


class FaceMaker:
    """Runs the networks for one stylecode after the other, so that memory does not grow with the batch.

    Args:
        components: the parts.
        texture_size: edge of the diffuse map, texels.
        hair: "clean" completes bare skin under hair, "keep" paints the photo's hair on the scalp.

    Raises:
        InvalidArgumentError: unknown choice.
    """

    def __init__(self, components: Components, texture_size: int = 1024, hair: str = "clean") -> None:
        if hair not in HAIR:
            raise InvalidArgumentError("hair", f"one of {HAIR}", repr(hair))
        self.keep_hair = hair == "keep"
        self.components = components
        self.registrar = Registrar(components.face_model)
        self.lifter = Lifter(components.face_model, components.albedo_model, texture_size)

    @torch.inference_mode()
    def make(self, stylecode: torch.Tensor) -> MadeFace:
        """Make one face.

        Args:
            stylecode: (512,) float32.

        Returns:
            Coefficients, maps, registration error and image.
        """
        parts = self.components
        image = to_unit_range(parts.generator.synthesis(stylecode[None]))
        detection = parts.landmarker.detect(image)
        points = detection.points[..., :2]
        registered = self.registrar(
            parts.mapper(stylecode[None]), points, detection.blendshapes, BLENDSHAPE_NAMES, image.shape[-1]
        )
        coefficients = registered.coefficients[0]
        lifted = self.lifter(Photo(image[0], coefficients, points[0]), keep_hair=self.keep_hair)
        coefficients = replace(coefficients, lighting=lifted.lighting.reshape(27))
        pixels = _to_pixels(image[0])
        return MadeFace(coefficients, _maps(lifted), float(registered.error[0]), pixels)


def _maps(lifted: LiftedFace) -> UVMaps:
    flat = np.zeros((DISPLACEMENT_RESOLUTION, DISPLACEMENT_RESOLUTION, 3), np.float32)
    return UVMaps(_to_pixels(lifted.diffuse), flat, lifted.confidence.cpu().numpy())


def _to_pixels(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    """(3, H, W) in [0, 1] to (H, W, 3) uint8."""
    return np.ascontiguousarray((image * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy())
