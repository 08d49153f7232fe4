"""Bundles: what is written is what is read, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch

from stylefaceuv.bundle import Bundle, ComponentSource, write_bundle
from stylefaceuv.errors import InvalidArgumentError, OutputError, WeightsError
from stylefaceuv.training.update_manifest import main as update_manifest
from stylefaceuv.training.weight_origins import ORIGINS
from stylefaceuv.weights_file import load_tensors, save_tensors
from tests.bundles import FREE, make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_saved_bundle_is_identical(bundle: Bundle, tmp_path: Path) -> None:
    copy = Bundle.open(bundle.save(tmp_path / "copy"))
    assert {path.name: path.read_bytes() for path in copy.directory.iterdir()} == {
        path.name: path.read_bytes() for path in bundle.directory.iterdir()
    }
    assert copy.config == bundle.config
    assert copy.records == bundle.records
    assert torch.equal(load_tensors(copy.path("generator"))["weight"], torch.ones(64, 8))


def test_saving_onto_itself_changes_nothing(bundle: Bundle) -> None:
    before = {path.name: path.read_bytes() for path in bundle.directory.iterdir()}
    bundle.save(bundle.directory)
    assert {path.name: path.read_bytes() for path in bundle.directory.iterdir()} == before


def test_hashes_and_licences(bundle: Bundle) -> None:
    opened = Bundle.open(str(bundle.directory))
    assert opened.hashes["generator.safetensors"] == _sha256(opened.path("generator"))
    assert opened.licences == {"generator": "research only", "face_model": "CC0-1.0"}
    assert not opened.terms["generator"].commercial_use


def test_altered_file_is_named_with_both_hashes(bundle: Bundle) -> None:
    path = bundle.path("generator")
    expected = _sha256(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        Bundle.open(bundle.directory)
    message = str(caught.value)
    assert all(part in message for part in ("generator.safetensors", expected, _sha256(path), "altered"))


def test_truncated_file_is_named_with_both_hashes(bundle: Bundle) -> None:
    path = bundle.path("face_model")
    expected, size = _sha256(path), path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    with pytest.raises(WeightsError) as caught:
        Bundle.open(bundle.directory)
    message = str(caught.value)
    assert all(part in message for part in ("face_model.safetensors", expected, _sha256(path), "truncated", str(size)))


@pytest.mark.parametrize("name", ["generator.safetensors", "config.json", "manifest.json"])
def test_missing_file_is_named(bundle: Bundle, name: str) -> None:
    (bundle.directory / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name}.*no such file"):
        Bundle.open(bundle.directory)


def _edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
@pytest.mark.parametrize("name", ["config.json", "manifest.json"])
def test_unknown_format_version(bundle: Bundle, name: str, version: object) -> None:
    _edit(bundle.directory / name, format_version=version)
    with pytest.raises(WeightsError, match=f"{name}: format_version: expected 1, got"):
        Bundle.open(bundle.directory)


def test_altered_config_is_refused(bundle: Bundle) -> None:
    path = bundle.directory / "config.json"
    path.write_text(path.read_text().replace("tiny", "huge"))
    with pytest.raises(WeightsError, match=r"config\.json.*altered"):
        Bundle.open(bundle.directory)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"format_version": 1}', '{"format_version": 1, "files": {"a": 1}}']
)
def test_malformed_manifest(bundle: Bundle, content: str) -> None:
    (bundle.directory / "manifest.json").write_text(content)
    with pytest.raises(WeightsError, match=r"manifest\.json"):
        Bundle.open(bundle.directory)


@pytest.mark.parametrize("file", ["../generator.safetensors", "/etc/passwd", "a\\b.safetensors", "generator.pt", ""])
def test_config_points_into_its_own_folder_only(bundle: Bundle, file: str) -> None:
    part = {"file": file, "class_name": "X", "preset": "y"}
    _edit(bundle.directory / "config.json", components={"generator": part})
    with pytest.raises(WeightsError, match=r"config\.json"):
        Bundle.open(bundle.directory)


def test_component_without_a_record(bundle: Bundle) -> None:
    path = bundle.directory / "manifest.json"
    files = json.loads(path.read_text())["files"]
    del files["face_model.safetensors"]
    _edit(path, files=files)
    with pytest.raises(WeightsError, match=r"expected an entry for face_model\.safetensors"):
        Bundle.open(bundle.directory)


def test_unknown_component(bundle: Bundle) -> None:
    with pytest.raises(WeightsError, match=r"'mapper', got only face_model, generator"):
        bundle.path("mapper")


def test_pickle_is_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (canary,)

    weights = tmp_path / "a.safetensors"
    weights.write_bytes(pickle.dumps(Bomb()))
    bundle = write_bundle(tmp_path / "bundle", {"generator": ComponentSource(weights, "X", "y", FREE)})
    with pytest.raises(WeightsError, match=r"generator\.safetensors"):
        load_tensors(Bundle.open(bundle.directory).path("generator"))
    assert not canary.exists()


def test_missing_source_leaves_no_bundle(tmp_path: Path) -> None:
    gone = ComponentSource(tmp_path / "gone.safetensors", "X", "y", FREE)
    with pytest.raises(WeightsError, match=r"gone\.safetensors"):
        write_bundle(tmp_path / "bundle", {"generator": gone})
    with pytest.raises(WeightsError):
        Bundle.open(tmp_path / "bundle")


def test_interrupted_rewrite_leaves_no_bundle_that_opens(bundle: Bundle, tmp_path: Path) -> None:
    gone = ComponentSource(tmp_path / "gone.safetensors", "X", "y", FREE)
    with pytest.raises(WeightsError):
        write_bundle(bundle.directory, {"mapper": gone})
    with pytest.raises(WeightsError, match=r"manifest\.json"):
        Bundle.open(bundle.directory)


def test_folder_in_the_way_of_a_file(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="writable"):
        bundle.save(tmp_path / "file" / "bundle")


@pytest.mark.parametrize("source", ["nowhere", "./a/b", "/no/such/folder", "a/b/c"])
def test_missing_folder(source: str) -> None:
    with pytest.raises(WeightsError, match="expected a folder with a bundle or a Hub id"):
        Bundle.open(source)


def test_revision_needs_a_hub_id(bundle: Bundle) -> None:
    with pytest.raises(InvalidArgumentError, match="revision"):
        Bundle.open(bundle.directory, revision="main")


def test_embedded_bundle_is_whole_and_every_file_has_its_terms() -> None:
    """Fails when a weight file was replaced without ``python -m stylefaceuv.training.update_manifest``."""
    embedded = Bundle.open()
    on_disk = {path.name for path in embedded.directory.glob("*.safetensors")}
    assert on_disk == set(embedded.hashes)
    assert embedded.terms == {name: ORIGINS[name].terms for name in embedded.config.components}
    assert sum(record.size for record in embedded.records.values()) < 40e6


def test_what_is_derived_from_the_generator_is_not_for_commercial_use() -> None:
    restricted = {name for name, origin in ORIGINS.items() if not origin.terms.commercial_use}
    assert restricted == set(ORIGINS) - {"face_model", "landmarker"}


def test_update_manifest_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tensors(tmp_path / "mapper.safetensors", {"weight": torch.ones(3)})
    assert update_manifest(["--directory", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{_sha256(tmp_path / 'mapper.safetensors')}  mapper.safetensors\n"
    assert Bundle.open(tmp_path).licences["mapper"].startswith("Non-commercial")
    (tmp_path / "strange.safetensors").write_bytes(b"")
    assert update_manifest(["--directory", str(tmp_path)]) == 1
    assert "strange" in capsys.readouterr().err
