"""Colours that texels borrow."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.neighbours import nearest, weighted, without_neighbours


def test_nearest_points_come_in_order_and_few_points_all_come() -> None:
    generator = torch.Generator().manual_seed(4)
    places, points = (torch.randn(count, 3, generator=generator) for count in (5, 9))
    rows, distance = nearest(places, points, 4)
    every = torch.cdist(places, points).sort(dim=1)
    assert torch.equal(rows, every.indices[:, :4])
    assert torch.allclose(distance, every.values[:, :4], atol=1e-5)
    assert nearest(places, points, 30)[0].shape == (5, 9)


def test_a_mean_is_weighted_one_texel_at_a_time() -> None:
    painted = torch.rand(6, 3, generator=torch.Generator().manual_seed(5))
    rows, weights = torch.tensor([[0, 2, 5], [4, 4, 1]]), torch.tensor([[1.0, 2.0, 1.0], [3.0, 0.5, 0.5]])
    naive = [
        sum(painted[row] * weight for row, weight in zip(some, heavy, strict=True)) / heavy.sum()
        for some, heavy in zip(rows, weights, strict=True)
    ]
    assert torch.allclose(weighted(rows, weights).mean(painted), torch.stack(naive))


def test_no_texel_has_no_colour() -> None:
    assert without_neighbours(torch.rand(3)).mean(torch.rand(4, 3)).shape == (0, 3)
