"""What a folder of generated heads says about itself: ``manifest.json``, and a journal while it is being filled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stylefaceuv.errors import OutputError
from stylefaceuv.files import atomic_write_bytes
from stylefaceuv.manifest import sha256_of

MANIFEST_NAME = "manifest.json"
JOURNAL_NAME = "manifest.partial.jsonl"
FORMAT_VERSION = 1
_Found = tuple[Mapping[str, Any], list["HeadRecord"], list[int]]
"""Arguments, heads, and which of them the contact sheet shows."""


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

    Attributes:
        heads: the finished heads, by number.
        sheet_heads: numbers of the heads that the contact sheet shows, as the manifest tells.

    Raises:
        OutputError: the folder cannot be written, or holds heads made with other arguments.
    """

    def __init__(self, folder: Path, arguments: Mapping[str, Any], overwrite: bool = False) -> None:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"out: expected a folder, got the file {folder}")
        self.folder = folder
        self.arguments = json.loads(json.dumps(dict(arguments)))
        self.heads: dict[int, HeadRecord] = {}
        self.sheet_heads: list[int] = []
        self._load(overwrite)
        self._write_journal()

    def add(self, head: HeadRecord) -> None:
        """Write one finished head to the journal."""
        self.heads[head.index] = head
        with self._journal.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(head)) + "\n")

    def finish(self, sheet_heads: list[int], **more: Any) -> Path:
        """Write ``manifest.json`` whole and remove the journal.

        Args:
            sheet_heads: numbers of the heads that the contact sheet shows.
            **more: further entries of the manifest.

        Returns:
            The manifest's path.
        """
        path = self.folder / MANIFEST_NAME
        heads = [asdict(self.heads[index]) for index in sorted(self.heads)]
        head = {"format_version": FORMAT_VERSION, "arguments": self.arguments, **more}
        content = {**head, "contact_sheet_heads": sheet_heads, "heads": heads}
        atomic_write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
        self._journal.unlink(missing_ok=True)
        return path

    @property
    def _journal(self) -> Path:
        return self.folder / JOURNAL_NAME

    def _load(self, overwrite: bool) -> None:
        manifest = _read_manifest(self.folder / MANIFEST_NAME)
        for arguments, rows, sheet_heads in (manifest, _read_journal(self._journal)):
            if not rows:
                continue
            if arguments == self.arguments:
                self.heads.update({head.index: head for head in rows})
                self.sheet_heads = sheet_heads or self.sheet_heads
            elif not overwrite:
                raise OutputError(self._refusal(arguments))

    def _refusal(self, found: Mapping[str, Any]) -> str:
        difference = ", ".join(_differences(found, self.arguments))
        return (
            f"out: expected a new folder or the same arguments again, got {self.folder} whose heads were made with "
            f"{difference}; choose another folder or overwrite"
        )

    def _write_journal(self) -> None:
        rows = [{"arguments": self.arguments}, *(asdict(head) for head in self.heads.values())]
        atomic_write_bytes(self._journal, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Tell what changed, entry by entry; of long values the beginning."""
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from (f"{key}.{inner}" for inner in _differences(old, new))
        elif old != new:
            yield f"{key} {_brief(old)} (now {_brief(new)})"


def _brief(value: object) -> str:
    text = "unset" if value is None else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def _read_manifest(path: Path) -> _Found:
    try:
        content = json.loads(path.read_text("utf-8"))
        heads = [HeadRecord(**row) for row in content["heads"]]
        return dict(content["arguments"]), heads, list(content.get("contact_sheet_heads", []))
    except (FileNotFoundError, NotADirectoryError):
        return {}, [], []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"out: expected a manifest of generated heads or none, got {path} ({error})") from error


def _read_journal(path: Path) -> _Found:
    """The last line may be torn when the process was killed; it is dropped, and so is all that follows it."""
    if not path.is_file():
        return {}, [], []
    heads: list[HeadRecord] = []
    try:
        first, *rows = path.read_text("utf-8").splitlines()
        arguments = dict(json.loads(first)["arguments"])
        for row in rows:
            heads.append(HeadRecord(**json.loads(row)))
    except (ValueError, KeyError, TypeError):
        return (arguments, heads, []) if heads else ({}, [], [])
    return arguments, heads, []
