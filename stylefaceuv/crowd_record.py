"""What a folder of generated heads says about itself: ``manifest.json``, and a journal while it is being filled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stylefaceuv.errors import OutputError
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.manifest import sha256_of

MANIFEST_NAME = "manifest.json"
JOURNAL_NAME = "manifest.partial.jsonl"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class HeadRecord:
    """One finished head.

    Attributes:
        index: number of its stylecode under the seed.
        seed: of the stylecode.
        truncation: psi.
        file: name in the folder.
        sha256: of that file.
        size: of that file, bytes.
        registration_error: mean landmark distance in outer-eye distances; None if not registered.
    """

    index: int
    seed: int
    truncation: float
    file: str
    sha256: str
    size: int
    registration_error: float | None

    def matches(self, folder: Path) -> bool:
        """Return whether the folder still holds exactly this file."""
        path = folder / self.file
        return path.is_file() and path.stat().st_size == self.size and sha256_of(path) == self.sha256


class CrowdRecord:
    """The finished heads of a folder; each is on disk as soon as it is added.

    Args:
        folder: of the heads; made when missing.
        arguments: everything that the files depend on, JSON-serialisable.
        overwrite: forget heads that were made with other arguments instead of refusing.

    Raises:
        OutputError: the folder cannot be written, or holds heads made with other arguments.
    """

    def __init__(self, folder: Path, arguments: Mapping[str, Any], overwrite: bool = False) -> None:
        self.folder = folder
        self.arguments = json.loads(json.dumps(dict(arguments)))
        self.heads: dict[int, HeadRecord] = {}
        self._load(overwrite)
        self._write_journal()

    def add(self, head: HeadRecord) -> None:
        """Write one finished head to the journal."""
        self.heads[head.index] = head
        with self._journal.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(head)) + "\n")

    def finish(self, **more: Any) -> Path:
        """Write ``manifest.json`` whole and remove the journal.

        Args:
            **more: further entries of the manifest.

        Returns:
            The manifest's path.
        """
        path = self.folder / MANIFEST_NAME
        heads = [asdict(self.heads[index]) for index in sorted(self.heads)]
        content = {"format_version": FORMAT_VERSION, "arguments": self.arguments, **more, "heads": heads}
        atomic_write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        self._journal.unlink(missing_ok=True)
        return path

    @property
    def _journal(self) -> Path:
        return self.folder / JOURNAL_NAME

    def _load(self, overwrite: bool) -> None:
        for arguments, rows in (_read_manifest(self.folder / MANIFEST_NAME), _read_journal(self._journal)):
            if not rows:
                continue
            if arguments == self.arguments:
                self.heads.update({row["index"]: HeadRecord(**row) for row in rows})
            elif not overwrite:
                raise OutputError(self._refusal(arguments))

    def _refusal(self, found: Mapping[str, Any]) -> str:
        keys = sorted({*found, *self.arguments})
        changed = [key for key in keys if found.get(key) != self.arguments.get(key)]
        difference = ", ".join(
            f"{key} {_brief(found.get(key))} (now {_brief(self.arguments.get(key))})" for key in changed
        )
        return (
            f"out: expected a new folder or the same arguments again, got {self.folder} whose heads were made with "
            f"{difference}; choose another folder or overwrite"
        )

    def _write_journal(self) -> None:
        rows = [{"arguments": self.arguments}, *(asdict(head) for head in self.heads.values())]
        atomic_write_bytes(self._journal, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else "other"


def _read_manifest(path: Path) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    try:
        content = json.loads(path.read_text("utf-8"))
        return content["arguments"], content["heads"]
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"out: expected a manifest of generated heads or none, got {path} ({error})") from error


def _read_journal(path: Path) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The last line may be torn when the process was killed; it is dropped."""
    if not path.is_file():
        return {}, []
    rows = []
    for line in path.read_text("utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return (rows[0].get("arguments", {}), rows[1:]) if rows else ({}, [])
