"""Weighted shares against plain loops."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.evidence import weighted_share


def test_a_share_is_the_weighted_mean_and_0_of_nothing() -> None:
    source = torch.Generator().manual_seed(0)
    mask, weights = torch.rand(1, 1, 5, 7, generator=source), torch.rand(1, 1, 5, 7, generator=source)
    pairs = [(float(m), float(w)) for m, w in zip(mask.flatten(), weights.flatten(), strict=True)]
    naive = sum(m * w for m, w in pairs) / sum(w for _, w in pairs)
    found = weighted_share(mask, weights)
    assert found.shape == (1, 1, 1, 1)
    torch.testing.assert_close(float(found), naive, atol=1e-6, rtol=0)
    assert float(weighted_share(mask, weights * 0)) == 0
