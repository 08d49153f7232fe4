from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.lifting.albedo_model import AlbedoModel, load_albedo_model, pack_albedo_model
from stylefaceuv.weights_file import save_tensors
from tests.reference.naive_albedo import dense_albedo_fit


def _model(components: int = 4, size: int = 16) -> AlbedoModel:
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(components, 3, size, size, generator=generator) * 0.1
    return AlbedoModel(torch.full((3, size, size), 0.5), basis, torch.full((1, size, size), 0.03))


def test_fit_recovers_a_texture_of_the_span_under_occlusion() -> None:
    model = _model()
    wanted = torch.tensor([[1.0, -0.5, 0.3, 0.8], [-1.2, 0.4, 0.9, 0.1]])
    clean = model.decode(wanted)
    dirty = clean.clone()
    dirty[:, :, :4] = 0.0  # a black hat
    weights = torch.ones(2, 1, 16, 16)
    weights[..., 12:] = 0
    dirty[..., 12:] = 7.0
    fit = model.fit(dirty, weights)
    assert (fit.texture - clean).abs().max() < 0.06
    assert fit.weights[:, :, :4, :12].mean() < 0.1
    assert fit.weights[:, :, 4:, :12].mean() > 0.9
    assert float(fit.weights[..., 12:].max()) == 0


def test_fit_with_partial_support_equals_the_dense_formula() -> None:
    model = _partly_supported(torch.float64)
    generator = torch.Generator().manual_seed(3)
    textures = torch.rand(2, 3, 12, 12, generator=generator, dtype=torch.float64)
    weights = torch.rand(2, 1, 12, 12, generator=generator, dtype=torch.float64)
    fit = model.fit(textures, weights, iterations=3)
    texture, kept = dense_albedo_fit(model, textures, weights, iterations=3)
    torch.testing.assert_close(fit.texture, texture)
    torch.testing.assert_close(fit.weights, kept)
    assert float(fit.weights[:, :, :5].max()) == 0


def test_a_loaded_state_is_fitted_with_its_own_support() -> None:
    model, other = _model(size=12), _partly_supported(torch.float32)
    model.load_state_dict(other.state_dict())
    textures, weights = torch.rand(1, 3, 12, 12), torch.ones(1, 1, 12, 12)
    torch.testing.assert_close(model.fit(textures, weights).texture, other.fit(textures, weights).texture)


def _partly_supported(dtype: torch.dtype) -> AlbedoModel:
    plain = _model(size=12)
    support = torch.linspace(0, 1, 12).view(1, 12, 1).expand(1, 12, 12).clone()
    support[:, :5] = 0
    noise = 0.03 + 0.01 * torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(1))
    return AlbedoModel(*(each.to(dtype) for each in (plain.mean, plain.basis, noise, support)))


def test_without_evidence_the_fit_is_the_mean() -> None:
    model = _model()
    fit = model.fit(torch.rand(1, 3, 16, 16), torch.zeros(1, 1, 16, 16))
    torch.testing.assert_close(fit.texture[0], model.mean)


def test_batch_equals_singles() -> None:
    model = _model()
    textures, weights = torch.rand(3, 3, 16, 16), torch.rand(3, 1, 16, 16)
    together = model.fit(textures, weights)
    for row in range(3):
        alone = model.fit(textures[row : row + 1], weights[row : row + 1])
        torch.testing.assert_close(together.texture[row], alone.texture[0], atol=1e-4, rtol=1e-4)


def test_wrong_resolution_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="textures"):
        _model().fit(torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8))


def test_save_and_load(tmp_path: Path) -> None:
    model = _model()
    path = tmp_path / "albedo.safetensors"
    save_tensors(path, pack_albedo_model(model))
    loaded = load_albedo_model(path)
    assert (loaded.basis - model.basis).abs().max() < model.basis.abs().max() / 200
    torch.testing.assert_close(loaded.mean, model.mean, atol=1e-3, rtol=0)


def test_a_file_with_other_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "albedo.safetensors"
    save_tensors(path, {"mean": torch.zeros(3, 4, 4)})
    with pytest.raises(WeightsError, match=r"albedo\.safetensors"):
        load_albedo_model(path)
