"""The rival that lives in the same latent space: a view made by moving the stylecode, as InterFaceGAN edits.

Each asked yaw gets the editor's best shot: the step along the shipped yaw direction whose image is measured nearest to
it, searched on a grid and once more between the grid's steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from stylefaceuv.errors import InvalidArgumentError

GRID = tuple(3.0 * step for step in range(-4, 5))
"""Steps that are tried for every face, in units of W. F_yaw itself goes to about 10 for 45 degrees."""


@dataclass(frozen=True)
class Edit:
    """One edited view.

    Attributes:
        step: along the direction, in units of W.
        yaw: measured in the image, degrees.
        image: (1, 3, H, W) float in [0, 1], sRGB.
    """

    step: float
    yaw: float
    image: torch.Tensor


def best_edits(
    w: torch.Tensor,
    direction: torch.Tensor,
    asked: Sequence[float],
    synthesize: Callable[[torch.Tensor], torch.Tensor],
    measure_yaw: Callable[[torch.Tensor], float],
) -> list[Edit]:
    """Edit a face to the asked yaws as well as its direction can.

    Args:
        w: (512,) float, stylecode.
        direction: (512,) float, unit length.
        asked: degrees.
        synthesize: (512,) stylecode to (1, 3, H, W) image in [0, 1].
        measure_yaw: image to degrees; NaN where it shows no face any more.

    Returns:
        One edit for each asked yaw: the tried step whose measured yaw is nearest.

    Raises:
        InvalidArgumentError: shapes differ.
    """
    if w.ndim != 1 or direction.shape != w.shape:
        raise InvalidArgumentError("direction", f"shape {tuple(w.shape)}", tuple(direction.shape))

    def attempt(step: float) -> Edit:
        image = synthesize(w + step * direction)
        return Edit(step, measure_yaw(image), image)

    tried = [edit for edit in map(attempt, GRID) if math.isfinite(edit.yaw)]
    if not tried:
        return [attempt(0.0)] * len(asked)
    result = []
    for yaw in asked:
        refined = attempt(_between(tried, yaw))
        choice = [*tried, refined] if math.isfinite(refined.yaw) else tried
        result.append(min(choice, key=lambda edit: abs(edit.yaw - yaw)))
    return result


def _between(tried: Sequence[Edit], yaw: float) -> float:
    """The step at which the asked yaw lies on the line between the two nearest tries that enclose it, else the best."""
    pairs = [(a, b) for a, b in pairwise(tried) if (a.yaw - yaw) * (b.yaw - yaw) <= 0]
    best = min(tried, key=lambda edit: abs(edit.yaw - yaw))
    if not pairs:
        return best.step + 0.5
    a, b = min(pairs, key=lambda pair: abs(pair[0].yaw - yaw) + abs(pair[1].yaw - yaw))
    return a.step if a.yaw == b.yaw else a.step + (b.step - a.step) * (yaw - a.yaw) / (b.yaw - a.yaw)
