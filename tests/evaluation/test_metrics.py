"""Metrics on pictures and sets whose answer is known, and controls that must score badly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.evaluation.crowd_measures import typology_angle
from stylefaceuv.evaluation.distribution_metrics import frechet_distance, kernel_distance, kernel_interval, project
from stylefaceuv.evaluation.image_metrics import HIGHEST_PSNR, masked_psnr, masked_ssim, perceptual_distance
from stylefaceuv.training.feature_networks import Vgg16

EVERYWHERE = torch.ones(1, 1, 64, 64, dtype=torch.bool)


def picture(seed: int = 0) -> torch.Tensor:
    """A smooth picture."""
    noise = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (64, 64), mode="bilinear")


def noise(seed: int = 1) -> torch.Tensor:
    """A picture of noise."""
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_identical_pictures_score_best() -> None:
    torch.manual_seed(0)
    image = picture()
    assert masked_psnr(image, image, EVERYWHERE) == HIGHEST_PSNR
    assert masked_ssim(image, image, EVERYWHERE) == pytest.approx(1, abs=1e-4)


def test_perceptual_distance_is_nothing_for_equals_and_most_for_noise() -> None:
    torch.manual_seed(0)
    network, image = Vgg16("random weights"), picture()
    near = perceptual_distance(image, (image + 0.02).clamp(0, 1), EVERYWHERE, network)
    assert perceptual_distance(image, image, EVERYWHERE, network) == pytest.approx(0, abs=1e-6)
    assert 0 < near < perceptual_distance(image, noise(), EVERYWHERE, network)


def test_psnr_of_a_known_error() -> None:
    image = torch.full((1, 3, 64, 64), 0.5)
    assert masked_psnr(image, image + 0.1, EVERYWHERE) == pytest.approx(20, abs=1e-3)


def test_noise_scores_worse_than_a_small_change() -> None:
    image = picture()
    near = (image + 0.02).clamp(0, 1)
    assert masked_psnr(image, noise(), EVERYWHERE) < masked_psnr(image, near, EVERYWHERE) - 10
    assert masked_ssim(image, noise(), EVERYWHERE) < 0.3 < masked_ssim(image, near, EVERYWHERE)


def test_what_lies_outside_the_mask_does_not_count() -> None:
    image, other, mask = picture(), picture(), torch.zeros_like(EVERYWHERE)
    mask[..., 16:48, 16:48] = True
    other[..., :4, :4] = noise()[..., :4, :4]
    assert masked_psnr(image, other, mask) == HIGHEST_PSNR
    with pytest.raises(InvalidArgumentError, match=r"^mask"):
        masked_psnr(image, other, torch.zeros_like(mask))


def gaussian(count: int, size: int, key: int) -> np.ndarray:
    """Standard normal features."""
    return np.random.Generator(np.random.Philox(key=key)).standard_normal((count, size))


def test_frechet_distance_of_known_gaussians() -> None:
    first = gaussian(20000, 4, 1)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(first, first + np.array([3, 0, 0, 0])) == pytest.approx(9, abs=1e-6)
    assert frechet_distance(first, 2 * first) == pytest.approx(4, rel=0.05)


def test_kernel_distance_is_unbiased_and_sees_a_shift() -> None:
    values = [kernel_distance(gaussian(50, 64, 2 * key), gaussian(50, 64, 2 * key + 1)) for key in range(40)]
    assert abs(np.mean(values)) < 3 * np.std(values) / math.sqrt(len(values))
    shifted = gaussian(50, 64, 99) + 1
    low, _ = kernel_interval(gaussian(50, 64, 1), shifted)
    assert low > max(values)


def test_projection_keeps_lengths_on_average_and_never_changes() -> None:
    features = gaussian(500, 1280, 3)
    assert np.square(project(features)).sum(1).mean() == pytest.approx(32, rel=0.05)
    np.testing.assert_array_equal(project(features), project(features))
    with pytest.raises(InvalidArgumentError, match=r"^features"):
        project(features[:, :8])


def test_typology_angle_of_light_and_dark_skin() -> None:
    assert typology_angle(torch.tensor([0.95, 0.85, 0.78])) > 50
    assert typology_angle(torch.tensor([0.25, 0.16, 0.11])) < -30
