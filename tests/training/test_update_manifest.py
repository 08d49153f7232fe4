"""The manifest tells what lies in the folder now, and refuses what nobody knows the origin of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stylefaceuv.bundle import Bundle
from stylefaceuv.errors import WeightsError
from stylefaceuv.manifest import read_manifest, sha256_of
from stylefaceuv.training.update_manifest import main, update_manifest
from stylefaceuv.training.weight_origins import ORIGINS
from stylefaceuv.weights_file import EMBEDDED_WEIGHTS, save_tensors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(sorted(ORIGINS)):
        save_tensors(tmp_path / f"{name}.safetensors", {"x": torch.full((3,), float(number))})
    return tmp_path


def test_every_file_is_recorded_with_its_hash_and_terms(folder: Path) -> None:
    update_manifest(folder)
    records = read_manifest(folder / "manifest.json")
    for name, origin in ORIGINS.items():
        path = folder / f"{name}.safetensors"
        record = records[path.name]
        assert (record.sha256, record.size, record.terms) == (sha256_of(path), path.stat().st_size, origin.terms)


def test_a_changed_file_is_refused_until_the_manifest_is_made_anew(folder: Path) -> None:
    update_manifest(folder)
    save_tensors(folder / "yaw.safetensors", {"x": torch.ones(9)})
    with pytest.raises(WeightsError, match=r"yaw\.safetensors"):
        Bundle.open(folder)
    update_manifest(folder)
    Bundle.open(folder)


def test_a_file_of_unknown_origin_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tensors(folder / "stranger.safetensors", {"x": torch.ones(1)})
    assert main(["--directory", str(folder)]) == 1
    assert "stranger" in capsys.readouterr().err
    assert not (folder / "manifest.json").exists()


def test_a_truncated_file_is_refused(folder: Path) -> None:
    path = folder / "mapper.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsError, match=r"mapper\.safetensors"):
        update_manifest(folder)


def test_the_shipped_manifest_agrees_with_the_table_of_origins() -> None:
    records = read_manifest(EMBEDDED_WEIGHTS / "manifest.json")
    shipped = {path.stem for path in EMBEDDED_WEIGHTS.glob("*.safetensors")}
    assert shipped == set(ORIGINS)
    for name in shipped:
        assert records[f"{name}.safetensors"].terms == ORIGINS[name].terms
