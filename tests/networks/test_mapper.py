"""The mapper splits its 177 numbers as documented, bounds expressions and refuses wrong files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.networks.mapper import COEFFICIENT_COUNT, PRESETS, Mapper, load_mapper
from stylefaceuv.weights_file import save_tensors


def test_the_numbers_are_split_in_their_order() -> None:
    raw = torch.arange(COEFFICIENT_COUNT).float()[None]
    parts = Mapper().unpack(raw)
    assert parts.identity[0].tolist() == list(range(80))
    assert parts.rotation[0].tolist() == [144, 145, 146]
    assert parts.lighting[0].tolist() == list(range(147, 174))
    assert parts.translation[0].tolist() == [174, 175, 176]


def test_expressions_are_bounded_and_pass_gradients_inside_only() -> None:
    raw = torch.zeros(1, COEFFICIENT_COUNT)
    raw[0, 80:83] = torch.tensor([-0.5, 0.5, 1.5])
    raw.requires_grad_()
    expression = Mapper().unpack(raw).expression
    assert expression[0, :3].tolist() == [0, 0.5, 1]
    expression[0, :3].sum().backward()
    assert raw.grad is not None
    assert raw.grad[0, 80:83].tolist() == [0, 1, 0]


@pytest.mark.parametrize("preset", PRESETS)
def test_saved_and_loaded_it_maps_the_same(preset: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = tuple(f"unit{number}" for number in range(64))
    mapper, path, w = Mapper(preset, names), tmp_path / "mapper.safetensors", torch.randn(2, 512)
    save_tensors(path, mapper.state_dict(), {"preset": preset, "expression_names": list(names)})
    loaded = load_mapper(path)
    with torch.no_grad():
        torch.testing.assert_close(loaded.raw(w), mapper.raw(w), rtol=1e-5, atol=1e-5)
    assert loaded(w).expression_names == names


@pytest.mark.parametrize("shape", [(512,), (2, 511), (0,), (1, 1, 512)])
def test_a_wrong_shape_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgumentError, match=r"w: expected shape \(N, 512\)"):
        Mapper()(torch.zeros(shape))


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="preset"):
        Mapper("huge")
    save_tensors(tmp_path / "m.safetensors", {"x": torch.zeros(1)}, {"preset": "huge", "expression_names": []})
    with pytest.raises(WeightsError, match="mapper's configuration"):
        load_mapper(tmp_path / "m.safetensors")


def test_missing_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_tensors(path, {"mean": torch.zeros(COEFFICIENT_COUNT)}, {"preset": "compact", "expression_names": []})
    with pytest.raises(WeightsError, match=r"m\.safetensors"):
        load_mapper(path)
