"""Renders over colours and photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylefaceuv.colour import linear_to_srgb
from stylefaceuv.rendering.compositing import (
    _largest,
    composite_matte,
    composite_over_color,
    composite_over_photo,
    matte,
)
from stylefaceuv.rendering.rasterizer import Fragments
from stylefaceuv.rendering.renderer import RenderOutput

HEIGHT, WIDTH = 60, 84


def disc(color: tuple[float, float, float], radius: float = 22.0) -> RenderOutput:
    """A round thing of one colour in the middle, with a soft outline."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    distance = ((rows - HEIGHT / 2) ** 2 + (columns - WIDTH / 2) ** 2).sqrt()
    alpha = (radius + 0.5 - distance).clamp(0, 1)[None, None]
    empty = Fragments(torch.zeros(1, 1, 1, dtype=torch.int64), torch.zeros(1, 1, 1))
    return RenderOutput(alpha * torch.tensor(color)[None, :, None, None], alpha, alpha[:, :0], alpha[:, :0], empty)


def over(output: RenderOutput, backdrop: np.ndarray, region: torch.Tensor | None = None) -> np.ndarray:
    return composite_over_photo(output.color, output.alpha, backdrop, region)


def photo(red: float, green: float, blue: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), [red, green, blue], np.uint8)


def srgb(color: tuple[float, float, float]) -> np.ndarray:
    return (linear_to_srgb(torch.tensor(color)) * 255).numpy()


def test_over_a_colour_each_pixel_is_its_share_of_both() -> None:
    output, backdrop = disc((0.8, 0.4, 0.1)), torch.tensor([0.1, 0.2, 0.3])
    mixed = composite_over_color(output, backdrop)
    for i, j in ((0, 0), (30, 42), (30, 20), (30, 19), (14, 27)):
        share = float(output.alpha[0, 0, i, j])
        expected = share * torch.tensor([0.8, 0.4, 0.1]) + (1 - share) * backdrop
        torch.testing.assert_close(mixed[0, :, i, j], expected)
    assert bool(((output.alpha > 0) & (output.alpha < 1)).any())


def test_the_matte_is_soft_inside_and_zero_outside() -> None:
    alpha = disc((1.0, 1.0, 1.0)).alpha
    soft = matte(alpha, 3)
    assert float(soft[0, 0, 30, 42]) == 1
    assert not soft[alpha <= 0.5].any()
    assert bool((soft <= alpha + 1e-6).all())
    profile = soft[0, 0, 30, 19:42]
    assert bool((profile.diff() >= -1e-6).all())
    assert float(profile.diff().max()) < 0.35  # no step, also not at the outline
    assert float(soft.mean()) > 0.1


def test_outside_the_render_the_photo_stays_as_it_is() -> None:
    source = np.random.default_rng(0)
    backdrop = source.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    mixed = over(disc((0.8, 0.4, 0.1)), backdrop)
    outside = disc((0.0, 0.0, 0.0)).alpha[0, 0].numpy() == 0
    assert mixed.dtype == np.uint8
    np.testing.assert_array_equal(mixed[outside], backdrop[outside])


def test_a_render_darker_than_the_photo_leaves_no_seam() -> None:
    own = (0.30, 0.22, 0.16)
    backdrop = photo(*(srgb(own) + 30).tolist())
    mixed = over(disc(own), backdrop).astype(int)
    steps = max(int(np.abs(np.diff(mixed, axis=axis)).max()) for axis in (0, 1))
    assert steps <= 6  # a paste without matching steps by 30
    assert np.abs(mixed[30, 42] - backdrop[30, 42]).max() <= 12


def test_a_render_that_fits_keeps_its_detail() -> None:
    output = disc((0.3, 0.3, 0.3))
    stripes = torch.ones(1, 3, HEIGHT, WIDTH)
    stripes[..., 28:32, 38:46] = 0.5
    output = RenderOutput(output.color * stripes, output.alpha, output.normals, output.uv, output.fragments)
    mixed = over(output, photo(*srgb((0.3, 0.3, 0.3)).tolist()))
    expected = (linear_to_srgb(output.color[0].permute(1, 2, 0)) * 255).numpy()
    assert np.abs(mixed[26:34, 36:48] - expected[26:34, 36:48]).max() <= 3


def test_where_the_region_is_empty_the_photo_shows() -> None:
    region = torch.ones(1, 1, HEIGHT, WIDTH)
    region[..., : WIDTH // 2] = 0
    backdrop = photo(200, 40, 90)
    mixed = over(disc((0.05, 0.6, 0.05)), backdrop, region)
    np.testing.assert_array_equal(mixed[:, : WIDTH // 2], backdrop[:, : WIDTH // 2])


def test_a_render_of_nothing_leaves_the_photo() -> None:
    backdrop = photo(10, 200, 77)
    np.testing.assert_array_equal(over(disc((1.0, 1.0, 1.0), radius=-5), backdrop), backdrop)


def test_a_photo_of_another_size_is_brought_to_the_renders() -> None:
    mixed = over(disc((0.2, 0.2, 0.2)), np.full((2 * HEIGHT, 2 * WIDTH, 3), 90, np.uint8))
    assert mixed.shape == (HEIGHT, WIDTH, 3)
    assert abs(int(mixed[0, 0, 0]) - 90) <= 1


def test_the_matte_is_full_but_for_a_narrow_ramp_and_has_no_holes() -> None:
    alpha = torch.zeros(1, 1, 200, 260)
    alpha[..., 20:180, 30:230] = 1
    region = torch.ones_like(alpha)
    region[..., 100:105, 120:126] = 0.2  # a nostril
    region[..., :60, :] = 0.3  # the scalp
    found = composite_matte(alpha, region)[0, 0]
    assert float((found > 0.99).sum() / (found > 0).sum()) > 0.9
    assert float(found[95:110, 115:130].min()) == 1
    assert float(found[:60].max()) == 0
    assert torch.equal(composite_matte(alpha), composite_matte(alpha, torch.ones_like(alpha)))


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 5, 40])
def test_the_largest_value_around_is_that_of_pooling(radius: int) -> None:
    values = torch.randn(2, 3, 17, 29, generator=torch.Generator().manual_seed(radius))
    padded = torch.nn.functional.pad(values, (radius,) * 4, value=-torch.inf)
    pooled = torch.nn.functional.max_pool2d(padded, 2 * radius + 1, stride=1)
    assert torch.equal(_largest(values, radius), pooled)


@pytest.mark.parametrize("feather", [1, 4])
def test_the_matte_is_the_mean_of_the_eroded_coverage(feather: int) -> None:
    alpha, size = torch.rand(2, 1, 13, 21, generator=torch.Generator().manual_seed(1)), 2 * feather + 1
    padded = torch.nn.functional.pad(alpha, (feather,) * 4, mode="replicate")
    eroded = padded.unfold(2, size, 1).unfold(3, size, 1).amin(dim=(-2, -1))
    padded = torch.nn.functional.pad(eroded, (feather,) * 4, mode="replicate")
    mean = padded.unfold(2, size, 1).unfold(3, size, 1).mean(dim=(-2, -1))
    torch.testing.assert_close(matte(alpha, feather), mean * (alpha > 0.5))


def test_colours_are_laid_over_a_photo_each_by_itself() -> None:
    output, source = disc((0.8, 0.4, 0.1)), np.random.default_rng(2)
    backdrop = source.integers(0, 256, (31, 40, 3)).astype(np.uint8)
    mixed = over(output, backdrop)
    turned = composite_over_photo(output.color.flip(1), output.alpha, backdrop[..., ::-1])
    np.testing.assert_array_equal(turned, mixed[..., ::-1])
    assert len(np.unique(mixed.reshape(-1, 3), axis=0)) > 100
