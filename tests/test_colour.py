"""CIELAB against the formula written out for one colour."""

from __future__ import annotations

import math

import pytest
import torch

from stylefaceuv.colour import srgb_to_lab
from tests.reference.naive_colour import lab


def test_every_texel_has_its_colour() -> None:
    image = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    image[0, :, 0, 0], image[0, :, 0, 1], image[0, :, 0, 2] = 0.0, 1.0, 0.004
    found = srgb_to_lab(image)
    for batch in range(2):
        for row in range(5):
            for column in range(4):
                expected = lab(*image[batch, :, row, column].tolist())
                assert found[batch, :, row, column].tolist() == pytest.approx(expected, abs=0.01)


def test_white_grey_and_blue_are_where_they_belong() -> None:
    colors = torch.tensor([[1.0, 1.0, 1.0], [0.5, 0.5, 0.5], [0.0, 0.0, 1.0]]).T.reshape(1, 3, 1, 3)
    white, grey, blue = srgb_to_lab(colors)[0, :, 0].T.tolist()
    assert white == pytest.approx([100, 0, 0], abs=0.01)
    assert grey == pytest.approx([53.39, 0, 0], abs=0.05)
    assert blue[0] == pytest.approx(32.3, abs=0.1)
    assert math.hypot(*blue[1:]) == pytest.approx(133.8, abs=0.5)
