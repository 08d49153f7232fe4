from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stylefaceuv.errors import OutputError, WeightsError
from stylefaceuv.weights_file import load_config, load_into, load_tensors, save_tensors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "part.safetensors"
    save_tensors(path, {"weight": torch.ones(3, 2).half(), "bias": torch.arange(3.0)}, {"sizes": [1, 2], "name": "x"})
    return path


def test_round_trip(path: Path) -> None:
    tensors = load_tensors(path)
    assert tensors["weight"].dtype == torch.float16
    assert torch.equal(tensors["bias"], torch.arange(3.0))
    assert load_config(path) == {"sizes": [1, 2], "name": "x"}
    layer = nn.Linear(2, 3)
    load_into(layer, path)
    assert layer.weight.dtype == torch.float32
    assert torch.equal(layer.weight, torch.ones(3, 2))


def test_equal_content_gives_equal_bytes(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_tensors(other, dict(reversed(load_tensors(path).items())), {"name": "x", "sizes": [1, 2]})
    assert other.read_bytes() == path.read_bytes()


def test_views_and_shared_tensors_are_stored_whole(tmp_path: Path) -> None:
    shared = torch.arange(12.0).reshape(3, 4)
    save_tensors(tmp_path / "a.safetensors", {"a": shared, "b": shared.T})
    assert torch.equal(load_tensors(tmp_path / "a.safetensors")["b"], shared.T)
    assert load_config(tmp_path / "a.safetensors") == {}


def test_missing_truncated_and_foreign_files_are_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors: expected a weight file, got no such file"):
        load_tensors(tmp_path / "absent.safetensors")
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:20], b"", b"PK\x03\x04" + whole):
        path.write_bytes(content)
        for reader in (load_tensors, load_config):
            with pytest.raises(WeightsError, match=r"part\.safetensors: expected a whole safetensors file"):
                reader(path)
    with pytest.raises(WeightsError, match="unreadable"):
        load_tensors(tmp_path)


def test_configurations_must_be_objects(tmp_path: Path) -> None:
    for text, message in (("[1]", "JSON object"), ("{", "unreadable")):
        save_file({"x": torch.zeros(1)}, str(tmp_path / "a.safetensors"), metadata={"config": text})
        with pytest.raises(WeightsError, match=message):
            load_config(tmp_path / "a.safetensors")


def test_values_must_be_finite(tmp_path: Path) -> None:
    bad = {"good": torch.zeros(2), "bad": torch.tensor([1.0, float("nan")])}
    with pytest.raises(WeightsError, match="'bad': expected finite values"):
        save_tensors(tmp_path / "a.safetensors", bad)
    assert list(tmp_path.iterdir()) == []
    save_file(bad, str(tmp_path / "b.safetensors"))
    with pytest.raises(WeightsError, match=r"b\.safetensors: tensor 'bad': expected finite values"):
        load_tensors(tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(3, 2)}, "missing bias, unknown none"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "extra": torch.zeros(1)}, "unknown extra"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(3)}, r"'weight': expected shape \(3, 2\), got \(2, 3\)"),
        ({f"k{i}": torch.zeros(1) for i in range(9)}, "k0, k1, k2, k3, k4 and 4 more"),
    ],
)
def test_keys_and_shapes_are_strict(tmp_path: Path, tensors: dict[str, torch.Tensor], message: str) -> None:
    save_tensors(tmp_path / "a.safetensors", tensors)
    layer = nn.Linear(2, 3)
    before = layer.weight.clone()
    with pytest.raises(WeightsError, match=message):
        load_into(layer, tmp_path / "a.safetensors")
    assert torch.equal(layer.weight, before)


def test_unwritable_places_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected a writable place"):
        save_tensors(tmp_path / "file" / "a.safetensors", {"x": torch.zeros(1)})
