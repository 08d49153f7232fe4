"""A linear model of delit face textures: completes what a photo does not show and tells skin from what is not.

The model lives on a small atlas and is learned from the data set's own delit textures
(:mod:`stylefaceuv.training.albedo`). Fitting is robust: texels that the span cannot explain (hair, glasses,
hats, background) lose their weight, so the fit shows the face that is under them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import nn

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.soft_steps import eased
from stylefaceuv.weights_file import load_tensors


@dataclass(frozen=True)
class AlbedoFit:
    """Robust projection of textures on the model.

    Attributes:
        texture: (N, 3, r, r) float, sRGB-encoded albedo of the fit, complete.
        weights: (N, 1, r, r) float in [0, 1], given weight times how well the model explains the texel.
        coefficients: (N, K) float, unit variance.
    """

    texture: torch.Tensor
    weights: torch.Tensor
    coefficients: torch.Tensor


class AlbedoModel(nn.Module):
    """Mean and basis of sRGB-encoded albedo textures on a small atlas.

    Args:
        mean: (3, r, r) float.
        basis: (K, 3, r, r) float; a coefficient of 1 is one standard deviation.
        noise: (1, r, r) float, standard deviation of what the basis leaves over, per texel.
        support: (1, r, r) float in [0, 1], 1 where the model was learned, 0 where it only knows the skin tone.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    noise: torch.Tensor
    support: torch.Tensor
    inside: torch.Tensor
    basis_inside: torch.Tensor

    def __init__(
        self, mean: torch.Tensor, basis: torch.Tensor, noise: torch.Tensor, support: torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("basis", basis)
        self.register_buffer("noise", noise)
        self.register_buffer("support", torch.ones_like(noise) if support is None else support)
        self._find_inside()
        self.register_load_state_dict_post_hook(_find_inside)

    def _find_inside(self) -> None:
        """Keep the basis where there is support: a fit reads it dozens of times, and only there."""
        inside = torch.nonzero(self.support.flatten() > 0).squeeze(1)
        self.register_buffer("inside", inside, persistent=False)
        self.register_buffer("basis_inside", self.basis.flatten(2)[..., inside].contiguous(), persistent=False)

    @property
    def resolution(self) -> int:
        """Edge of the model's atlas, texels."""
        return self.mean.shape[-1]

    def decode(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Return the textures of coefficients.

        Args:
            coefficients: (N, K) float.

        Returns:
            (N, 3, r, r) float, sRGB-encoded albedo, not clamped.
        """
        return self.mean + torch.einsum("nk,kchw->nchw", coefficients, self.basis)

    def fit(self, textures: torch.Tensor, weights: torch.Tensor, iterations: int = 6) -> AlbedoFit:
        """Project textures on the model, ignoring what it cannot explain.

        Iteratively reweighted ridge regression with the Geman-McClure weight, its scale falling from coarse
        to the model's own noise.

        Args:
            textures: (N, 3, r, r) float, sRGB-encoded albedo; arbitrary where the weight is 0.
            weights: (N, 1, r, r) float in [0, 1].
            iterations: number of reweightings.

        Returns:
            The fit; a texture of no weight at all gives the mean.

        Raises:
            InvalidArgumentError: the textures do not have the model's resolution.
        """
        if textures.shape[1:] != self.mean.shape:
            raise InvalidArgumentError("textures", f"shape (N, {tuple(self.mean.shape)})", tuple(textures.shape))
        given, wanted = (weights * self.support).flatten(1)[:, self.inside], textures.flatten(2)[..., self.inside]
        wanted, noise = wanted - self.mean.flatten(1)[:, self.inside], self.noise.flatten()[self.inside]
        robust = given
        coefficients = textures.new_zeros(len(textures), len(self.basis))
        for step in range(iterations):
            coefficients = self._solve(wanted, robust / noise**2)
            spread = noise * max(4.0 - step, 2.0)
            robust = given * self._explained(wanted, coefficients, spread)
        kept = torch.zeros_like(weights).flatten(1).index_copy(1, self.inside, robust).view_as(weights)
        return AlbedoFit(self.decode(coefficients), kept, coefficients)

    def unexplained(self, textures: torch.Tensor, fit: AlbedoFit) -> torch.Tensor:
        """Tell what is no skin: hair, glasses, hats, background.

        Args:
            textures: (N, 3, r, r) float, sRGB-encoded albedo.
            fit: their fit.

        Returns:
            (N, 1, r, r) float in [0, 1]; 0 within the model's tolerance, 1 far outside it. The tolerance is wide
            where faces differ (brows, lips, beard) and narrow where the model knows the skin tone only.
        """
        distance = ((textures - fit.texture) ** 2).mean(dim=1, keepdim=True).sqrt()
        tolerance = self.support * (3.0 * self.noise + 0.055) + (1 - self.support) * 0.085
        doubt = eased((distance / tolerance - 1).clamp(0, 0.6) / 0.6)
        # Beyond the learned region a strand of hair takes its surroundings along.
        around = functional.max_pool2d(doubt, 3, stride=1, padding=1)
        return doubt + (1 - self.support) * (around - doubt)

    def _solve(self, wanted: torch.Tensor, precision: torch.Tensor) -> torch.Tensor:
        """(N, K) coefficients of offsets from the mean (N, 3, P) of a precision (N, P)."""
        # Neighbouring texels are correlated: an eighth of them counts as independent evidence.
        precision = (precision / 8)[:, None].expand_as(wanted).flatten(1)  # N 3 P -> N (3 P)
        basis = self.basis_inside.flatten(1)  # K (3 P)
        weighed = basis * precision[:, None]  # N K (3 P)
        normal = weighed @ basis.T + torch.eye(len(basis), dtype=basis.dtype, device=basis.device)
        right = weighed @ wanted.flatten(1)[..., None]
        return torch.linalg.solve(normal, right)[..., 0]

    def _explained(self, wanted: torch.Tensor, coefficients: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
        """(N, P) in [0, 1]: how well coefficients explain offsets from the mean (N, 3, P)."""
        decoded = (coefficients @ self.basis_inside.flatten(1)).view_as(wanted)
        squared = ((wanted - decoded) ** 2).mean(dim=1)
        return 1 / (1 + squared / spread**2) ** 2


def _find_inside(model: AlbedoModel, _: object) -> None:
    model._find_inside()


def load_albedo_model(path: str | Path) -> AlbedoModel:
    """Load an albedo model.

    The basis is stored as int8 with one scale per component: its rounding error is far below its noise.

    Args:
        path: a safetensors file with ``mean``, ``noise``, ``support``, ``basis_int8`` and ``basis_scale``.

    Returns:
        The model.

    Raises:
        WeightsError: missing or altered tensors.
    """
    tensors = load_tensors(path)
    expected = {"mean", "noise", "support", "basis_int8", "basis_scale"}
    if set(tensors) != expected:
        raise WeightsError(f"{Path(path).name}: expected tensors {sorted(expected)}, got {sorted(tensors)}")
    scale = tensors["basis_scale"].float()[:, None, None, None]
    basis = tensors["basis_int8"].float() * scale
    return AlbedoModel(tensors["mean"].float(), basis, tensors["noise"].float(), tensors["support"].float())


def pack_albedo_model(model: AlbedoModel) -> dict[str, torch.Tensor]:
    """Return the tensors that :func:`load_albedo_model` reads.

    Args:
        model: the model.

    Returns:
        Tensors by name: float16 mean and noise, int8 basis, float32 scale.
    """
    scale = model.basis.abs().amax(dim=(1, 2, 3)).clamp_min(1e-8) / 127
    rounded = (model.basis / scale[:, None, None, None]).round().to(torch.int8)
    return {
        "mean": model.mean.half(),
        "noise": model.noise.half(),
        "support": model.support.half(),
        "basis_int8": rounded,
        "basis_scale": scale.float(),
    }
