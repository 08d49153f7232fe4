"""Lines between knots."""

from __future__ import annotations

import numpy as np
import torch

from stylefaceuv.piecewise_linear import height_over, interpolate


def test_interpolation_is_linear_and_constant_beyond_the_ends() -> None:
    at = torch.tensor([-1.0, 0.0, 0.5, 2.0, 9.0])
    got = interpolate(at, torch.tensor([0.0, 1.0, 3.0]), torch.tensor([2.0, 4.0, 0.0]))
    assert torch.allclose(got, torch.tensor([2.0, 2.0, 3.0, 2.0, 0.0]))


def test_it_equals_numpys_and_has_its_gradient() -> None:
    generator = torch.Generator().manual_seed(2)
    at, knots = (torch.randn(n, generator=generator, dtype=torch.float64) for n in (40, 7))
    knots, values = knots.sort().values, torch.randn(7, generator=generator, dtype=torch.float64)
    np.testing.assert_allclose(interpolate(at, knots, values), np.interp(at, knots, values), atol=1e-12)
    assert torch.autograd.gradcheck(interpolate, [each.requires_grad_() for each in (at, knots, values)])


def test_a_polyline_may_come_in_any_order_and_have_equal_knots() -> None:
    line = torch.tensor([[2.0, 1.0, 9.0], [0.0, 3.0, 9.0], [2.0, 1.0, 9.0], [1.0, 5.0, 9.0]])
    got = height_over(line, torch.tensor([-1.0, 0.5, 1.5, 2.0, 4.0]))
    assert torch.allclose(got, torch.tensor([3.0, 4.0, 3.0, 1.0, 1.0]))
