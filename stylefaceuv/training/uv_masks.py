"""Which texels each view sees, and how much its pixels count: the paper's masks for training on two views."""

from __future__ import annotations

import torch

from stylefaceuv.rendering.interpolation import sample_texture

SHARED = 0.5
"""Weight, in the symmetric view, of texels that the own view sees too."""


def accessed_texels(uv: torch.Tensor, alpha: torch.Tensor, resolution: int) -> torch.Tensor:
    """Mark the texels that a rendered picture reads.

    The picture of a constant map is differentiated with respect to the map: the gradient is not zero where a texel
    has been read. Source: StyleFaceUV, section 3.3.

    Args:
        uv: (N, 2, H, W) float, atlas coordinates of each pixel.
        alpha: (N, 1, H, W) float, 0 where nothing is shown.
        resolution: edge of the map, texels.

    Returns:
        (N, 1, resolution, resolution) float, 1 where accessed, 0 elsewhere.
    """
    with torch.enable_grad():
        constant = torch.ones(len(uv), 1, resolution, resolution, dtype=uv.dtype, device=uv.device, requires_grad=True)
        picture = sample_texture(constant, uv.detach().permute(0, 2, 3, 1)) * (alpha.detach() > 0)
        (gradient,) = torch.autograd.grad(picture.sum(), constant)
    return (gradient > 0).to(uv.dtype)


def view_masks(own: torch.Tensor, symmetric: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weigh the texels of both views.

    Args:
        own: (N, 1, R, R) float, what the own view accesses.
        symmetric: (N, 1, R, R) float, what the symmetric view accesses.

    Returns:
        Mask of the own view, 1 wherever it sees, and of the symmetric view: 1 where only it sees, 0.5 where both do.
    """
    return own, symmetric * (1 - (1 - SHARED) * own)


def mask_in_view(mask: torch.Tensor, uv: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Render a texel mask to the image plane, where it weighs the losses.

    Args:
        mask: (N, 1, R, R) float.
        uv: (N, 2, H, W) float.
        alpha: (N, 1, H, W) float.

    Returns:
        (N, 1, H, W) float, 0 outside the head.
    """
    return sample_texture(mask, uv.permute(0, 2, 3, 1)) * alpha
