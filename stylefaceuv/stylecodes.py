"""Checks and truncation of stylecodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.plain_values import number

STYLE_SIZE = 512
LARGEST_WEIGHT = 1000.0
"""Of a stylecode's numbers; StyleGAN2's own stay below about 10, and far beyond them nothing shows a face."""


def check_stylecodes(w: torch.Tensor | npt.NDArray[np.float32]) -> torch.Tensor:
    """Check stylecodes and return a copy as a batch, so that a buffer that changes later changes no face.

    Args:
        w: (N, 512) or (512,) float32, StyleGAN2 W.

    Returns:
        (N, 512) float32 tensor, detached.

    Raises:
        InvalidArgumentError: wrong type, shape or dtype, not finite, or beyond ``LARGEST_WEIGHT``.
    """
    if not isinstance(w, torch.Tensor | np.ndarray):
        raise InvalidArgumentError("w", "a float32 tensor or array of shape (N, 512) or (512,)", type(w).__name__)
    if str(w.dtype).removeprefix("torch.") != "float32":
        raise InvalidArgumentError("w", "dtype float32", str(w.dtype))
    if w.ndim not in (1, 2) or w.shape[-1] != STYLE_SIZE:
        raise InvalidArgumentError("w", "shape (N, 512) or (512,)", tuple(w.shape))
    own = torch.from_numpy(w.copy(order="C")) if isinstance(w, np.ndarray) else w.detach().clone()
    batch = own.reshape(-1, STYLE_SIZE)
    if not bool(torch.isfinite(batch).all()):
        raise InvalidArgumentError("w", "finite numbers", "NaN or Inf")
    if bool((batch.abs() > LARGEST_WEIGHT).any()):
        raise InvalidArgumentError("w", f"numbers within ±{LARGEST_WEIGHT:g}", f"{float(batch.abs().max()):g}")
    return batch


def truncate(w: torch.Tensor, mean: torch.Tensor, truncation: float) -> torch.Tensor:
    """Pull stylecodes towards the mean.

    Args:
        w: (N, 512) float.
        mean: (512,) float, the generator's mean stylecode.
        truncation: psi; 0 gives the mean, 1 leaves w as it is.

    Returns:
        (N, 512) float.

    Raises:
        InvalidArgumentError: psi is not a number in [0, 2].
    """
    return mean + number("truncation", truncation, 0, 2) * (w - mean)
