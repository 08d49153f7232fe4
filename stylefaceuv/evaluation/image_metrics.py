"""How far two pictures are apart where a mask says so: PSNR, SSIM and a distance of deep features."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.training.feature_networks import FeatureNetwork

HIGHEST_PSNR = 99.0
"""What identical pictures get, dB."""

_WINDOW, _SPREAD = 11, 1.5
_MARGIN = 16
_C1, _C2 = 0.01**2, 0.03**2


def masked_psnr(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor) -> float:
    """Peak signal-to-noise ratio inside a mask.

    Args:
        first: (1, 3, H, W) float in [0, 1], sRGB.
        second: the same shape.
        mask: (1, 1, H, W) bool.

    Returns:
        dB, at most ``HIGHEST_PSNR``.

    Raises:
        InvalidArgumentError: shapes differ, or the mask is empty.
    """
    _check(first, second, mask)
    error = float((first - second).square().mean(dim=1, keepdim=True)[mask].mean())
    return min(HIGHEST_PSNR, -10 * float(torch.tensor(max(error, 1e-12)).log10()))


def masked_ssim(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor) -> float:
    """Structural similarity (Wang et al. 2004: Gaussian window of 11 pixels), averaged over a mask.

    Args:
        first: (1, 3, H, W) float in [0, 1], sRGB.
        second: the same shape.
        mask: (1, 1, H, W) bool.

    Returns:
        At most 1, which identical pictures get.

    Raises:
        InvalidArgumentError: shapes differ, or the mask is empty.
    """
    _check(first, second, mask)
    mean_1, mean_2 = _blur(first), _blur(second)
    variance_1, variance_2 = _blur(first**2) - mean_1**2, _blur(second**2) - mean_2**2
    covariance = _blur(first * second) - mean_1 * mean_2
    similarity = (2 * mean_1 * mean_2 + _C1) * (2 * covariance + _C2)
    similarity = similarity / ((mean_1**2 + mean_2**2 + _C1) * (variance_1 + variance_2 + _C2))
    return float(similarity.mean(dim=1, keepdim=True)[mask].mean())


def perceptual_distance(
    first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor, network: FeatureNetwork
) -> float:
    """Distance of unit-length features, averaged over a mask and over the network's layers.

    The form of LPIPS without its learned weights; pixels outside the mask are grey in both pictures.

    Args:
        first: (1, 3, H, W) float in [0, 1], sRGB.
        second: the same shape.
        mask: (1, 1, H, W) bool.
        network: whose features.

    Returns:
        0 for identical pictures, at most 4.

    Raises:
        InvalidArgumentError: shapes differ, or the mask is empty.
    """
    _check(first, second, mask)
    both = torch.where(mask, torch.cat([first, second]), 0.5)
    rows, columns = (_around(mask[0, 0].any(dim=axis), mask.shape[3 - axis]) for axis in (1, 0))
    both, mask = both[..., rows, columns], mask[..., rows, columns]
    layers = []
    with torch.inference_mode():
        for features in network(both):
            unit = functional.normalize(features, dim=1)
            inside = functional.adaptive_avg_pool2d(mask.float(), (features.shape[-2], features.shape[-1]))
            squared = (unit[:1] - unit[1:]).square().sum(dim=1, keepdim=True)
            layers.append(float((squared * inside).sum() / inside.sum()))
    return sum(layers) / len(layers)


def _around(inside: torch.Tensor, length: int) -> slice:
    """The stretch that holds all that is inside, with a margin, so that the network sees no more than it must."""
    places = inside.nonzero()[:, 0]
    return slice(max(int(places[0]) - _MARGIN, 0), min(int(places[-1]) + 1 + _MARGIN, length))


def _blur(image: torch.Tensor) -> torch.Tensor:
    offset = torch.arange(_WINDOW, dtype=image.dtype, device=image.device) - _WINDOW // 2
    line = torch.exp(-(offset**2) / (2 * _SPREAD**2))
    line = line / line.sum()
    kernel = (line[:, None] * line[None, :]).expand(image.shape[1], 1, -1, -1)
    padded = functional.pad(image, (_WINDOW // 2,) * 4, mode="replicate")
    return functional.conv2d(padded, kernel, groups=image.shape[1])


def _check(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor) -> None:
    if first.ndim != 4 or first.shape[:2] != (1, 3):
        raise InvalidArgumentError("first", "shape (1, 3, H, W)", tuple(first.shape))
    if second.shape != first.shape:
        raise InvalidArgumentError("second", f"shape {tuple(first.shape)}", tuple(second.shape))
    if mask.shape != (1, 1, *first.shape[-2:]) or mask.dtype != torch.bool:
        raise InvalidArgumentError("mask", "bool of shape (1, 1, H, W)", (mask.dtype, tuple(mask.shape)))
    if not bool(mask.any()):
        raise InvalidArgumentError("mask", "at least one pixel", 0)
