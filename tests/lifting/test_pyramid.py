from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.lifting.pyramid import blend_bands, blur, blur_inside, levels_for, push_pull, shrink
from tests.reference.pyramid import blend_reference, push_pull_reference


def _image(seed: int = 0, height: int = 24, width: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64)
    weights = (torch.rand(2, 1, height, width, generator=generator, dtype=torch.float64) > 0.8).double()
    return values, weights


def test_push_pull_equals_the_naive_reference() -> None:
    values, weights = _image()
    expected = torch.stack([push_pull_reference(v, w[0]) for v, w in zip(values, weights, strict=True)])
    torch.testing.assert_close(push_pull(values, weights), expected)


def test_push_pull_keeps_known_texels_and_stays_within_their_range() -> None:
    values, weights = _image(1)
    filled = push_pull(values, weights)
    known = weights.expand_as(values) == 1
    torch.testing.assert_close(filled[known], values[known])
    assert filled.min() >= values[known].min() - 1e-9
    assert filled.max() <= values[known].max() + 1e-9


def test_push_pull_of_a_constant_is_the_constant() -> None:
    _, weights = _image(2)
    constant = torch.full((2, 3, 24, 16), 0.37, dtype=torch.float64)
    torch.testing.assert_close(push_pull(constant, weights), constant)


def test_prior_pulls_far_texels_to_zero() -> None:
    values = torch.ones(1, 1, 64, 64)
    weights = torch.zeros(1, 1, 64, 64)
    weights[..., :4, :4] = 1
    filled = push_pull(values, weights, prior=0.05)
    assert filled[0, 0, 5, 5] > 0.5
    assert filled[0, 0, 63, 63] < 0.5 * filled[0, 0, 5, 5]


def test_push_pull_gradient() -> None:
    values, weights = _image(3, 8, 4)
    assert torch.autograd.gradcheck(lambda v: push_pull(v, weights, 0.01), values.requires_grad_())


@pytest.mark.parametrize("size", [(24, 16), (13, 7)])
def test_blend_equals_bands_of_both_images(size: tuple[int, int]) -> None:
    (first, mask), (second, _) = _image(5, *size), _image(6, *size)
    mask = 0.7 * mask + 0.1
    expected = blend_reference(first, second, mask, 2)
    torch.testing.assert_close(blend_bands(first, second, mask, 2), expected)


@pytest.mark.parametrize("size", [(24, 16), (13, 7)])
def test_shrinking_takes_means_of_squares(size: tuple[int, int]) -> None:
    values, _ = _image(7, *size)
    torch.testing.assert_close(shrink(values, 2), functional.avg_pool2d(functional.avg_pool2d(values, 2), 2))


def test_blend_of_equal_images_is_the_image() -> None:
    values, weights = _image(4)
    torch.testing.assert_close(blend_bands(values, values, weights, 3), values)


def test_blend_takes_the_first_where_the_mask_is_one_everywhere() -> None:
    first, mask = _image(5)
    second, _ = _image(6)
    torch.testing.assert_close(blend_bands(first, second, torch.ones_like(mask), 3), first)
    torch.testing.assert_close(blend_bands(first, second, torch.zeros_like(mask), 3), second)


def test_blur_inside_ignores_what_has_no_weight() -> None:
    image = torch.full((1, 1, 32, 32), 0.5)
    weights = torch.ones(1, 1, 32, 32)
    image[..., 16:] = 100.0
    weights[..., 16:] = 0.0
    torch.testing.assert_close(blur_inside(image, weights, 3)[..., :16], image[..., :16])
    assert blur(image, 3)[0, 0, 0, 15] > 1


@pytest.mark.parametrize("size", [64, 256, 1024, 1536])
@pytest.mark.parametrize("cells", [12, 22, 40])
def test_levels_lead_to_as_many_cells_as_asked_and_less_than_twice_as_many(size: int, cells: int) -> None:
    levels = levels_for(size, cells)
    assert levels >= 1
    assert size < 2 * cells or cells <= size / 2**levels < 2 * cells
