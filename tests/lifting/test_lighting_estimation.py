from __future__ import annotations

import torch
import torch.nn.functional as functional

from stylefaceuv.lifting.delighting import fix_gain, luminance, shading
from stylefaceuv.lifting.lighting_estimation import estimate_lighting
from stylefaceuv.rendering.light_presets import light_preset


def _scene(count: int = 3000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    normals = functional.normalize(torch.randn(count, 3, generator=generator) + torch.tensor([0.0, 0.0, 1.5]), dim=1)
    albedo = torch.tensor([0.5, 0.3, 0.2]) * (0.9 + 0.2 * torch.rand(count, 1, generator=generator))
    light = light_preset("studio").mean(dim=1, keepdim=True).expand(9, 3)
    return normals, albedo, albedo * shading(normals, light), light


def test_recovers_the_shading_in_spite_of_outliers() -> None:
    normals, albedo, pixels, light = _scene()
    pixels = pixels.clone()
    pixels[::7] = 0.01  # hair
    found = estimate_lighting(pixels, normals, albedo, torch.ones(len(pixels)))
    error = (shading(normals, found) / shading(normals, light) - 1).abs()
    assert float(error.mean()) < 0.03


def test_the_light_is_grey() -> None:
    normals, albedo, pixels, _ = _scene()
    found = estimate_lighting(pixels, normals, albedo, torch.ones(len(pixels)))
    torch.testing.assert_close(found[:, 0], found[:, 2])


def test_without_skin_the_light_is_flat() -> None:
    normals, albedo, pixels, _ = _scene()
    found = estimate_lighting(pixels, normals, albedo, torch.zeros(len(pixels)))
    torch.testing.assert_close(shading(normals, found), torch.ones(len(pixels), 3))


def test_gain_makes_the_median_shading_one() -> None:
    normals, _, _, light = _scene()
    fixed = fix_gain(5 * light, normals, torch.ones(len(normals)))
    torch.testing.assert_close(luminance(shading(normals, fixed)).median(), torch.tensor(1.0), atol=0.01, rtol=0)


def test_luminance_of_grey_is_grey_on_any_axis() -> None:
    torch.testing.assert_close(luminance(torch.full((4, 3), 0.3)), torch.full((4,), 0.3))
    torch.testing.assert_close(luminance(torch.full((2, 3, 5), 0.3), dim=1), torch.full((2, 5), 0.3))
