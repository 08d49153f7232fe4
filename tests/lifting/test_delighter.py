"""Light and albedo, one from the other in turn, on a head whose albedo is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.face_model.morphable import MorphableModel
from stylefaceuv.lifting.albedo_model import AlbedoModel
from stylefaceuv.lifting.delighter import Delighter
from stylefaceuv.lifting.delighting import luminance, shading
from stylefaceuv.lifting.projection import LiftedTexels
from stylefaceuv.lifting.surface import Surface
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.types import PART_NAMES
from tests.lifting.scenes import neutral

ATLAS, SMALL, PHOTO = 128, 64, 256
SKIN = (0.78, 0.60, 0.52)


@dataclass(frozen=True)
class Frontal:
    """A head seen from the front, of one skin colour."""

    delighter: Delighter
    seen: LiftedTexels

    def lit(self, light: torch.Tensor, gain: float = 1.0) -> LiftedTexels:
        """What a photo under a light shows."""
        linear = gain * srgb_to_linear(torch.tensor(SKIN)) * shading(self.seen.normal, light)
        return replace(self.seen, color=linear_to_srgb(linear.clamp(0, 1)))

    @property
    def sure(self) -> torch.Tensor:
        """(T,) bool: skin that is surely seen."""
        return (self.seen.confidence > 0.9) & (self.delighter.texels.part == PART_NAMES.index("skin"))


@pytest.fixture(scope="module")
def frontal(head: MorphableModel) -> Frontal:
    mean = torch.tensor(SKIN).reshape(3, 1, 1).expand(3, SMALL, SMALL).clone()
    tone = 0.16 * torch.ones(1, 3, SMALL, SMALL)
    model = AlbedoModel(mean, tone, torch.full((1, SMALL, SMALL), 0.025))
    surface = Surface(head, ATLAS)
    seen = surface.project(torch.rand(3, PHOTO, PHOTO), neutral(), None)
    return Frontal(Delighter(model, surface.texels), seen)


@pytest.mark.parametrize("preset", ["studio", "left", "top"])
def test_what_is_delit_is_even_and_as_bright_as_the_photo(frontal: Frontal, preset: str) -> None:
    grey = light_preset(preset).mean(dim=1, keepdim=True).expand(9, 3)
    seen = frontal.lit(grey)
    light, fit = frontal.delighter(seen)
    photo = luminance(srgb_to_linear(seen.color))[frontal.sure]
    delit = luminance(srgb_to_linear(seen.color) / shading(seen.normal, light))[frontal.sure]
    bright = luminance(shading(seen.normal, grey))[frontal.sure] > 0.3  # what is darker, nine damped harmonics miss
    assert float(delit[bright].std() / delit.mean()) < 0.5 * float(photo[bright].std() / photo.mean())
    assert float(delit.median()) == pytest.approx(float(photo.median()), rel=0.25)
    assert fit.texture.shape == (1, 3, SMALL, SMALL)


def test_a_darker_photo_is_a_darker_skin_under_the_same_light(frontal: Frontal) -> None:
    studio = 0.8 * light_preset("studio")
    bright, _ = frontal.delighter(frontal.lit(studio))
    dark, _ = frontal.delighter(frontal.lit(studio, gain=0.5))
    assert float((bright - dark).abs().max()) < 0.15 * float(bright.abs().max())


def test_light_from_the_left_is_found_as_the_mirror_image_of_light_from_the_right(frontal: Frontal) -> None:
    flip = torch.ones(9, 1)
    flip[[3, 4, 7]] = -1  # the harmonics that are odd in x
    left = light_preset("left")
    one, _ = frontal.delighter(frontal.lit(left))
    other, _ = frontal.delighter(frontal.lit(left * flip))
    torch.testing.assert_close(other * flip, one, atol=0.03, rtol=0)
    assert float(one[3].abs().min()) > 0.05


def test_what_no_skin_looks_like_gets_no_weight(frontal: Frontal) -> None:
    seen = frontal.lit(light_preset("studio"))
    texels = frontal.delighter.texels
    cover = torch.zeros(1, ATLAS, ATLAS)
    cover[:, 20:44, 40:88] = 1  # a hat on the forehead
    hat = texels.gather(cover)[:, 0] > 0
    _, fit = frontal.delighter(
        replace(seen, color=torch.where(hat[:, None], torch.tensor([0.05, 0.2, 0.5]), seen.color))
    )
    weights, covered = fit.weights[0, 0], cover[0, ::2, ::2] > 0
    sure = torch.nn.functional.adaptive_avg_pool2d(texels.scatter(seen.confidence[:, None])[None], SMALL)[0, 0] > 0.9
    assert int((covered & sure).sum()) > 50
    assert float(weights[covered & sure].mean()) < 0.1
    assert float(weights[~covered & sure].mean()) > 0.7


def test_unseen_faces_are_the_mean_skin(frontal: Frontal) -> None:
    blind = replace(frontal.seen, confidence=torch.zeros_like(frontal.seen.confidence))
    light, fit = frontal.delighter(blind)
    assert bool(torch.isfinite(light).all())
    torch.testing.assert_close(fit.texture, frontal.delighter.albedo_model.mean[None], atol=1e-3, rtol=0)
