"""What every StyleGAN2 generator of this package offers, and the range of its images."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch


class Generator(Protocol):
    """Latent to stylecode to image.

    Attributes:
        mean_stylecode: (512,) float32, the mean of the mapping network.
        resolution: edge of the images, pixels.
    """

    mean_stylecode: torch.Tensor
    resolution: int

    def mapping(self, z: torch.Tensor) -> torch.Tensor:
        """Map (N, 512) standard normal latents to (N, 512) stylecodes."""

    def synthesis(self, w: torch.Tensor) -> torch.Tensor:
        """Synthesise (N, 3, R, R) images, about [-1, 1], sRGB, of (N, 512) or (N, num_ws, 512) stylecodes."""

    def synthesis_features(self, w: torch.Tensor, resolution: int) -> torch.Tensor:
        """Return the (N, C, resolution, resolution) activations after the last convolution at a resolution."""

    def synthesis_with_features(self, w: torch.Tensor, resolution: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both: the images, and the activations at a resolution."""


def to_unit_range(images: torch.Tensor) -> torch.Tensor:
    """Bring synthesised images to [0, 1].

    Args:
        images: (N, 3, H, W) float, about [-1, 1]; what lies outside is out of gamut and clipped.

    Returns:
        (N, 3, H, W) float in [0, 1].
    """
    return images.clamp(-1, 1) * 0.5 + 0.5


def to_uint8(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Quantise synthesised images.

    Args:
        images: (N, 3, H, W) float, about [-1, 1].

    Returns:
        (N, H, W, 3) uint8 sRGB.
    """
    pixels = (to_unit_range(images) * 255 + 0.5).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())
