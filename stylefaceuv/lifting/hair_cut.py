"""Whether the hair that a photo shows above the brows is combed, strands side by side, or cropped, curled or rough."""

from __future__ import annotations

import torch
from torch.nn import functional

from stylefaceuv.lifting.hair_places import BROW_TOPS
from stylefaceuv.networks.head_segmenter import SEGMENTS
from stylefaceuv.soft_steps import smoothstep

_HAIR = SEGMENTS.index("hair")
_PICTURE, _CELLS = 512, 64
"""Pixels and cells over the edge of the picture: strands of a pixel, and pieces of eight that have one direction."""
_SOLID, _LEAST_CELLS, _LEAST_CONTRAST = 0.9, 50, 1e-5
"""How much of a cell is hair that is looked at, how many tell something, and the mean square of slopes that each
has to have: those of eight-bit rounding are a fifth of it."""
_COMBED = (0.52, 0.72)
"""Mean coherence of cropped or curly hair, and of combed hair. Of 20 heads whose hair does not hang (seeds 777, 5151,
112233, 3000) a crew cut has 0.41, curls 0.53, crops 0.54 to 0.57, side partings 0.60 to 0.66, straight fringes more."""
UNTOLD = 0.4
"""What is combed where nothing tells and no hair hangs: of those 20 heads half have cropped hair."""


def combed_share(image: torch.Tensor, segments: torch.Tensor, detected: torch.Tensor) -> float:
    """Tell combed hair from cropped hair by how much its strands agree on a direction.

    Args:
        image: (3, H, W) float in [0, 1], sRGB.
        segments: (S, s, s) float in [0, 1], of the picture, in the order of ``SEGMENTS``.
        detected: (478, 2) float, landmarks in pixels of the image.

    Returns:
        1 of combed hair, 0 of cropped or curly hair, between them of what is between; ``UNTOLD`` where the picture
        shows too little of it, or has fewer than 512 rows or columns. Source: coherence of the structure tensor,
        Weickert, Anisotropic Diffusion in Image Processing (1998), divided by the trace.
    """
    if min(image.shape[-2:]) < _PICTURE:
        return UNTOLD
    size = (_PICTURE, _PICTURE)
    small = functional.interpolate(image[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]
    down, right = torch.gradient(small.mean(dim=0))
    planes = torch.stack([right * right, down * down, right * down])[None]
    across, along, mixed = functional.adaptive_avg_pool2d(planes, _CELLS)[0]
    contrast = across + along
    coherence = torch.hypot(across - along, 2 * mixed) / contrast.clamp_min(_LEAST_CONTRAST)
    hair = functional.adaptive_avg_pool2d(segments[_HAIR][None], _CELLS)[0] > _SOLID
    rows = (torch.arange(_CELLS, device=image.device) + 0.5)[:, None] * (image.shape[-2] / _CELLS)
    above = hair & (contrast > _LEAST_CONTRAST) & (rows < detected[list(BROW_TOPS), 1].min())
    if int(above.sum()) < _LEAST_CELLS:
        return UNTOLD
    return float(smoothstep(coherence[above].mean(), _COMBED))
