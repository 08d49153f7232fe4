"""The robust fit of the albedo model on all texels, with or without support."""

from __future__ import annotations

import torch

from stylefaceuv.lifting.albedo_model import AlbedoModel


def dense_albedo_fit(
    model: AlbedoModel, textures: torch.Tensor, weights: torch.Tensor, iterations: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Texture (N, 3, r, r) and weights (N, 1, r, r), one face after the other."""
    fits = [_one(model, texture, weight, iterations) for texture, weight in zip(textures, weights, strict=True)]
    return torch.stack([fit[0] for fit in fits]), torch.stack([fit[1] for fit in fits])


def _one(
    model: AlbedoModel, texture: torch.Tensor, weight: torch.Tensor, iterations: int
) -> tuple[torch.Tensor, torch.Tensor]:
    given = weight * model.support
    robust, basis = given, model.basis.flatten(1)
    for step in range(iterations):
        precision = (robust / model.noise**2 / 8).expand_as(texture).flatten()
        normal = basis @ torch.diag(precision) @ basis.T + torch.eye(len(basis), dtype=basis.dtype)
        right = basis @ (precision * (texture - model.mean).flatten())
        decoded = model.mean + torch.einsum("k,kchw->chw", torch.linalg.solve(normal, right), model.basis)
        squared = ((texture - decoded) ** 2).mean(dim=0, keepdim=True)
        robust = given / (1 + squared / (model.noise * max(4.0 - step, 2.0)) ** 2) ** 2
    return decoded, robust
