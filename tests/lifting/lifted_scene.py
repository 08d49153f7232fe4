"""A lifter whose albedo model is known, and photos of heads whose albedo is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from stylefaceuv.colour import srgb_to_linear
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.albedo_model import AlbedoModel
from stylefaceuv.lifting.lifter import Lifter
from stylefaceuv.lifting.photo import Photo
from stylefaceuv.types import PART_NAMES, FaceCoefficients
from tests.lifting.scenes import photograph, smooth_image

ATLAS, SMALL, PHOTO = 256, 64, 512
SKIN = (0.78, 0.60, 0.52)
HAIR = (0.12, 0.09, 0.08)


@dataclass(frozen=True)
class Scene:
    """What the tests share.

    Attributes:
        head: the real head.
        lifter: with an albedo model of four patterns and one tone.
        face: (T,) bool, skin between brows and chin, at the front.
    """

    head: MorphableModel
    lifter: Lifter
    face: torch.Tensor

    def albedo(self, seed: int, skin: tuple[float, float, float] = SKIN) -> torch.Tensor:
        """(3, R, R) sRGB: a skin of the albedo model's patterns, with freckles it does not know."""
        code = 0.7 * torch.randn(1, 5, generator=torch.Generator().manual_seed(seed))
        code[:, 4] = 0
        base = self.lifter.albedo_model.decode(code) - torch.tensor(SKIN).reshape(1, 3, 1, 1)
        large = functional.interpolate(base, size=(ATLAS, ATLAS), mode="bilinear", align_corners=False)[0]
        freckles = 0.04 * (smooth_image(ATLAS, seed + 9, cells=64, channels=1) - 0.5)
        tone = torch.tensor(skin).reshape(3, 1, 1)
        return (tone * (1 + (large + freckles) / 0.6)).clamp(0.01, 0.99)

    def at(self, image: torch.Tensor) -> torch.Tensor:
        """(T', 3) linear colours of a map on the face."""
        return srgb_to_linear(self.lifter.texels.gather(image)[self.face])

    def photo(self, albedo: torch.Tensor, light: torch.Tensor, own: FaceCoefficients) -> Photo:
        return Photo(photograph(self.head, own, albedo, light, PHOTO), own)


def make_scene(head: MorphableModel) -> Scene:
    """A lifter of the embedded head, whose albedo model has four patterns and one tone."""
    source = torch.Generator().manual_seed(0)
    coarse = torch.randn(4, 1, 6, 6, generator=source)
    pattern = functional.interpolate(coarse + coarse.flip(-1), size=(SMALL, SMALL), mode="bicubic")
    basis = 0.02 * pattern * torch.tensor([1.0, 1.1, 1.1]).reshape(1, 3, 1, 1)
    tone = 0.16 * torch.ones(1, 3, SMALL, SMALL)
    mean = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, SMALL, SMALL).clone()
    model = AlbedoModel(mean, torch.cat([basis, tone]), torch.full((1, SMALL, SMALL), 0.025))
    lifter = Lifter(head, model, ATLAS)
    rest, points = lifter.surface.rest_positions, head.landmarks(head.mean[None])[0]
    front = (rest[:, 2] > 0.5) & (rest[:, 1] < points[[105, 334], 1].mean()) & (rest[:, 1] > points[152, 1])
    return Scene(head, lifter, front & (lifter.texels.part == PART_NAMES.index("skin")))
