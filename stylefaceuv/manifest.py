"""``manifest.json`` of a bundle: hash, size, origin and licence of every file, checked before anything is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from stylefaceuv.config import FORMAT_VERSION, check_file_name, check_format_version, read_json, to_json
from stylefaceuv.errors import WeightsError

MANIFEST_NAME = "manifest.json"
_HASH_LENGTH = 64


@dataclass(frozen=True)
class Licence:
    """Where a file comes from and what may be done with it.

    Attributes:
        origin: where the numbers come from.
        licence: one line a person reads.
        commercial_use: whether the licence allows commercial use.
    """

    origin: str
    licence: str
    commercial_use: bool


@dataclass(frozen=True)
class FileRecord:
    """One file of a bundle.

    Attributes:
        sha256: of the whole file, lower-case hexadecimal.
        size: bytes.
        terms: origin and licence.
    """

    sha256: str
    size: int
    terms: Licence


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, lower-case hexadecimal; reads it in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def record_of(path: Path, terms: Licence) -> FileRecord:
    """Return the record of a file as it is now.

    Args:
        path: the file.
        terms: its origin and licence.

    Returns:
        The record.
    """
    return FileRecord(sha256_of(path), path.stat().st_size, terms)


def manifest_json(records: Mapping[str, FileRecord]) -> str:
    """Return the text of ``manifest.json``.

    Args:
        records: by file name.

    Returns:
        JSON.
    """
    files = {
        name: {"sha256": record.sha256, "size": record.size, **asdict(record.terms)} for name, record in records.items()
    }
    return to_json({"format_version": FORMAT_VERSION, "files": files})


def read_manifest(path: Path) -> dict[str, FileRecord]:
    """Read and check ``manifest.json``.

    Args:
        path: the file.

    Returns:
        Records by file name.

    Raises:
        WeightsError: missing, not JSON, of an unknown format version, or without a needed field.
    """
    content = read_json(path)
    check_format_version(path, content)
    files = content.get("files")
    if not isinstance(files, dict):
        raise WeightsError(f"{path}: files: expected a JSON object, got {type(files).__name__}")
    return {check_file_name(path, name): _record(path, name, entry) for name, entry in files.items()}


def _record(path: Path, name: str, entry: object) -> FileRecord:
    fields = entry if isinstance(entry, dict) else {}
    digest, size = fields.get("sha256"), fields.get("size")
    origin, licence, commercial = (fields.get(key) for key in ("origin", "licence", "commercial_use"))
    well_formed = (
        isinstance(digest, str)
        and len(digest) == _HASH_LENGTH
        and isinstance(size, int)
        and isinstance(origin, str)
        and isinstance(licence, str)
        and isinstance(commercial, bool)
    )
    if not well_formed:
        raise WeightsError(
            f"{path}: files.{name}: expected sha256, size, origin, licence and commercial_use, got {entry!r}"
        )
    return FileRecord(str(digest), int(str(size)), Licence(str(origin), str(licence), bool(commercial)))


def verify(path: Path, record: FileRecord) -> None:
    """Check that a file is the one that its record describes.

    Args:
        path: the file.
        record: what the manifest says of it.

    Raises:
        WeightsError: missing, truncated or altered; names the file and both hashes.
    """
    expected = f"{record.size} bytes with sha256 {record.sha256}"
    try:
        size, digest = path.stat().st_size, sha256_of(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: expected {expected}, got no such file") from error
    except OSError as error:
        raise WeightsError(f"{path}: expected {expected}, got an unreadable file ({error})") from error
    if (size, digest) != (record.size, record.sha256):
        fault = "truncated" if size < record.size else "altered"
        raise WeightsError(f"{path}: expected {expected}, got {size} bytes with sha256 {digest}; the file is {fault}")
