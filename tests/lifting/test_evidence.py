"""Soft thresholds and weighted shares against plain loops."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.evidence import soft_threshold, weighted_share


def test_a_threshold_is_straight_between_its_ends() -> None:
    found = soft_threshold(torch.tensor([-1.0, 0.2, 0.3, 0.4, 7.0]), (0.2, 0.4))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))


def test_a_share_is_the_weighted_mean_and_0_of_nothing() -> None:
    source = torch.Generator().manual_seed(0)
    mask, weights = torch.rand(1, 1, 5, 7, generator=source), torch.rand(1, 1, 5, 7, generator=source)
    pairs = [(float(m), float(w)) for m, w in zip(mask.flatten(), weights.flatten(), strict=True)]
    naive = sum(m * w for m, w in pairs) / sum(w for _, w in pairs)
    found = weighted_share(mask, weights)
    assert found.shape == (1, 1, 1, 1)
    torch.testing.assert_close(float(found), naive, atol=1e-6, rtol=0)
    assert float(weighted_share(mask, weights * 0)) == 0
