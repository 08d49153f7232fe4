"""Principal components of images with holes: alternating weighted least squares, robust to what does not fit."""

from __future__ import annotations

import torch
from tqdm import tqdm

from stylefaceuv.errors import InvalidArgumentError

_PRECISION_SCALE = 1 / 8


class WeightedPCA:
    """Mean, components and coefficients of images whose pixels have weights.

    Source: Roweis (1998), EM algorithms for PCA, extended to per-pixel weights; Geman-McClure reweighting.

    Args:
        components: K.
        seed: of the random start.

    Attributes:
        mean: (3, r, r) float.
        basis: (K, 3, r, r) float, scaled so that the coefficients have unit variance.
        noise: (1, r, r) float, robust standard deviation of the rest, per pixel.
        coefficients: (n, K) float.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    noise: torch.Tensor
    coefficients: torch.Tensor

    def __init__(self, components: int, seed: int = 0) -> None:
        if components < 1:
            raise InvalidArgumentError("components", "at least 1", components)
        self.components, self.seed = components, seed

    def fit(self, images: torch.Tensor, weights: torch.Tensor, iterations: int) -> torch.Tensor:
        """Fit, going on from the last fit when the number of images is the same.

        Args:
            images: (n, 3, r, r) float.
            weights: (n, 1, r, r) float in [0, 1].
            iterations: alternations.

        Returns:
            (n, 1, r, r) float, the weights times how well each pixel is explained.
        """
        robust = weights
        if getattr(self, "coefficients", None) is None or len(self.coefficients) != len(images):
            generator = torch.Generator().manual_seed(self.seed)
            self.coefficients = torch.randn(len(images), self.components, generator=generator)
            self.noise = torch.full_like(weights[0], 0.08)
        for _ in tqdm(range(iterations), desc="components", unit="iteration"):
            self._update_basis(images, robust)
            self._update_coefficients(images, robust)
            robust = self._reweight(images, weights)
        return robust

    def decode(self) -> torch.Tensor:
        """Return the (n, 3, r, r) images as the components explain them."""
        return self.mean + torch.einsum("nk,kchw->nchw", self.coefficients, self.basis)

    def _update_basis(self, images: torch.Tensor, weights: torch.Tensor) -> None:
        """Per pixel, regress the images on the coefficients."""
        count, channels, height, width = images.shape
        design = torch.cat([torch.ones(count, 1), self.coefficients], dim=1)  # (n, K+1)
        outer = (design[:, :, None] * design[:, None, :]).reshape(count, -1)
        flat_weights = weights.reshape(count, -1)  # (n, p)
        size = self.components + 1
        normal = (flat_weights.T @ outer).reshape(-1, size, size)
        ridge = torch.eye(size) * 4.0
        ridge[0, 0] = 1e-3
        solution = torch.empty(height * width, size, channels)
        for channel in range(channels):
            values = flat_weights * images[:, channel].reshape(count, -1)
            solution[:, :, channel] = torch.linalg.solve(normal + ridge, (values.T @ design)[..., None])[..., 0]
        maps = solution.permute(1, 2, 0).reshape(size, channels, height, width)
        self.mean, self.basis = maps[0], maps[1:]

    def _update_coefficients(self, images: torch.Tensor, weights: torch.Tensor) -> None:
        """Per image, ridge regression on the basis; then whiten, so that the ridge means unit variance."""
        basis = self.basis.flatten(1)
        for row in range(len(images)):
            precision = (weights[row] / self.noise**2 * _PRECISION_SCALE).expand_as(images[row]).reshape(-1)
            scaled = basis * precision
            normal = scaled @ basis.T + torch.eye(self.components)
            right = scaled @ (images[row] - self.mean).reshape(-1)
            self.coefficients[row] = torch.linalg.solve(normal, right)
        self._whiten()

    def _whiten(self) -> None:
        centre = self.coefficients.mean(dim=0)
        self.mean = self.mean + torch.einsum("k,kchw->chw", centre, self.basis)
        centred = self.coefficients - centre
        covariance = centred.T @ centred / len(centred)
        energy = torch.linalg.cholesky(covariance + 1e-6 * torch.eye(self.components))
        rotated = energy.T @ self.basis.flatten(1)
        left, scale, _ = torch.linalg.svd(rotated @ rotated.T)
        del scale
        self.basis = (left.T @ rotated).reshape(self.basis.shape)
        self.coefficients = torch.linalg.solve_triangular(energy, centred.T, upper=False).T @ left

    def _reweight(self, images: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        squared = torch.cat([((i - d) ** 2).mean(0, keepdim=True)[None] for i, d in self._pairs(images)])
        total = weights.sum(dim=0).clamp_min(1e-3)
        capped = torch.minimum(squared, (3 * self.noise**2)[None] * 3)
        self.noise = ((weights * capped).sum(dim=0) / total).sqrt().clamp(0.02, 0.2)
        return weights / (1 + squared / (2.5 * self.noise) ** 2) ** 2

    def _pairs(self, images: torch.Tensor):  # type: ignore[no-untyped-def]
        for row, image in enumerate(images):
            yield image, self.mean + torch.einsum("k,kchw->chw", self.coefficients[row], self.basis)
