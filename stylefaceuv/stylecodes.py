"""Checks and truncation of stylecodes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from stylefaceuv.errors import InvalidArgumentError

STYLE_SIZE = 512


def check_stylecodes(w: torch.Tensor | npt.NDArray[np.float32]) -> torch.Tensor:
    """Check stylecodes and return them as a batch.

    Args:
        w: (N, 512) or (512,) float32, StyleGAN2 W.

    Returns:
        (N, 512) float32 tensor.

    Raises:
        InvalidArgumentError: wrong type, shape or dtype, or not finite.
    """
    if not isinstance(w, torch.Tensor | np.ndarray):
        raise InvalidArgumentError("w", "a float32 tensor or array of shape (N, 512) or (512,)", type(w).__name__)
    if str(w.dtype).removeprefix("torch.") != "float32":
        raise InvalidArgumentError("w", "dtype float32", str(w.dtype))
    if w.ndim not in (1, 2) or w.shape[-1] != STYLE_SIZE:
        raise InvalidArgumentError("w", "shape (N, 512) or (512,)", tuple(w.shape))
    contiguous = np.ascontiguousarray(w) if isinstance(w, np.ndarray) else w  # torch knows no negative strides
    batch = torch.as_tensor(contiguous).reshape(-1, STYLE_SIZE)
    if not bool(torch.isfinite(batch).all()):
        raise InvalidArgumentError("w", "finite numbers", "NaN or Inf")
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
    valid = isinstance(truncation, int | float) and not isinstance(truncation, bool) and math.isfinite(truncation)
    if not valid or not 0 <= truncation <= 2:
        raise InvalidArgumentError("truncation", "a number in [0, 2]", truncation)
    return mean + truncation * (w - mean)
