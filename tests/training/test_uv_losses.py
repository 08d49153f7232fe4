"""Masks and losses of the UV generator's second stage against cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylefaceuv.training.discriminator import Discriminator, discriminator_for
from stylefaceuv.training.uv_losses import (
    albedo_prior,
    discriminator_loss,
    displacement_roughness,
    displacement_size,
    generator_loss,
    gradient_penalty,
    hair_loss,
    perceptual_loss,
    photometric_loss,
    view_agreement,
)
from stylefaceuv.training.uv_masks import accessed_texels, mask_in_view, view_masks


def flat_view(height: int, width: int, u: tuple[float, float], v: tuple[float, float]) -> torch.Tensor:
    """(1, 2, H, W): atlas coordinates of a plane that shows a rectangle of the atlas."""
    columns = torch.linspace(*u, width, dtype=torch.float64).expand(height, width)
    rows = torch.linspace(*v, height, dtype=torch.float64)[:, None].expand(height, width)
    return torch.stack([columns, rows])[None]


def test_accessed_texels_are_those_that_bilinear_sampling_reads() -> None:
    uv = flat_view(5, 7, (0.30, 0.45), (0.55, 0.80))
    accessed = accessed_texels(uv, torch.ones(1, 1, 5, 7, dtype=torch.float64), 12)[0, 0]
    expected = np.zeros((12, 12))
    for u, v in uv[0].flatten(1).T.tolist():
        x, y = u * 12 - 0.5, v * 12 - 0.5
        for i in (math.floor(y), math.floor(y) + 1):
            for j in (math.floor(x), math.floor(x) + 1):
                if abs(y - i) < 1 and abs(x - j) < 1:
                    expected[i, j] = 1
    np.testing.assert_array_equal(accessed.numpy(), expected)
    assert 0 < expected.sum() < 60


def test_pixels_that_show_nothing_access_nothing() -> None:
    alpha = torch.zeros(1, 1, 5, 7, dtype=torch.float64)
    assert accessed_texels(flat_view(5, 7, (0.2, 0.8), (0.2, 0.8)), alpha, 8).sum() == 0


def test_the_symmetric_view_counts_half_where_the_own_sees_too() -> None:
    own = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    symmetric = torch.tensor([1.0, 0.0, 1.0, 0.0]).reshape(1, 1, 2, 2)
    first, second = view_masks(own, symmetric)
    assert first.flatten().tolist() == [1, 1, 0, 0]
    assert second.flatten().tolist() == [0.5, 0, 1, 0]


def test_a_mask_is_zero_outside_the_head() -> None:
    alpha = torch.zeros(1, 1, 5, 7, dtype=torch.float64)
    alpha[..., 2:4, 3] = 1
    shown = mask_in_view(
        torch.full((1, 1, 8, 8), 0.25, dtype=torch.float64), flat_view(5, 7, (0.3, 0.6), (0.3, 0.6)), alpha
    )
    torch.testing.assert_close(shown, 0.25 * alpha)


def test_photometric_loss_is_the_masked_mean_distance() -> None:
    source = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, 4, 5, generator=source), torch.rand(2, 3, 4, 5, generator=source)
    mask = torch.rand(2, 1, 4, 5, generator=source)
    faces = []
    for n in range(2):
        total = weight = 0.0
        for i in range(4):
            for j in range(5):
                distance = math.sqrt(sum(float(a[n, c, i, j] - b[n, c, i, j]) ** 2 for c in range(3)) + 1e-8)
                total, weight = total + distance * float(mask[n, 0, i, j]), weight + float(mask[n, 0, i, j])
        faces.append(total / weight)
    assert float(photometric_loss(a, b, mask)) == pytest.approx(sum(faces) / 2, rel=1e-5)
    assert float(photometric_loss(a, a, mask)) < 2e-4


def test_photometric_loss_has_the_right_gradient() -> None:
    source = torch.Generator().manual_seed(1)
    a = torch.rand(2, 3, 2, 3, generator=source, dtype=torch.float64, requires_grad=True)
    b, mask = torch.rand(2, 3, 2, 3, dtype=torch.float64), torch.rand(2, 1, 2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: photometric_loss(x, b, mask), (a,))


def test_perceptual_loss_is_zero_for_equal_images_and_grows_with_the_difference() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 6, 3).requires_grad_(False)

    image, noise, mask = torch.rand(2, 3, 9, 11), torch.rand(2, 3, 9, 11), torch.ones(2, 1, 9, 11)
    goal = [layer(image)]
    small = float(perceptual_loss([layer(image + 0.05 * noise)], goal, mask))
    large = float(perceptual_loss([layer(image + 0.5 * noise)], goal, mask))
    assert float(perceptual_loss(goal, goal, mask)) < 1e-10
    assert 0 < small < large


def test_adversarial_losses_are_softplus() -> None:
    real, fake = torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.5], [-3.0]])
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731
    assert float(generator_loss(fake)) == pytest.approx((softplus(-0.5) + softplus(3.0)) / 2, rel=1e-5)
    expected = (softplus(-2.0) + softplus(1.0)) / 2 + (softplus(0.5) + softplus(-3.0)) / 2
    assert float(discriminator_loss(real, fake)) == pytest.approx(expected, rel=1e-5)


def test_gradient_penalty_of_a_linear_score_is_half_its_squared_weight() -> None:
    weight = torch.rand(3, 4, 5)
    images = torch.rand(2, 3, 4, 5, requires_grad=True)
    scores = (images * weight).sum((1, 2, 3))[:, None]
    assert float(gradient_penalty(images, scores)) == pytest.approx(float(weight.square().sum()) / 2, rel=1e-5)


def test_the_displacement_priors_punish_size_and_roughness() -> None:
    flat = torch.full((1, 3, 8, 8), 0.5)
    checker = flat.clone()
    checker[..., ::2, ::2] *= -1
    assert float(displacement_size(torch.zeros(1, 3, 8, 8))) == 0
    assert float(displacement_size(flat)) == pytest.approx(0.25, rel=1e-5)
    assert float(displacement_roughness(flat)) == 0
    assert float(displacement_roughness(checker)) > 1


def test_view_agreement_is_each_faces_weighted_difference() -> None:
    source = torch.Generator().manual_seed(4)
    first, second = (torch.rand(2, 3, 5, 7, generator=source, dtype=torch.float64) for _ in range(2))
    both = torch.rand(2, 1, 5, 7, generator=source, dtype=torch.float64)
    both[1] *= 0.01  # a face that both views hardly see counts as much as another
    expected = 0.0
    for face in range(2):
        weighted = sum(
            float(both[face, 0, y, x]) * float((first - second)[face, :, y, x].abs().mean())
            for y in range(5)
            for x in range(7)
        )
        expected += weighted / float(both[face].sum()) / 2
    assert abs(float(view_agreement(first, second, both)) - expected) < 1e-9
    assert float(view_agreement(first, first, both)) == 0
    first.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda one: view_agreement(one, second, both), (first,))


def test_the_albedo_prior_punishes_colour_edges_more_than_brightness_edges() -> None:
    base = torch.full((1, 3, 64, 64), 0.5)
    grey, red = base.clone(), base.clone()
    stripes = torch.tensor([0.1, -0.1]).repeat(32)
    grey += stripes
    red[:, 0] += stripes
    assert float(albedo_prior(base, base)) == 0
    assert float(albedo_prior(red, base)) > 2 * float(albedo_prior(grey, base))


def test_the_albedo_prior_leaves_the_base_where_it_is() -> None:
    """Regression: the base fled from what was painted on it, unseen texels to values of -10 and 20."""
    torch.manual_seed(0)
    base = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    painted = (0.05 + 0.01 * torch.rand(1, 1, 64, 64)).expand(1, 3, 64, 64).requires_grad_()  # grey: no colour edges
    albedo_prior(base + painted, base).backward()
    assert base.grad is not None
    assert painted.grad is not None
    assert float(base.grad.abs().max()) < 1e-6 < 0.1 * float(painted.grad.abs().mean())


def test_the_discriminator_learns_to_tell_noise_from_a_colour() -> None:
    torch.manual_seed(0)
    judge = Discriminator(16, (8, 12, 16))
    optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3, betas=(0.0, 0.99))
    losses = []
    for _ in range(25):
        loss = discriminator_loss(judge(torch.full((4, 3, 16, 16), 0.3)), judge(torch.rand(4, 3, 16, 16)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 < losses[0]


@pytest.mark.parametrize("size", [16, 64])
def test_a_discriminator_fits_its_picture_size(size: int) -> None:
    assert discriminator_for(size)(torch.rand(2, 3, size, size)).shape == (2, 1)


def test_hair_loss_is_the_weighted_difference_of_the_covered_skin() -> None:
    source = torch.Generator().manual_seed(4)
    diffuse, goal = (torch.rand(2, 3, 4, 5, generator=source, dtype=torch.float64) for _ in range(2))
    hair = torch.rand(2, 4, 4, 5, generator=source, dtype=torch.float64)
    sure = torch.rand(2, 1, 4, 5, generator=source, dtype=torch.float64)
    total = 0.0
    for n, c, i, j in np.ndindex(2, 3, 4, 5):
        cover = float(hair[n, 3, i, j])
        shown = (1 - cover) * float(diffuse[n, c, i, j]) + cover * float(hair[n, c, i, j])
        total += abs(shown - float(goal[n, c, i, j])) * (0.2 + 0.8 * float(sure[n, 0, i, j]))
    assert math.isclose(float(hair_loss(diffuse, hair, goal, sure)), total / diffuse.numel(), rel_tol=1e-9)


def test_hair_loss_trains_the_hair_and_not_the_skin() -> None:
    source = torch.Generator().manual_seed(6)
    goal, sure = torch.rand(1, 3, 3, 4, generator=source).double(), torch.ones(1, 1, 3, 4).double()
    diffuse = torch.rand(1, 3, 3, 4, generator=source).double().requires_grad_()
    hair = torch.rand(1, 4, 3, 4, generator=source).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda painted: hair_loss(diffuse.detach(), painted, goal, sure), (hair,))
    hair_loss(diffuse, hair, goal, sure).backward()
    assert diffuse.grad is None
    assert hair.grad is not None
