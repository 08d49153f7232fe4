"""A bundle is a folder with ``config.json``, ``manifest.json`` and one safetensors file for each component.

The embedded weights, a folder of your own and a Hub repository are the same thing and go through the same checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stylefaceuv import hub
from stylefaceuv.config import CONFIG_NAME, WEIGHTS_SUFFIX, BundleConfig, ComponentConfig, read_config
from stylefaceuv.errors import InvalidArgumentError, OutputError, WeightsError
from stylefaceuv.files import atomic_path, atomic_write_bytes
from stylefaceuv.manifest import MANIFEST_NAME, FileRecord, Licence, manifest_json, read_manifest, record_of, verify
from stylefaceuv.plain_values import as_path, number, whole

if TYPE_CHECKING:
    from stylefaceuv.types import Provenance

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_LARGEST_KEY = 2**64 - 1
_CONFIG_TERMS = Licence("stylefaceuv", "Apache-2.0", True)


@dataclass(frozen=True)
class ComponentSource:
    """A weight file on its way into a bundle.

    Attributes:
        path: a safetensors file.
        class_name: name of the class that the weights belong to.
        preset: name of the sizes.
        terms: origin and licence.
    """

    path: Path
    class_name: str
    preset: str
    terms: Licence


@dataclass(frozen=True)
class Bundle:
    """An opened bundle whose files have been checked.

    Attributes:
        directory: its folder.
        config: what its ``config.json`` says.
        records: what its ``manifest.json`` says, by file name.
    """

    directory: Path
    config: BundleConfig
    records: Mapping[str, FileRecord]

    @classmethod
    def open(cls, source: str | Path | None = None, revision: str | None = None) -> Bundle:
        """Find a bundle and check every file of it against its manifest.

        Args:
            source: None for the embedded weights, a folder, or a Hub id ("org/name").
            revision: branch, tag or commit, for a Hub id only.

        Returns:
            The bundle.

        Raises:
            WeightsError: not found, or a file is missing, truncated, altered or of an unknown format.
            InvalidArgumentError: a revision without a Hub id.
        """
        directory = _locate(source, revision)
        config = read_config(directory / CONFIG_NAME)
        records = read_manifest(directory / MANIFEST_NAME)
        for name in [CONFIG_NAME, *(component.file for component in config.components.values())]:
            if name not in records:
                raise WeightsError(f"{directory / MANIFEST_NAME}: expected an entry for {name}, got none")
        for name, record in records.items():
            verify(directory / name, record)
        return cls(directory, config, records)

    def path(self, component: str) -> Path:
        """Return the weight file of a component.

        Args:
            component: its name, such as "generator".

        Returns:
            A safetensors file that was whole when the bundle was opened.

        Raises:
            WeightsError: the bundle has no such component.
        """
        return self.directory / self._component(component).file

    def _component(self, name: str) -> ComponentConfig:
        try:
            return self.config.components[name]
        except KeyError as error:
            known = ", ".join(sorted(self.config.components)) or "none"
            raise WeightsError(f"{self.directory}: expected a component {name!r}, got only {known}") from error

    @property
    def hashes(self) -> dict[str, str]:
        """Sha256 of each weight file, by file name."""
        return {part.file: self.records[part.file].sha256 for part in self.config.components.values()}

    @property
    def terms(self) -> dict[str, Licence]:
        """Origin and licence of each component, by component."""
        return {name: self.records[part.file].terms for name, part in self.config.components.items()}

    @property
    def licences(self) -> dict[str, str]:
        """Licence line of each component, by component."""
        return {name: terms.licence for name, terms in self.terms.items()}

    def save(self, directory: str | Path, push_to_hub: str | None = None) -> Path:
        """Write the bundle to a folder, and push it to the Hub when a repository id is given.

        Args:
            directory: where to write; made when missing.
            push_to_hub: a Hub id ("org/name"), or None.

        Returns:
            The folder.

        Raises:
            InvalidArgumentError: what is no path or no Hub id.
            OutputError: the folder cannot be written.
            HubError: the push failed.
        """
        if push_to_hub is not None and not isinstance(push_to_hub, str):
            raise InvalidArgumentError("push_to_hub", "a Hub id 'org/name'", repr(push_to_hub)[:60])
        sources = {
            name: ComponentSource(self.path(name), part.class_name, part.preset, self.terms[name])
            for name, part in self.config.components.items()
        }
        written = write_bundle(directory, sources)
        if push_to_hub is not None:
            written.push(push_to_hub)
        return written.directory

    def push(self, repository: str, message: str | None = None) -> str:
        """Push the bundle to the Hub in one commit, with a model card that lists origins and licences.

        Args:
            repository: a Hub id ("org/name"); made when missing.
            message: commit message.

        Returns:
            The commit's hash.

        Raises:
            HubError: the push failed.
        """
        files = {name: self.directory / name for name in (*self.records, MANIFEST_NAME)}
        return hub.push(repository, files, hub.model_card(self.terms), message or "Upload stylefaceuv bundle")


def provenances(
    bundle: Bundle | None, count: int, seed: int | None, start: int | None, truncation: float | None
) -> list[Provenance]:
    """Say where faces came from.

    Args:
        bundle: the weights; None for parts of the user's own.
        count: number of faces.
        seed: seed of their stylecodes, where they have one.
        start: number of the first stylecode under that seed; None is 0.
        truncation: psi, where known.

    Returns:
        What goes into the exported files of each face.

    Raises:
        InvalidArgumentError: a seed, start or truncation that no stylecode can have.
    """
    from stylefaceuv import __version__
    from stylefaceuv.types import Provenance  # with torch, which no other work on bundles needs

    own_seed = None if seed is None else whole("seed", seed, 0, _LARGEST_KEY)
    first = 0 if start is None else whole("start", start, 0, _LARGEST_KEY)
    psi = None if truncation is None else number("truncation", truncation, 0, 2)
    hashes, licences = (bundle.hashes, bundle.licences) if bundle else ({}, {})
    indices = [None if own_seed is None else first + row for row in range(count)]
    return [Provenance(__version__, own_seed, index, psi, hashes, licences) for index in indices]


def write_bundle(directory: str | Path, components: Mapping[str, ComponentSource]) -> Bundle:
    """Write a bundle; its manifest comes last, so that an interrupted call leaves no bundle that opens.

    Args:
        directory: where to write; made when missing.
        components: weight files by component name.

    Returns:
        The bundle, opened and checked.

    Raises:
        WeightsError: a weight file is missing.
        OutputError: the folder cannot be written.
    """
    folder = as_path("directory", directory)
    _remove(folder / MANIFEST_NAME)
    parts = {
        name: ComponentConfig(f"{name}{WEIGHTS_SUFFIX}", source.class_name, source.preset)
        for name, source in components.items()
    }
    for name, source in components.items():
        _copy(source.path, folder / parts[name].file)
    config = BundleConfig(parts)
    atomic_write_bytes(folder / CONFIG_NAME, config.to_json().encode())
    records = {part.file: record_of(folder / part.file, components[name].terms) for name, part in parts.items()}
    records[CONFIG_NAME] = record_of(folder / CONFIG_NAME, _CONFIG_TERMS)
    atomic_write_bytes(folder / MANIFEST_NAME, manifest_json(records).encode())
    return Bundle(folder, config, records)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"directory: expected a writable folder, got {path.parent} ({error.strerror})") from error


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise WeightsError(f"{source}: expected a weight file, got no such file")
    if target.exists() and target.samefile(source):
        return
    with atomic_path(target) as temporary, source.open("rb") as reader, temporary.open("wb") as writer:
        while block := reader.read(1 << 20):
            writer.write(block)


def _locate(source: str | Path | None, revision: str | None) -> Path:
    is_hub_id = isinstance(source, str) and _HUB_ID.fullmatch(source) is not None and not Path(source).is_dir()
    if is_hub_id:
        return hub.fetch(str(source), revision)
    if revision is not None:
        raise InvalidArgumentError("revision", "no revision unless the bundle is a Hub id's", repr(revision))
    directory = Path(__file__).parent / "weights" if source is None else as_path("source", source).expanduser()
    if not directory.is_dir():
        raise WeightsError(f"source: expected a folder with a bundle or a Hub id 'org/name', got {str(source)!r}")
    return directory
