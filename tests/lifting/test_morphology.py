"""Dilation a row and a column at a time, against the whole square."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from stylefaceuv.lifting.morphology import dilate, erode, reach
from tests.reference.naive_hair import flood


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


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_pieces_with_seeds_are_walked(steps: int) -> None:
    generator = torch.Generator().manual_seed(5)
    mask = torch.rand(1, 1, 19, 23, generator=generator) > 0.62
    seeds = torch.rand(1, 1, 19, 23, generator=generator) > 0.96
    found = reach(seeds.float(), mask.float(), steps)[0, 0] > 0.5
    expected = flood(seeds[0, 0].numpy(), mask[0, 0].numpy(), steps)
    assert int(expected.sum()) > 0
    assert int(expected.sum()) < int(mask.sum()), "some pieces have no seed"
    assert (found.numpy() == expected).all()
