from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.stylegan2 import StyleGAN2, StyleGAN2Config, config_to_dict, load_stylegan2
from stylefaceuv.weights_file import save_tensors

SMALL = StyleGAN2Config(8, 2, (6, 6, 4), 3.0)


def _model(config: StyleGAN2Config = SMALL) -> StyleGAN2:
    torch.manual_seed(0)
    model = StyleGAN2(config)
    for name, parameter in model.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            torch.nn.init.normal_(parameter)
    return model.eval()


def _codes(count: int, *rows: int) -> torch.Tensor:
    return torch.randn(count, *rows, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("levels", "resolution"), [(1, 4), (2, 8), (4, 32), (6, 128)])
def test_any_resolution(levels: int, resolution: int) -> None:
    model = _model(StyleGAN2Config(8, 2, (4,) * levels))
    assert (model.resolution, model.num_ws) == (resolution, 2 * levels)
    image = model.synthesis(_codes(2, 2 * levels))
    assert image.shape == (2, 3, resolution, resolution)
    for side in model.feature_resolutions:
        assert model.synthesis_features(_codes(1), side).shape == (1, 4, side, side)


def test_a_batch_equals_its_singles() -> None:
    model, ws = _model(), _codes(3, 6)
    singles = torch.cat([model.synthesis(one[None]) for one in ws])
    torch.testing.assert_close(model.synthesis(ws), singles, atol=1e-5, rtol=1e-5)


def test_image_and_features_at_once_are_those_of_each_alone() -> None:
    model, w = _model(), _codes(2)
    image, features = model.synthesis_with_features(w, 8)
    assert torch.equal(image, model.synthesis(w))
    assert torch.equal(features, model.synthesis_features(w, 8))


def test_each_row_of_an_extended_code_has_its_layers() -> None:
    model, ws = _model(), _codes(1, 6).requires_grad_()
    (grad,) = torch.autograd.grad(model.synthesis(ws).square().sum(), ws)
    assert grad.abs().sum(-1)[0].gt(0).all()
    (grad,) = torch.autograd.grad(model.synthesis_features(ws, 8).square().sum(), ws)
    assert grad.abs().sum(-1)[0].gt(0).tolist() == [True] * 3 + [False] * 3
    w = _codes(1)
    torch.testing.assert_close(model.synthesis(w[:, None].repeat(1, 6, 1)), model.synthesis(w))


def test_gradients() -> None:
    model = _model(StyleGAN2Config(4, 1, (3, 2))).double()
    names, values = zip(*model.synthesis_network.named_parameters(), strict=True)
    w = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)

    def image(codes: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        named = {f"synthesis_network.{n}": p for n, p in zip(names, parameters, strict=True)}
        images: torch.Tensor = torch.func.functional_call(model, named, (codes,))
        return images.square().sum()

    assert torch.autograd.gradcheck(image, (w, *values), fast_mode=True)


def test_activations_are_clamped() -> None:
    model = _model(StyleGAN2Config(8, 2, (6, 6, 4), 0.1))
    features = model.synthesis_features(_codes(2), 16)
    assert features.abs().max().item() == pytest.approx(0.1)


def test_save_and_load(tmp_path: Path) -> None:
    model, path = _model(), tmp_path / "g.safetensors"
    save_tensors(path, model.state_dict(), config_to_dict(SMALL))
    loaded = load_stylegan2(path)
    assert loaded.config == SMALL
    assert torch.equal(loaded.synthesis(_codes(2)), model.synthesis(_codes(2)).detach())
    assert torch.equal(loaded.mapping(_codes(2)), model.mapping(_codes(2)).detach())
    for values, message in (
        ({"architecture": "mobile_stylegan"}, "expected architecture 'stylegan2'"),
        ({"architecture": "stylegan2"}, "expected the sizes of a StyleGAN2"),
        (config_to_dict(StyleGAN2Config(8, 2, (6, 6))), "unknown synthesis_network.blocks.1"),
        (config_to_dict(StyleGAN2Config(8, 2, (6, 6, 5))), "expected shape"),
    ):
        save_tensors(path, model.state_dict(), values)
        with pytest.raises(WeightsError, match=message):
            load_stylegan2(path)


def test_bad_arguments_are_named() -> None:
    model = _model()
    with pytest.raises(InvalidArgumentError, match=r"w: expected .*\(N, 8\) or \(N, 6, 8\).*\(1, 5, 8\)"):
        model.synthesis(_codes(1, 5))
    with pytest.raises(InvalidArgumentError, match=r"resolution: expected one of .* got 32"):
        model.synthesis_features(_codes(1), 32)
    with pytest.raises(InvalidArgumentError, match="z: expected"):
        model.mapping(torch.zeros(1, 7))
