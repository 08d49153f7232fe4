"""Hair that hangs below the hairline, over brows and the skin between them: strands that no smaller atlas resolves."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.evidence import weighted_share
from stylefaceuv.lifting.pyramid import blur, levels_for
from stylefaceuv.soft_steps import soft_threshold

_LINES, _FOREIGN = (0.2, 0.28), (0.75, 0.9)
"""Shares of the lower forehead from which on a fringe may hang, and surely hangs. Of 30 heads (seeds 7, 90210, 2013,
7000, 3000) the eight with a fringe have at least 0.28 of dark lines and 0.82 of what is no skin; of the others two have
0.23 of the first, one of which has 0.84 of the second: long hair beside a parting."""
_DENSE = (0.05, 0.15)
"""Shares of dark lines around a texel from which on it may be, and surely is, among strands."""
_AROUND = 12


def fringe_over(lines: torch.Tensor, explained: torch.Tensor, seen: torch.Tensor, band: torch.Tensor) -> torch.Tensor:
    """Tell whether a fringe hangs over the forehead.

    Args:
        lines: (1, 1, R, R) float in [0, 1], thin dark lines of the photo.
        explained: (1, 1, R, R) float in [0, 1], where the photo shows skin.
        seen: (1, 1, R, R) float in [0, 1].
        band: (1, 1, R, R) float, the lower forehead.

    Returns:
        (1, 1, 1, 1) float in [0, 1].
    """
    looked_at = band * seen
    striped = soft_threshold(weighted_share(lines, looked_at), _LINES)
    return torch.minimum(striped, soft_threshold(weighted_share(1 - explained, looked_at), _FOREIGN))


def among_strands(lines: torch.Tensor, below: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Find the strands of a fringe below the forehead, and the brows that it hides.

    Args:
        lines: (1, 1, R, R) float in [0, 1], thin dark lines of the photo.
        below: (1, 1, R, R) float, skin between the eyes and the forehead.
        features: (1, 1, R, R) float in [0, 1], eyes and brows, whose own dark lines are no evidence.

    Returns:
        (1, 1, R, R) float in [0, 1], doubt: that the photo shows hair.
    """
    plain = below * (1 - features)
    levels = levels_for(lines.shape[-1], _AROUND)
    density = blur(lines * plain, levels) / blur(plain, levels).clamp_min(1e-4)
    return below * soft_threshold(density, _DENSE)
