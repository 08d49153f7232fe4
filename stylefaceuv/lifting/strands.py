"""Strands of hair as a pattern of light and dark, fixed on the head: combed away from the whorl, or hanging down."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

HAIR_AXIS_Z = 0.1
"""Decimetres: where on Z the vertical stands that hair hangs around."""
_AROUND, _PIECES = 800, 5
"""Strands around a head, and pieces of one from the whorl to the chin, or over two decimetres of height."""
_CLUMPS, _SHARES = (5, 31), (1.0, 0.4)
"""How many strands go together, and how strong that is beside single ones."""
_WHORL = (0.0, math.cos(math.radians(35.0)), -math.sin(math.radians(35.0)))
"""Where on the crown strands begin: up and back, seen from the middle of the head."""
_FEWEST = 5
"""Halvings of the number of strands towards the whorl."""


def combed_strands(positions: torch.Tensor, middle: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Strands that run from the whorl over the head, as far apart everywhere: they branch.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        middle: (3,) float, of the head, decimetres.
        seed: of their pattern.

    Returns:
        (T, 1) float, of about zero mean and at most unit variance.
    """
    whorl = positions.new_tensor(_WHORL)
    outwards = functional.normalize(positions - middle, dim=1)
    right = torch.stack([whorl.new_ones(()), whorl.new_zeros(()), whorl.new_zeros(())])
    front = torch.linalg.cross(right, whorl)
    across, forwards = outwards @ right, outwards @ front
    turn = torch.atan2(across, forwards) / torch.pi
    along = torch.acos((outwards @ whorl).clamp(-1, 1)) * (2 / torch.pi) - 1
    level = -torch.log2(torch.hypot(across, forwards).clamp_min(2.0**-_FEWEST))
    total = torch.zeros_like(turn)
    for halvings in range(_FEWEST + 1):
        pattern = _pattern(_AROUND >> halvings, _PIECES, seed + halvings).to(positions.device)
        total = total + (1 - (level - halvings).abs()).clamp_min(0) * _on_pattern(pattern, turn, along)
    return total[:, None]


def hanging_strands(positions: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Strands that hang straight down around a vertical axis.

    Args:
        positions: (T, 3) float, texels of the mean head, decimetres.
        seed: of their pattern.

    Returns:
        (T, 1) float, of about zero mean and at most unit variance.
    """
    turn = torch.atan2(positions[:, 0], -(positions[:, 2] - HAIR_AXIS_Z)) / torch.pi
    pattern = _pattern(_AROUND, _PIECES, seed).to(positions.device)
    return _on_pattern(pattern, turn, positions[:, 1])[:, None]  # the table ends a decimetre above and below


def _pattern(around: int, pieces: int, seed: int) -> torch.Tensor:
    """(1, 1, pieces, around) strands and clumps of them, periodic, of zero mean and unit variance."""
    single = torch.randn(1, 1, pieces, around, generator=torch.Generator().manual_seed(seed))
    total = single
    for clump, share in zip(_CLUMPS, _SHARES, strict=True):
        wide = min(clump, around // 4 * 2 - 1)
        periodic = functional.pad(single, (wide // 2, wide // 2, 0, 0), mode="circular")
        total = total + share * math.sqrt(wide) * functional.avg_pool2d(periodic, (1, wide), stride=1)
    return (total - total.mean()) / total.std()


def _on_pattern(pattern: torch.Tensor, turn: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """(T,): the pattern at ``turn`` of a whole one and ``along`` it, both in [-1, 1]."""
    around = pattern.shape[-1]
    periodic = functional.pad(pattern, (1, 1, 0, 0), mode="circular")
    place = torch.stack([turn * (around / (around + 2)), along], dim=1)[None, None]
    return functional.grid_sample(periodic, place, align_corners=False, padding_mode="border")[0, 0, 0]
