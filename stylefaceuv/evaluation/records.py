"""What was measured on each face, kept on disk so that a killed run goes on where it was."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stylefaceuv.errors import InvalidArgumentError
from stylefaceuv.files import atomic_write_bytes

Vectors = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class FaceRecord:
    """One face's measurements.

    Attributes:
        index: number of the stylecode under the seed.
        figures: nested figures by section.
        vectors: embeddings and features by name.
    """

    index: int
    figures: dict[str, Any]
    vectors: Vectors


class RecordStore:
    """A folder with one JSON and one NPZ file a face; a face counts as done when its JSON is there, written last.

    Args:
        folder: where the records lie.
        settings: what they depend on; records of other settings are refused.

    Raises:
        InvalidArgumentError: the folder holds a run of other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        stored = folder / "settings.json"
        text = json.dumps(settings, indent=1, sort_keys=True)
        if stored.exists() and stored.read_text() != text:
            raise InvalidArgumentError("out", "an empty folder, or one of a run with equal settings", str(folder))
        atomic_write_bytes(stored, text.encode())

    def path(self, index: int, suffix: str = ".json") -> Path:
        """The file of a face."""
        return self.folder / f"{index:06d}{suffix}"

    def has(self, index: int) -> bool:
        """Whether a face is done."""
        return self.path(index).exists()

    def write(self, record: FaceRecord) -> None:
        """Keep a record."""
        data = io.BytesIO()
        np.savez_compressed(data, allow_pickle=False, **record.vectors)
        atomic_write_bytes(self.path(record.index, ".npz"), data.getvalue())
        atomic_write_bytes(self.path(record.index), json.dumps(record.figures, indent=1, sort_keys=True).encode())

    def read(self, index: int) -> FaceRecord:
        """Read a record."""
        with np.load(self.path(index, ".npz")) as file:
            vectors = {name: file[name] for name in file.files}
        return FaceRecord(index, json.loads(self.path(index).read_text()), vectors)
