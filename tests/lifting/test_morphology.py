"""Dilation a row and a column at a time, against the whole square."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.lifting.morphology import dilate, erode


@pytest.mark.parametrize("radius", [0, 1, 4])
def test_both_passes_are_the_square(radius: int) -> None:
    image = torch.randn(2, 3, 13, 17, generator=torch.Generator().manual_seed(radius))
    whole = functional.max_pool2d(image, 2 * radius + 1, stride=1, padding=radius)
    assert torch.equal(dilate(image, radius), whole)
    assert torch.equal(erode(image, radius), -functional.max_pool2d(-image, 2 * radius + 1, stride=1, padding=radius))


def test_a_point_becomes_a_square_and_a_hole_too() -> None:
    point = torch.zeros(1, 1, 9, 11)
    point[0, 0, 4, 5] = 1
    assert int(dilate(point, 2).sum()) == 25
    assert int((1 - erode(1 - point, 1)).sum()) == 9
