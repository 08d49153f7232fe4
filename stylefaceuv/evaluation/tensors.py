"""Pictures as the networks of the evaluation want them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

Picture = npt.NDArray[np.uint8]


def to_tensor(picture: Picture, size: int | None = None) -> torch.Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) float in [0, 1], averaged down to a size where one is given."""
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    return image if size is None else shrink(image, size)


def shrink(image: torch.Tensor, size: int) -> torch.Tensor:
    """(N, 3, H, W) to (N, 3, size, size), antialiased."""
    if image.shape[-1] == size:
        return image
    return functional.interpolate(image, (size, size), mode="bilinear", antialias=True, align_corners=False)


def to_picture(image: torch.Tensor) -> Picture:
    """(1, 3, H, W) in [0, 1] to (H, W, 3) uint8."""
    return np.ascontiguousarray((image[0].clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy())
