"""Light out of colours, and how bright what is left has to be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as functional

from stylefaceuv.colour import linear_to_srgb, srgb_to_linear
from stylefaceuv.lifting.delighting import (
    SKIN_GREEN_TO_BLUE,
    SKIN_RED_TO_GREEN,
    SMALLEST_SHADING,
    even_out,
    fix_gain,
    luminance,
    shading,
    spread_light,
    tint_no_skin_has,
    uneven_light,
)
from stylefaceuv.lifting.lighting_estimation import estimate_lighting
from stylefaceuv.rendering.light_presets import light_preset
from stylefaceuv.rendering.lighting import ambient_light, directional_light
from tests.lifting.scenes import smooth_image

SKINS = {"light": (0.60, 0.42, 0.33), "dark": (0.060, 0.035, 0.025)}


def front(count: int = 4000) -> torch.Tensor:
    """(T, 3) normals of a face."""
    source = torch.Generator().manual_seed(0)
    return functional.normalize(torch.randn(count, 3, generator=source) + torch.tensor([0.0, 0.0, 1.5]), dim=1)


def lit_skin(name: str, light: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normals, albedo and pixels of speckled skin under grey light."""
    normals = front()
    speckle = 0.85 + 0.3 * torch.rand(len(normals), 1, generator=torch.Generator().manual_seed(1))
    albedo = torch.tensor(SKINS[name]) * speckle
    return normals, albedo, albedo * shading(normals, light)


@pytest.mark.parametrize("name", sorted(SKINS))
@pytest.mark.parametrize("preset", ["studio", "left", "top"])
def test_a_lit_albedo_is_recovered_from_its_median_tone(name: str, preset: str) -> None:
    grey = light_preset(preset).mean(dim=1, keepdim=True).expand(9, 3)
    weights = torch.ones(4000)
    light = fix_gain(grey, front(), weights)
    normals, albedo, pixels = lit_skin(name, light)
    guess = albedo.median(dim=0).values.expand_as(albedo)
    found = fix_gain(estimate_lighting(pixels, normals, guess, weights), normals, weights)
    delit = pixels / shading(normals, found)
    bright = shading(normals, light)[:, 0] > 0.3  # what is darker, nine damped harmonics do not know
    assert float((delit / albedo - 1)[bright].abs().mean()) < 0.12
    assert float((pixels / albedo - 1)[bright].abs().mean()) > 2 * float((delit / albedo - 1)[bright].abs().mean())


@pytest.mark.parametrize("gain", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("name", sorted(SKINS))
def test_the_albedo_keeps_the_median_luminance_of_the_seen_skin(name: str, gain: float) -> None:
    light = gain * light_preset("studio")
    normals, _, pixels = lit_skin(name, light)
    fixed = fix_gain(light, normals, torch.ones(len(normals)))
    delit = pixels / shading(normals, fixed)
    torch.testing.assert_close(luminance(delit).median(), luminance(pixels).median(), atol=0, rtol=0.06)


def test_dark_skin_stays_dark() -> None:
    medians = {}
    for name in SKINS:
        normals, albedo, pixels = lit_skin(name, light_preset("studio"))
        light = fix_gain(light_preset("studio"), normals, torch.ones(len(normals)))
        medians[name] = float(luminance(pixels / shading(normals, light)).median() / luminance(albedo).median())
    assert medians["dark"] == pytest.approx(medians["light"], rel=0.05)


def test_only_seen_skin_decides_the_gain_and_too_little_of_it_nothing() -> None:
    normals, light = front(), light_preset("left")
    weights = (normals[:, 0] < 0).float()
    fixed = fix_gain(light, normals, weights)
    torch.testing.assert_close(
        luminance(shading(normals[weights > 0], fixed)).median(), torch.tensor(1.0), atol=0.01, rtol=0
    )
    assert abs(float(luminance(shading(normals, fixed)).median()) - 1) > 0.02
    few = torch.zeros(len(normals))
    few[:10] = 1
    assert torch.equal(fix_gain(light, normals, few), light)


def test_shading_can_always_be_divided_by() -> None:
    dark = shading(front(), 0.3 * directional_light((1.0, 0.0, 0.0)))
    assert float(dark.min()) == pytest.approx(SMALLEST_SHADING)
    torch.testing.assert_close(shading(front(), ambient_light()), torch.ones(4000, 3))


def evened_out(lifted: torch.Tensor, *arguments: Any, **options: float) -> torch.Tensor:
    """An albedo without the slow light that is found in it."""
    return even_out(lifted, uneven_light(lifted, *arguments, **options))


def test_slow_brightness_that_the_model_does_not_know_is_evened_out_and_detail_is_kept() -> None:
    size = 256
    plain = srgb_to_linear(smooth_image(size, cells=3)[None])
    slope = torch.linspace(0.6, 1.6, size).expand(1, 1, size, size)
    checks = 1 + 0.1 * ((torch.arange(size)[:, None] + torch.arange(size)) % 2 * 2 - 1.0)
    lifted, usual = linear_to_srgb(plain * slope * checks), linear_to_srgb(plain)
    weights = torch.ones(1, 1, size, size)
    even = srgb_to_linear(evened_out(lifted, usual, weights, share=1.0)) / plain
    middle = even[..., 32:-32, 32:-32]
    flat = functional.avg_pool2d(middle, 2)
    assert float(flat.std() / flat.mean()) < 0.06
    assert float((plain * slope)[..., 32:-32].std()) > 0.05
    contrast = (middle[..., ::2, ::2] - middle[..., ::2, 1::2]).abs().mean() / middle.mean()
    assert float(contrast) > 0.18
    torch.testing.assert_close(
        evened_out(lifted.clamp(0, 1), usual, weights, 0.0), lifted.clamp(0, 1), atol=1e-4, rtol=0
    )
    unseen = evened_out(lifted.clamp(0, 1), usual, 0 * weights, 1.0)
    torch.testing.assert_close(unseen, lifted.clamp(0, 1), atol=1e-4, rtol=0)


def test_light_on_large_maps_is_that_of_small_ones() -> None:
    """What is slow is worked out on a smaller map: a large photo of the same face has the same light."""
    size = 512
    plain = smooth_image(size, cells=3)[None]
    slope = torch.linspace(0.6, 1.4, size).expand(1, 1, size, size)
    lifted = linear_to_srgb(srgb_to_linear(plain) * slope)
    weights = torch.ones(1, 1, size, size)
    weights[..., : size // 4, :] = 0
    options = {"share": 0.8, "tint_share": 0.5, "uneven_share": 0.9}
    large = uneven_light(lifted, plain, weights, **options)
    small = uneven_light(*(functional.avg_pool2d(each, 2) for each in (lifted, plain, weights)), **options)
    assert float(large.std()) > 0.03
    assert large.shape == (1, 3, size, size)
    torch.testing.assert_close(functional.avg_pool2d(large, 2), small, atol=0.03, rtol=0)


def test_light_goes_on_beyond_the_hairline_and_fades() -> None:
    size, small = 256, 64
    light, weights = torch.full((1, 3, size, size), 1.0), torch.zeros(1, 1, size, size)
    weights[..., 128:, :] = 1
    light[..., 128:, :] = torch.tensor([0.5, 1.0, 2.0])[None, :, None, None]
    spread = spread_light(light, weights, small)
    assert spread.shape == (1, 3, small, small)
    torch.testing.assert_close(spread[..., 45:, :], light[..., ::4, ::4][..., 45:, :], atol=1e-3, rtol=1e-3)
    column = spread[0, 0, :, 32]
    assert bool((column.diff() <= 1e-3).all()), "no edge on the way up"
    assert 0.5 <= float(column[28]) < 0.6
    assert float(column[0]) > float(column[28]) + 0.05
    torch.testing.assert_close(spread[:, 1], torch.ones(1, small, small))
    torch.testing.assert_close(spread_light(light, 0 * weights, small), torch.ones(1, 3, small, small))


def test_a_slow_tint_is_taken_out_and_a_fine_one_and_the_skins_own_tone_stay() -> None:
    size, skin = 256, torch.tensor([0.7, 0.5, 0.42])[None, :, None, None]
    usual = skin.expand(1, 3, size, size) * 0.9
    ramp = torch.linspace(-0.08, 0.08, size)
    cast = torch.stack([ramp, torch.zeros(size), -ramp])[None, :, None, :].expand(1, 3, size, size)
    stripes = 0.03 * torch.tensor([1.0, -1.0]).repeat_interleave(2).repeat(size // 4)
    lifted = skin + cast + stripes
    weights = torch.ones(1, 1, size, size)
    evened = evened_out(lifted, usual, weights, 0.0, 0.9)

    def spread(texture: torch.Tensor) -> float:
        means = functional.avg_pool2d(texture, 32)
        return float((means[:, 0] - means[:, 2])[..., 1:-1].std())

    assert spread(evened) < 0.35 * spread(lifted)
    assert spread(evened_out(lifted, usual, weights, 0.0, 0.0)) == pytest.approx(spread(lifted), rel=1e-3)
    fine = evened[..., 64:192] - functional.avg_pool2d(evened, 9, stride=1, padding=4)[..., 64:192]
    assert float(fine.std()) > 0.02
    torch.testing.assert_close(evened.mean((0, 2, 3)), skin[0, :, 0, 0], atol=0.02, rtol=0)


def test_what_differs_between_both_sides_is_light_more_surely_than_what_differs_along_the_face() -> None:
    size = 256
    usual, weights = torch.full((1, 3, size, size), 0.6), torch.ones(1, 1, size, size)
    across = torch.linspace(-0.08, 0.08, size).expand(1, 3, size, size)
    side, down = 0.6 + across, 0.6 + across.mT

    def kept(texture: torch.Tensor) -> float:
        evened = evened_out(texture, usual, weights, share=0.0, uneven_share=1.0)
        inner = slice(24, -24)  # a blurred ramp is flatter at its ends
        return float((evened - evened.mean())[..., inner, inner].std() / (texture - 0.6)[..., inner, inner].std())

    assert kept(side) < 0.1
    assert kept(down) == pytest.approx(1, abs=0.02)
    together = evened_out(side, usual, weights, share=0.5)
    torch.testing.assert_close(evened_out(side, usual, weights, 0.5, uneven_share=0.5), together)


@pytest.mark.parametrize("tone", [(194, 150, 130), (115, 82, 68), (224, 172, 148)])
def test_skin_tones_are_left_alone(tone: tuple[int, int, int]) -> None:
    linear = srgb_to_linear(torch.tensor(tone) / 255)
    torch.testing.assert_close(tint_no_skin_has(linear), torch.ones(3))


@pytest.mark.parametrize("tone", [(175, 135, 140), (120, 160, 130), (230, 90, 60), (200, 150, 70), (60, 60, 200)])
def test_a_tint_that_no_skin_has_is_light_and_a_second_look_finds_none(tone: tuple[int, int, int]) -> None:
    linear = srgb_to_linear(torch.tensor(tone, dtype=torch.float64) / 255)
    skin = linear / tint_no_skin_has(linear)
    red_to_green, green_to_blue = float(skin[0] / skin[1]), float(skin[1] / skin[2])
    assert SKIN_RED_TO_GREEN[0] - 1e-9 <= red_to_green <= SKIN_RED_TO_GREEN[1] + 1e-9
    assert SKIN_GREEN_TO_BLUE[0] - 1e-9 <= green_to_blue <= SKIN_GREEN_TO_BLUE[1] + 1e-9
    assert not torch.allclose(skin, linear)
    torch.testing.assert_close(tint_no_skin_has(skin), torch.ones(3, dtype=torch.float64))
