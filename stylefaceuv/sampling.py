"""Random latent codes that depend on nothing but a seed and a number."""

from __future__ import annotations

import operator

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import InvalidArgumentError

LATENT_SIZE = 512
_KEY_LIMIT = 2**64
_COUNT_LIMIT = 2**31


def sample_latents(count: int, seed: int, start: int = 0) -> npt.NDArray[np.float32]:
    """Draw standard normal latent codes; row i depends on ``(seed, start + i)`` only.

    The counter-based Philox generator of NumPy is keyed by both numbers, so that row 9,999 of a crowd can be drawn
    without the 9,999 before it, in any batch size, on any machine.

    Args:
        count: number of rows.
        seed: whole number in [0, 2^64).
        start: number of the first row under this seed.

    Returns:
        (count, 512) float32, the z of StyleGAN2.

    Raises:
        InvalidArgumentError: an argument is not a whole number in its range.
    """
    count = _whole("count", count, _COUNT_LIMIT)
    seed = _whole("seed", seed, _KEY_LIMIT)
    start = _whole("start", start, _KEY_LIMIT - max(count, 1) + 1)
    rows = np.empty((count, LATENT_SIZE), np.float32)
    for row in range(count):
        key = np.array([seed, start + row], np.uint64)
        rows[row] = np.random.Generator(np.random.Philox(key=key)).standard_normal(LATENT_SIZE)
    return rows


def _whole(name: str, value: object, limit: int) -> int:
    expected = f"a whole number, not negative and below {limit}"
    if isinstance(value, bool):
        raise InvalidArgumentError(name, expected, value)
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise InvalidArgumentError(name, expected, repr(value)) from error
    if not 0 <= number < limit:
        raise InvalidArgumentError(name, expected, number)
    return number
