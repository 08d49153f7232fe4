from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch

from stylefaceuv.errors import WeightsError
from stylefaceuv.networks.mobile_stylegan import load_mobile_stylegan
from stylefaceuv.training.convert_mobile_stylegan import convert, latent_code, mean_stylecode
from stylefaceuv.training.openvino_ir import read_graph
from tests.reference.mobile_stylegan_ir import Wheel

CHANNELS = [16, 16, 8, 8]


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    wheel = Wheel(CHANNELS, dim=16, layers=3)
    wheel.save(tmp_path)
    np.save(tmp_path / "mean.npy", np.arange(16, dtype=np.float32))
    return wheel


def _convert(folder: Path) -> Path:
    target = folder / "generator.safetensors"
    convert(folder, target, folder / "mean.npy")
    return target


def test_the_converted_network_computes_what_the_graph_computes(wheel: Wheel, tmp_path: Path) -> None:
    model = load_mobile_stylegan(_convert(tmp_path))
    assert model.config.channels == tuple(CHANNELS)
    z = torch.from_numpy(np.stack([latent_code(1, i, 16) for i in range(3)])).float()
    w = wheel.mapping(z)
    torch.testing.assert_close(model.mapping(z), w, atol=2e-3, rtol=2e-3)
    expected = wheel.synthesis(w)
    error = (model.synthesis(w) - expected).abs().mean() / expected.abs().mean()
    assert error < 2e-3
    assert torch.equal(model.mean_stylecode, torch.arange(16.0))


def test_converting_twice_gives_the_same_bytes(wheel: Wheel, tmp_path: Path) -> None:
    first = _convert(tmp_path).read_bytes()
    assert _convert(tmp_path).read_bytes() == first


def test_the_mean_is_computed_from_numbered_codes() -> None:
    expected = np.stack([latent_code(0, i, 4) for i in range(1500)]).mean(0) * 2
    result = mean_stylecode(lambda z: z * 2, count=1500, dim=4)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-6)


def test_a_latent_code_depends_on_its_two_numbers_only() -> None:
    philox = np.random.Generator(np.random.Philox(key=[7, 3]))
    np.testing.assert_array_equal(latent_code(7, 3), philox.standard_normal(512))
    assert not np.array_equal(latent_code(7, 3), latent_code(3, 7))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('type="GroupConvolution"', 'type="Convolve"', "expected 4 convolutions per Haar step and 2 more"),
        ('type="GroupConvolutionBackpropData"', 'type="Resize"', "expected inverse Haar steps"),
        ('type="Tile"', 'type="Interpolate"', "expected a reshaped constant"),
        ('type="Reshape"', 'type="Relu"', "expected a reshaped constant"),
    ],
)
def test_other_graphs_are_refused(wheel: Wheel, tmp_path: Path, old: str, new: str, message: str) -> None:
    xml = tmp_path / "SynthesisNetwork.xml"
    assert old in xml.read_text()
    xml.write_text(xml.read_text().replace(old, new))
    with pytest.raises(WeightsError, match=message):
        _convert(tmp_path)
    assert not (tmp_path / "generator.safetensors").exists()


def test_other_wavelets_are_refused(tmp_path: Path) -> None:
    wheel = Wheel(CHANNELS, dim=16, layers=1)
    wheel.save(tmp_path)
    blob = (tmp_path / "SynthesisNetwork.bin").read_bytes()
    taps = np.full(2, 0.5**0.5, np.float32).tobytes()
    assert taps in blob
    (tmp_path / "SynthesisNetwork.bin").write_bytes(blob.replace(taps, np.full(2, 0.5, np.float32).tobytes()))
    with pytest.raises(WeightsError, match="expected inverse Haar steps"):
        convert(tmp_path, tmp_path / "x.safetensors")


def test_a_damaged_graph_is_named(wheel: Wheel, tmp_path: Path) -> None:
    xml = tmp_path / "MappingNetwork.xml"
    (tmp_path / "MappingNetwork.bin").write_bytes(b"\0" * 64)
    with pytest.raises(WeightsError, match=r"MappingNetwork\.xml: constant n\d+: expected data inside the \.bin"):
        read_graph(xml)
    xml.write_text("<net")
    with pytest.raises(WeightsError, match=r"MappingNetwork\.xml: expected a readable OpenVINO IR"):
        read_graph(xml)
    with pytest.raises(WeightsError, match=r"absent\.xml"):
        read_graph(tmp_path / "absent.xml")


def test_the_reference_graph_is_well_formed(wheel: Wheel, tmp_path: Path) -> None:
    root = ElementTree.parse(tmp_path / "SynthesisNetwork.xml").getroot()
    kinds = [layer.get("type") for layer in root.iterfind("layers/layer")]
    assert kinds.count("Convolution") == 2 * len(CHANNELS)
    assert kinds.count("GroupConvolutionBackpropData") == len(CHANNELS)
