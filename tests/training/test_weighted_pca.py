from __future__ import annotations

import torch

from stylefaceuv.training.weighted_pca import WeightedPCA


def test_recovers_images_with_holes_and_outliers() -> None:
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(3, 3, 8, 6, generator=generator)
    codes = torch.randn(150, 3, generator=generator)
    clean = 0.5 + 0.1 * torch.einsum("nk,kchw->nchw", codes, basis)
    weights = (torch.rand(150, 1, 8, 6, generator=generator) > 0.3).float()
    outlier = (torch.rand(150, 1, 8, 6, generator=generator) < 0.05) & (weights > 0)
    dirty = torch.where(outlier.expand_as(clean), torch.full_like(clean, 3.0), clean)
    pca = WeightedPCA(3)
    robust = pca.fit(dirty, weights, 12)
    assert float((pca.decode() - clean).abs().mean()) < 0.005
    assert float(robust[outlier].mean()) < 0.01
    torch.testing.assert_close(pca.coefficients.var(dim=0), torch.ones(3), atol=0.02, rtol=0)
