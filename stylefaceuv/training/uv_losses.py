"""Losses of the UV generator's second stage. Equations are the paper's, StyleFaceUV section 3.4."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.lifting.pyramid import blur


def photometric_loss(rendered: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean distance of colours where the mask counts (Eq. 5).

    Args:
        rendered: (N, 3, H, W) float, sRGB.
        target: (N, 3, H, W) float, sRGB.
        mask: (N, 1, H, W) float, not negative.

    Returns:
        Scalar: sum of |rendered - target|_2 mask over sum of mask, averaged over faces.
    """
    distance = ((rendered - target).square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
    return ((distance * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1e-6)).mean()


def perceptual_loss(rendered: list[torch.Tensor], target: list[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
    """Distance of unit-length features where the mask counts.

    Args:
        rendered: feature maps, (N, C, h, w) float each, of pictures that are composited over the target.
        target: the same feature maps of the target.
        mask: (N, 1, H, W) float, at the pictures' size.

    Returns:
        Scalar, mean over the feature maps.
    """
    terms = []
    for feature, goal in zip(rendered, target, strict=True):
        weight = functional.adaptive_avg_pool2d(mask, (feature.shape[-2], feature.shape[-1]))
        apart = functional.normalize(feature, dim=1) - functional.normalize(goal, dim=1)
        distance = apart.square().sum(dim=1, keepdim=True)
        terms.append((distance * weight).sum() / weight.sum().clamp_min(1e-6))
    return torch.stack(terms).mean()


def generator_loss(fake_scores: torch.Tensor) -> torch.Tensor:
    """Non-saturating loss of the generator (Eq. 6): softplus(-D(fake))."""
    return functional.softplus(-fake_scores).mean()


def discriminator_loss(real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
    """Non-saturating loss of the discriminator (Eq. 8): softplus(-D(real)) + softplus(D(fake))."""
    return functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()


def gradient_penalty(real: torch.Tensor, real_scores: torch.Tensor) -> torch.Tensor:
    """R1: half the squared gradient of the scores of real images with respect to them.

    Args:
        real: (N, 3, H, W) float that requires a gradient.
        real_scores: (N, 1) float, of ``real``.

    Returns:
        Scalar, not yet times gamma.
    """
    (gradient,) = torch.autograd.grad(real_scores.sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2


def albedo_prior(diffuse: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """Keep slow changes of colour ratios near the albedo base: what light and shade do is not albedo.

    Args:
        diffuse: (N, 3, R, R) float, sRGB.
        base: (N, 3, R, R) float, sRGB, the low-resolution base that ``diffuse`` was painted on. The first part sees
            the difference alone: were ``base`` constant here, it would flee from what is painted on it for ever.

    Returns:
        Scalar.
    """
    slow = blur(diffuse - base, 4)
    chroma = diffuse - diffuse.mean(dim=1, keepdim=True)
    steps = (chroma[..., 1:] - chroma[..., :-1]).abs().mean() + (chroma[..., 1:, :] - chroma[..., :-1, :]).abs().mean()
    return slow.abs().mean() + steps


def view_agreement(first: torch.Tensor, second: torch.Tensor, both: torch.Tensor) -> torch.Tensor:
    """How far two albedos of one head differ, painted from the stylecodes of its two views.

    Args:
        first: (N, 3, R, R) float, sRGB.
        second: (N, 3, R, R) float, sRGB.
        both: (N, 1, R, R) float, not negative: where both views see skin.

    Returns:
        Scalar: mean absolute difference, weighted by ``both``, averaged over faces.
    """
    difference = (first - second).abs().mean(dim=1, keepdim=True)
    return ((difference * both).sum((1, 2, 3)) / both.sum((1, 2, 3)).clamp_min(1e-6)).mean()


def displacement_size(displacement: torch.Tensor) -> torch.Tensor:
    """Prefer small displacement.

    Args:
        displacement: (N, 3, r, r) float, millimetres.

    Returns:
        Scalar: mean square, mm².
    """
    return displacement.square().mean()


def displacement_roughness(displacement: torch.Tensor) -> torch.Tensor:
    """Prefer smooth displacement.

    Args:
        displacement: (N, 3, r, r) float, millimetres.

    Returns:
        Scalar: mean square of the discrete Laplacian, mm².
    """
    centre = displacement[..., 1:-1, 1:-1]
    around = displacement[..., 2:, 1:-1] + displacement[..., :-2, 1:-1]
    around = around + displacement[..., 1:-1, 2:] + displacement[..., 1:-1, :-2]
    return (4 * centre - around).square().mean()


def hair_loss(diffuse: torch.Tensor, hair: torch.Tensor, goal: torch.Tensor, confidence: torch.Tensor) -> torch.Tensor:
    """How far a head with painted hair is from the lifted one with the photo's.

    Args:
        diffuse: (N, 3, R, R) float, sRGB, the skin; not trained by this term.
        hair: (N, 4, R, R) float, sRGB colour and cover in [0, 1].
        goal: (N, 3, R, R) float in [0, 1], sRGB.
        confidence: (N, 1, R, R) float in [0, 1], where the photo shows skin or hair; the rest counts a fifth.

    Returns:
        Scalar: weighted mean absolute difference.
    """
    skin, cover = diffuse.detach(), hair[:, 3:]
    return ((skin + cover * (hair[:, :3] - skin) - goal).abs() * (0.2 + 0.8 * confidence)).mean()
